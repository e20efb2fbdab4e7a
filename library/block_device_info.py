#!/usr/bin/python
"""Ansible module: a block device, what is on it and where it is mounted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: block_device_info
short_description: Reads what is on a block device and where it is mounted
description:
  - Waits for a block device, and reads with C(lsblk), C(wipefs) and C(findmnt) whether it is blank, and whether it or
    its mount point is in use. Blank is a device without a signature that begins with zeros.
  - Reads what fstab says of the mount point. Lines with the option C(x-labserver) are ours.
  - Changes nothing.
options:
  devices:
    description: Paths that the device may have; the first that is there counts. Empty to read about the mount point
      alone.
    type: list
    elements: str
    default: []
  mount_point:
    description: Folder that the device is to be mounted at.
    type: path
    required: true
  timeout:
    description: Seconds to wait for the device.
    type: int
    default: 0
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
  diff_mode:
    description: Returns details on what has changed, in diff mode.
    support: none
author: labserver (!UNKNOWN)
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
  description: Types of file systems, partition tables and the like that are on it; V(data) where it is none of those.
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
target:
  description: O(mount_point) in its canonical spelling.
  returned: success
  type: str
recorded:
  description: Whether fstab has a line of ours about O(mount_point).
  returned: success
  type: bool
recorded_mounted:
  description: Whether what that line names is mounted.
  returned: success
  type: bool
recorded_elsewhere:
  description: Other folders that fstab has lines of ours about.
  returned: success
  type: list
  elements: str
foreign_lines:
  description: Lines of others in fstab about O(mount_point).
  returned: success
  type: list
  elements: str
"""

import os
import time
from pathlib import Path
from typing import Any, BinaryIO

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.block_devices import first_device, lines_of, mounts, signatures

FSTAB = Path("/etc/fstab")
MARK = ".labserver"  # of a folder that was made here
PAUSE = 2  # seconds between two attempts
START = 1 << 20  # bytes that are zero on a blank device


def open_device(name: str) -> BinaryIO:
    """Open a device to read what is at its start."""
    return Path(name).open("rb")


def find_device(module: AnsibleModule) -> dict[str, Any]:
    """Return the device as soon as it is there; nothing when it does not come."""
    end = time.monotonic() + module.params["timeout"]
    while module.params["devices"]:
        # One of several names suffices, and lsblk fails because of the others
        lsblk = ["lsblk", "--json", "--paths", "--output=NAME,TYPE", *module.params["devices"]]
        device: dict[str, Any] = first_device(module.run_command(lsblk)[1])
        if device or time.monotonic() >= end:
            return device
        time.sleep(PAUSE)
    return {}


def contents(module: AnsibleModule, device: dict[str, Any]) -> dict[str, Any]:
    """Return what is on the device."""
    wipefs = module.run_command(["wipefs", "--json", "--output=TYPE,UUID", device["name"]], check_rc=True)[1]
    found: dict[str, Any] = signatures(wipefs)
    if not found["signatures"]:
        with open_device(device["name"]) as start:
            found["signatures"] = ["data"] if start.read(START).strip(b"\0") else []
    return found


def where(module: AnsibleModule, device: dict[str, Any]) -> dict[str, Any]:
    """Return where the device is mounted, and what is at its mount point."""
    path = Path(os.path.realpath(module.params["mount_point"]))
    command = ["findmnt", "--json", "--list", "--output=SOURCE,TARGET,UUID"]
    findmnt = module.run_command(command, check_rc=True)[1]
    fstab = FSTAB.read_text(encoding="utf-8", errors="surrogateescape") if FSTAB.exists() else ""
    found: dict[str, Any] = mounts(findmnt, device.get("name", ""), str(path))
    files = path.iterdir() if path.is_dir() and not found["mounted"] else ()
    hidden = next((str(file) for file in files if file.name != MARK), "")
    return {"target": str(path), **found, **lines_of(fstab, str(path), findmnt), "hidden_file": hidden}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "devices": {"type": "list", "elements": "str", "default": []},
            "mount_point": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    device = find_device(module)
    names, seconds = ", ".join(module.params["devices"]), module.params["timeout"]
    reason = "" if device else f"{names} did not appear as a block device within {seconds} seconds"
    nothing = {"name": "", "partitions": [], "signatures": [], "uuid": ""}
    on_it = contents(module, device) if device else {}
    result = {**nothing, **device, **on_it, **where(module, device)}
    module.exit_json(changed=False, available=bool(device), reason=reason, **result)


if __name__ == "__main__":
    main()
