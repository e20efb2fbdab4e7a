"""scripts/up: makes the lab server, on a sandbox host in Docker here unless another inventory is given."""

from __future__ import annotations

import sys

import docker_engine
import environment
import machine
import run_playbook


def main() -> int:
    """Run the command; return its exit code."""
    inventories = run_playbook.parse_arguments()[0].inventory
    environment.enter()
    if run_playbook.uses_sandbox(inventories):
        docker_engine.start()
    return run_playbook.main()


if __name__ == "__main__":
    sys.exit(machine.run_main(main))
