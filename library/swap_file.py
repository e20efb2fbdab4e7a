#!/usr/bin/python
"""Ansible module: a swap file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: swap_file
short_description: Creates, resizes, moves or removes a swap file
description:
  - A swap file that is in use, now and, by a line in fstab, after every boot.
  - The label C(labserver) in its signature shows that it was made here, the option C(x-labserver) the same of a line in
    fstab. Another of ours, at a path of an earlier run, is removed once the new one is in use.
  - What is there and is neither ours nor a swap file of this size is refused before anything changes. A swap file of
    somebody else is used as it is, and never removed.
options:
  path:
    description: The swap file. Its folder must exist.
    type: path
    required: true
  size_mb:
    description: Its size in MiB, required with O(state=present). A swap file of ours of another size is created anew.
    type: int
  recorded:
    description: Paths that an earlier run returned in RV(files), or an earlier release recorded.
    type: list
    elements: path
    default: []
  state:
    description: V(absent) removes all swap files that were made here, and their lines in fstab.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  platform:
    platforms: posix
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows fstab before and after.
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Have 1 GiB of swap
  swap_file: {path: /var/swap.1, size_mb: 1024}
  register: swap
"""

RETURN = r"""
path:
  description: The path in its canonical spelling.
  returned: success
  type: str
available:
  description: Whether kernel and file system can swap on this file; nothing is changed where they cannot.
  returned: success
  type: bool
reason:
  description: Why not; empty otherwise.
  returned: success
  type: str
files:
  description: The swap files that were made here and are there.
  returned: success
  type: list
  elements: str
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.swap import Fstab, SwapHost, canonical

FSTAB = Path("/etc/fstab")
PROC_SWAPS = Path("/proc/swaps")


def run(module: AnsibleModule, command: list[str]) -> tuple[int, str, str]:
    """Run a program of the administrator, with its messages in English."""
    program = module.get_bin_path(command[0], required=True)
    code, out, error = module.run_command([program, *command[1:]], environ_update={"LC_ALL": "C", "LANGUAGE": "C"})
    return code, out, error


def write(module: AnsibleModule, text: str) -> None:
    """Replace fstab, whole, with its owner and mode."""
    draft = Path(module.tmpdir) / "fstab"
    draft.write_bytes(text.encode("utf-8", "surrogateescape"))
    draft.chmod(0o644)
    module.atomic_move(str(draft), os.path.realpath(FSTAB))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "size_mb": {"type": "int"},
            "recorded": {"type": "list", "elements": "path", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["size_mb"])],
        supports_check_mode=True,
    )
    options = module.params
    if not Path(options["path"]).is_absolute():
        module.fail_json(msg=f"swap_path is {options['path']}: set it to an absolute path, such as /var/swap.1")
    path, reason, problem = canonical(options["path"]), "", ""
    # As bytes: ends of lines of others stay as they are
    before = FSTAB.read_bytes().decode("utf-8", "surrogateescape") if FSTAB.exists() else ""
    recorded = {canonical(one) for one in options["recorded"]}
    host = SwapHost(lambda command: run(module, command), Fstab(before), recorded, module.check_mode, PROC_SWAPS)
    try:
        if options["state"] == "absent":
            host.remove(path)
        else:
            reason = host.ensure(path, options["size_mb"])
    except (LabError, OSError) as error:
        problem = explain(error)
    after = host.fstab.text
    if after != before and not module.check_mode:
        write(module, after)
    if problem:
        module.fail_json(msg=problem)
    for warning in host.warnings:
        module.warn(warning)
    module.exit_json(
        changed=host.changed or after != before,
        path=path,
        available=not reason,
        reason=reason,
        files=host.files(),
        diff={"before": before, "after": after},
    )


if __name__ == "__main__":
    main()
