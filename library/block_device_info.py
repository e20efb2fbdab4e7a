#!/usr/bin/python
"""Ansible module: a block device, what is on it and where it is mounted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: block_device_info
short_description: Reads what is on a block device and where it is mounted
description:
  - Waits for a block device, and reads with C(lsblk), C(wipefs) and C(findmnt) whether it is blank, and whether it or
    its mount point is in use.
  - Changes nothing.
options:
  devices:
    description: Paths that the device may have; the first that is there counts.
    type: list
    elements: str
    required: true
  mount_point:
    description: Folder that the device is to be mounted at.
    type: path
    required: true
  timeout:
    description: Seconds to wait for the device.
    type: int
    default: 0
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
author: labserver
"""

EXAMPLES = r"""
- name: Read what is on the volume
  block_device_info:
    devices: [/dev/sdf, /dev/xvdf]
    mount_point: /srv/data
    timeout: 60
  register: volume
"""

RETURN = r"""
available:
  description: Whether the device is there. The values below are empty otherwise.
  returned: success
  type: bool
reason:
  description: Why not; empty otherwise.
  returned: success
  type: str
name:
  description: Canonical path of the device.
  returned: success
  type: str
partitions:
  description: Partitions and other devices on it.
  returned: success
  type: list
  elements: str
signatures:
  description: Types of file systems, partition tables and the like that are on it.
  returned: success
  type: list
  elements: str
uuid:
  description: UUID of the file system.
  returned: success
  type: str
mounted:
  description: Whether it is mounted at O(mount_point).
  returned: success
  type: bool
other_targets:
  description: Other folders that it is mounted at.
  returned: success
  type: list
  elements: str
other_sources:
  description: Other devices that are mounted at O(mount_point).
  returned: success
  type: list
  elements: str
hidden_file:
  description: A file in O(mount_point) that the device hides once it is mounted; empty where there is none.
  returned: success
  type: str
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.block_devices import first_device, mounts, signatures

PAUSE = 2  # seconds between two attempts


def find_device(module: AnsibleModule) -> dict[str, Any]:
    """Return the device as soon as it is there; nothing when it does not come."""
    end = time.monotonic() + module.params["timeout"]
    while True:
        # One of several names suffices, and lsblk fails because of the others
        lsblk = ["lsblk", "--json", "--paths", "--output=NAME,TYPE", *module.params["devices"]]
        device: dict[str, Any] = first_device(module.run_command(lsblk)[1])
        if device or time.monotonic() >= end:
            return device
        time.sleep(PAUSE)


def describe(module: AnsibleModule, device: dict[str, Any]) -> dict[str, Any]:
    """Return the device with what is on it and where it is mounted."""
    path = Path(module.params["mount_point"])
    wipefs = module.run_command(["wipefs", "--json", "--output=TYPE,UUID", device["name"]], check_rc=True)[1]
    findmnt = module.run_command(["findmnt", "--json", "--list", "--output=SOURCE,TARGET"], check_rc=True)[1]
    where = mounts(findmnt, device["name"], str(path))
    hidden = "" if where["mounted"] or not path.is_dir() else next((str(file) for file in path.iterdir()), "")
    return {**device, **signatures(wipefs), **where, "hidden_file": hidden}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "devices": {"type": "list", "elements": "str", "required": True},
            "mount_point": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    device = find_device(module)
    if device:
        module.exit_json(changed=False, available=True, reason="", **describe(module, device))
    names, seconds = ", ".join(module.params["devices"]), module.params["timeout"]
    module.exit_json(
        changed=False,
        available=False,
        reason=f"{names} did not appear as a block device within {seconds} seconds",
        name="",
        partitions=[],
        uuid="",
        mounted=False,
        other_targets=[],
        other_sources=[],
        hidden_file="",
        signatures=[],
    )


if __name__ == "__main__":
    main()
