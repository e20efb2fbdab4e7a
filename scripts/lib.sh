# shellcheck shell=bash
# Sourced by scripts/up, scripts/down and scripts/test: the controller's Python environment and the Docker engine.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=$root/.state
venv=$root/.venv
requirements=$root/requirements/controller.txt
# The one pinned uv, shared with the hosts
uv_requirement=$root/roles/python_venv/files/uv.txt
engine_pid=/var/run/docker.pid

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'labserver: %s\n' "$*" >&2
  exit 1
}

can_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

apt_install() {
  command -v apt-get >/dev/null && can_root || return 1
  mkdir -p "$state"
  say "Installing $* with apt-get (log: .state/apt.log)"
  {
    as_root apt-get -q update &&
      as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
  } >"$state/apt.log" 2>&1 || { grep '^E:' "$state/apt.log" >&2 && return 1; }
}

# One run at a time: two would make the same environment, engine and hosts.
lock() {
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock -n 9 || die "another scripts/up, down or test is at work in $root; wait for it, or end it, and run this again"
}

# ansible-core 2.19 runs on Python 3.11 to 3.13
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.11, 3.12 or 3.13 found. Debian 12 or later: apt-get install python3; Ubuntu 22.04: apt-get install" \
    "python3.11; RHEL 9 or Amazon Linux 2023: dnf install python3.11; macOS: brew install python@3.13." \
    "Or name one: PYTHON=/path/to/python3.11 $0"
}

# uv reads neither pip.conf nor PIP_*: give it the index and the certificates that pip uses.
uv_environment() {
  local index
  index=${PIP_INDEX_URL:-$("$venv/bin/python" -m pip config get global.index-url 2>/dev/null || true)}
  [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
  local cert
  cert=${PIP_CERT:-$("$venv/bin/python" -m pip config get global.cert 2>/dev/null || true)}
  [ -z "$cert" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$cert}"
  export UV_SYSTEM_CERTS=1 VIRTUAL_ENV=$venv
}

# Debian keeps the venv module in a package of its own, one for each version.
venv_module() {
  "$1" -c 'import ensurepip, venv' 2>/dev/null && return
  local package
  package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  apt_install "$package" ||
    die "$1 lacks the venv module. Install it (Debian, Ubuntu: sudo apt-get install $package) and run this again"
}

# Makes .venv from the pinned requirements. The stamp is written last: without it, a run was cut off and all is made
# anew; with another content, the requirements have changed and only what differs is installed.
controller_environment() {
  local stamp=$venv/labserver.stamp wanted
  wanted=$(cat "$requirements" "$uv_requirement" | sha256sum)
  export PATH=$venv/bin:$PATH
  if [ ! -e "$stamp" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    local python
    python=$(find_python)
    venv_module "$python"
    say "Making the controller's environment with $("$python" --version)"
    rm -f "$stamp"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip --quiet --disable-pip-version-check install --require-hashes -r "$uv_requirement"
  elif [ "$(cat "$stamp")" = "$wanted" ]; then
    return
  else
    say "Bringing the controller's environment up to date"
  fi
  uv_environment
  if ! "$venv/bin/uv" pip sync --quiet --require-hashes "$requirements"; then
    say "uv could not do it; trying with pip"
    "$venv/bin/python" -m pip --quiet --disable-pip-version-check install --require-hashes -r "$requirements"
  fi
  printf '%s\n' "$wanted" >"$stamp"
}

# After a crash or a reboot the number in a pid file may be that of another program.
# usage: running_pid FILE PROGRAM     removes the file where its number is not PROGRAM's; else prints the number
running_pid() {
  local pid
  pid=$(as_root cat "$1" 2>/dev/null) || return 0
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]; then echo "$pid"; else as_root rm -f "$1"; fi
}

systemd_runs() { [ -d /run/systemd/system ]; }

# Uses the engine that runs; else installs and starts Debian's, and notes that we did.
docker_engine() {
  docker info >/dev/null 2>&1 && return
  [ -z "${DOCKER_HOST:-}" ] || die "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST; start it, or unset DOCKER_HOST"
  if pgrep -x dockerd >/dev/null && [ "$(id -u)" != 0 ]; then
    die "a Docker engine runs but $(id -un) may not use it: sudo usermod -aG docker $(id -un), log in again, run this again"
  fi
  can_root || die "no Docker engine runs, and without root or passwordless sudo none can be installed." \
    "Install and start Docker (https://docs.docker.com/engine/install/), then run this again"
  # The client is a package of its own from Debian 13 on
  if ! { command -v dockerd || apt_install docker.io; } >/dev/null ||
    ! { command -v docker || apt_install docker-cli; } >/dev/null; then
    die "no Docker engine found, and this is no Debian family system: install Docker" \
      "(https://docs.docker.com/engine/install/), start it, and run this again"
  fi
  mkdir -p "$state"
  if systemd_runs; then
    as_root systemctl is-active --quiet docker || echo systemd >"$state/docker-started"
    as_root systemctl start docker
  else
    say "Starting the Docker engine (log: .state/dockerd.log)"
    # Either would pass for an engine that runs
    running_pid "$engine_pid" dockerd >/dev/null
    running_pid /var/run/docker/containerd/containerd.pid containerd >/dev/null
    # A session of its own, without our lock: it outlives this script, however that ends
    echo process >"$state/docker-started"
    as_root setsid --fork dockerd --group "$(id -gn)" >"$state/dockerd.log" 2>&1 </dev/null 9>&-
  fi
  local second
  for second in $(seq 60); do
    docker info >/dev/null 2>&1 && return
    sleep 1
  done
  die "the Docker engine did not answer within $second seconds: see .state/dockerd.log or journalctl -u docker"
}

# Stops the engine if, and only if, docker_engine started it.
docker_engine_stop() {
  case $(cat "$state/docker-started" 2>/dev/null) in
    systemd) as_root systemctl stop docker.socket docker ;;
    process)
      local pid
      pid=$(running_pid "$engine_pid" dockerd)
      if [ -n "$pid" ]; then
        as_root kill "$pid"
        while [ -d "/proc/$pid" ]; do sleep 0.2; done
      fi
      ;;
    *) return 0 ;;
  esac
  rm -f "$state/docker-started"
  say "Stopped the Docker engine that labserver had started"
}
