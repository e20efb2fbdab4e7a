#!/usr/bin/python
"""Ansible module: the state of a swap file and of the file system that it is on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: swap_file_info
short_description: Reads the state of a swap file
description:
  - Reads whether a swap file is in use and in which size, whether kernel and file system can swap on it, and how much
    space is free.
  - Changes nothing.
options:
  path:
    description: Path of the swap file, which may not exist yet.
    type: path
    required: true
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
author: labserver
"""

EXAMPLES = r"""
- name: Read the state of the swap file
  swap_file_info: {path: /var/swap.1}
  register: swap_file
"""

RETURN = r"""
size_mb:
  description: Size of the swap file in use in MiB; 0 when it is not in use.
  returned: success
  type: int
file_system:
  description: Type of the file system that the swap file is on; empty when its folder does not exist.
  returned: success
  type: str
free_mb:
  description: Free space of that file system in MiB.
  returned: success
  type: int
available:
  description: Whether kernel and file system can swap on this file.
  returned: success
  type: bool
reason:
  description: Why not; empty otherwise.
  returned: success
  type: str
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.swap import UNSUPPORTED, file_system_of, swap_size_mb

PROC_SWAPS = Path("/proc/swaps")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    path = Path(module.params["path"])
    size, file_system, free, reason = 0, "", 0, ""
    if PROC_SWAPS.exists():
        swaps = PROC_SWAPS.read_text(encoding="utf-8")
        size = swap_size_mb(swaps, str(path.resolve()), os.sysconf("SC_PAGE_SIZE")) or 0
    else:
        reason = "the kernel of this host was built without swap"
    if path.parent.is_dir():
        command = ["df", "--output=fstype,avail", "--block-size=1M", str(path.parent)]
        file_system, free = file_system_of(module.run_command(command, check_rc=True)[1])
    if not reason and file_system in UNSUPPORTED:
        reason = f"a file on {file_system} ({path}) cannot hold swap: set swap_path to a folder on ext4, xfs or btrfs"
    module.exit_json(
        changed=False, size_mb=size, file_system=file_system, free_mb=free, available=not reason, reason=reason
    )


if __name__ == "__main__":
    main()
