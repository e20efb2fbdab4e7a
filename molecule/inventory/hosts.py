#!/usr/bin/env python3
"""Inventory of a scenario: its containers are named after it, so that scenarios can run side by side.

A script, for pytest-testinfra takes the names of containers from the inventory as they stand, without templates.
"""

from __future__ import annotations

import json
import os

SYSTEMS = ("debian12", "debian13")
# The whole server takes minutes on each host. Scenario used_host sets it up on the other system
ONCE = ("default",)


def systems(scenario: str) -> tuple[str, ...]:
    """Return the systems of a scenario's hosts; with ``scripts/test --full`` all."""
    return SYSTEMS[:1] if scenario in ONCE and "LABSERVER_FULL" not in os.environ else SYSTEMS


def inventory(scenario: str, folder: str) -> dict[str, object]:
    """Return the inventory in the form of ``ansible-inventory --list``."""
    containers = {f"molecule-{system}": f"{scenario.replace('_', '-')}-{system}" for system in systems(scenario)}
    hostvars = {
        host: {
            "ansible_host": container,
            "ansible_connection": "community.docker.docker",
            "sandbox_host": {"name": container, "system": host.removeprefix("molecule-")},
            "labserver_strict": False,
            # One whose JupyterLab the other may not use
            "rstudio_server_users": [{"name": "student"}, {"name": "teacher"}],
            # The machine sees every host's swap, so each has a path of its own
            "swap_path": f"/srv/{container}.swap",
            "swap_size_mb": 64,
            # Enough to show that the labs work; all hosts share the machine
            "r_labs_trees": 100,
            # Scenarios run side by side
            "report_folder": f"{folder}/reports",
        }
        for host, container in containers.items()
    }
    return {"labserver": {"hosts": list(containers)}, "_meta": {"hostvars": hostvars}}


if __name__ == "__main__":
    print(
        json.dumps(
            inventory(
                os.environ.get("MOLECULE_SCENARIO_NAME", "default"),
                os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", ".state"),
            )
        )
    )
