#!/usr/bin/python
"""Ansible module: the memory that a host may use."""

from __future__ import annotations

DOCUMENTATION = r"""
module: memory_info
short_description: Tells how much memory a host may use
description:
  - The fact C(memtotal_mb) is the machine's, also in a container whose control group has less.
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  platform:
    platforms: posix
  check_mode: {support: full}
  diff_mode: {support: none}
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Measure the memory
  memory_info:
  register: memory
"""

RETURN = r"""
usable_mb:
  description: Memory in MiB that programs of the host may use together.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.memory import usable_mb


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, usable_mb=usable_mb())
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"the memory of this host cannot be read: {error}")


if __name__ == "__main__":
    main()
