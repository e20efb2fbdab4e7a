#!/usr/bin/python
"""Ansible module: how a machine is doing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_info
short_description: Measures load, memory, swap and disks of a host
description:
  - Unlike the facts, it tells the memory that a control group leaves to a container, and its disks too.
options:
  paths:
    description: Folders whose disks are measured; each disk once, at the first of its folders.
    type: list
    elements: str
    default: [/]
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  platform:
    platforms: posix
  check_mode: {support: full}
  diff_mode: {support: none}
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Measure the host
  machine_info:
    paths: [/, /srv]
  register: machine
"""

RETURN = r"""
machine:
  description: Sizes are in MiB.
  returned: success
  type: dict
  contains:
    time: {type: str, description: "When it was measured, in UTC."}
    load: {type: list, elements: float, description: "Mean of the last minute, of 5 and of 15."}
    cores: {type: int, description: Cores that programs may use.}
    memory_mb: {type: dict, description: "Memory that programs may use, C(total) and C(free)."}
    swap_mb: {type: dict, description: "Swap, C(total) and C(free)."}
    disks: {type: list, elements: dict, description: "C(path), C(total_mb) and C(free_mb) of each."}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.machine import measure


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"paths": {"type": "list", "elements": "str", "default": ["/"]}}, supports_check_mode=True
    )
    try:
        module.exit_json(changed=False, machine=measure(module.params["paths"]))
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"the state of this host cannot be read: {error}")


if __name__ == "__main__":
    main()
