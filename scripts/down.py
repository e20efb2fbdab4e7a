"""scripts/down: removes the sandbox hosts, and with --all what scripts/up made on this machine."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import docker_engine
import environment
import machine
from machine import ROOT, STATE, ScriptError, print_status


def remove(folder: Path) -> None:
    """Remove a folder of ours with all that is in it."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise ScriptError(
            f"{error.filename or folder} could not be removed: {error.strerror}. Remove it: sudo rm -r {folder}"
        ) from error


def main() -> int:
    """Run the command; return its exit code."""
    description = "Removes the sandbox hosts with their volumes and swap."
    parser = argparse.ArgumentParser(prog="scripts/down", usage="scripts/down [--all]", description=description)
    parser.add_argument(
        "--all",
        action="store_true",
        help="also remove their images, the controller's environment (.venv) and what earlier runs left in .state, and "
        "stop the Docker engine if scripts/up started it",
    )
    options = parser.parse_args()
    environment.enter()
    if docker_engine.answers() or docker_engine.started_by_us().exists() or docker_engine.is_denied():
        docker_engine.start()
        extra = json.dumps({"sandbox_purge": options.all})
        inventory = ROOT / "inventory" / "sandbox"
        machine.check("ansible-playbook", "-i", inventory, "playbooks/teardown.yml", "--extra-vars", extra)
    if options.all:
        docker_engine.stop()
        if environment.VENV.is_symlink():
            environment.VENV.unlink()
        for folder in (environment.VENV, STATE):
            remove(folder)
        print_status("Removed .venv and .state. Packages that scripts/up installed (docker.io, mmdebstrap) stay.")
    return 0


if __name__ == "__main__":
    sys.exit(machine.run_main(main))
