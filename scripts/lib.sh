# shellcheck shell=bash
# Sourced by the scripts beside it: finds a Python for their programs. bash 3.2 is enough.
set -euo pipefail

# Nothing of the caller's shell but what is meant for us
unset CDPATH
for name in ${!PYTHON*}; do
  case $name in
    PYTHON | PYTHONDONTWRITEBYTECODE | PYTHON_*) ;;
    # Other modules, warnings that are errors, a Python that stays open at its end
    *) unset "$name" ;;
  esac
done
if [ -z "${HOME:-}" ]; then
  unset HOME
  HOME=~ # of the user's entry in passwd
  export HOME
fi
# An ordinary user's PATH lacks the folders of dockerd and iptables
for folder in /usr/local/sbin /usr/sbin /sbin; do
  case :${PATH:-}: in
    *:$folder:*) ;;
    *) PATH=${PATH:+$PATH:}$folder ;;
  esac
done
export PATH
# Ansible refuses a locale that is not UTF-8, and one that is not installed, of which locale warns
case $(locale charmap 2>&1) in
  UTF-8) ;;
  *)
    LC_ALL=C.UTF-8
    if [ "$(uname)" = Darwin ]; then
      LC_ALL=en_US.UTF-8
    fi
    export LC_ALL
    ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
  printf 'labserver: %s\n' "$*" >&2
  exit 1
}

# What requirements/controller.txt has packages for
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.11 to 3.14 found. Debian 12 or later: apt-get install python3; Ubuntu 22.04: apt-get install" \
    "python3.11; RHEL 9 or Amazon Linux 2023: dnf install python3.11; macOS: brew install python@3.14." \
    "Or name one: PYTHON=/path/to/python3.11 $0"
}

# usage: run_program PROGRAM [ARGUMENT ...]     with the environment's Python where there is one, else with one found
run_program() {
  local program=$root/scripts/$1 python=$root/.venv/bin/python
  shift
  if [ ! -e "$root/.venv/labserver.stamp" ] || ! "$python" -c '' 2>/dev/null; then
    python=$(find_python)
  fi
  exec "$python" "$program" "$@"
}
