# shellcheck shell=bash
# Sourced by the scripts beside it: finds a Python for their programs. bash 3.2 is enough.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
  printf 'labserver: %s\n' "$*" >&2
  exit 1
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

# usage: run_program PROGRAM [ARGUMENT ...]     with the environment's Python where there is one, else with one found
run_program() {
  local program=$root/scripts/$1 python=$root/.venv/bin/python
  shift
  if [ ! -e "$root/.venv/labserver.stamp" ] || ! "$python" -c '' 2>/dev/null; then
    python=$(find_python)
  fi
  exec "$python" "$program" "$@"
}
