#!/usr/bin/python
"""Ansible module: waits until SSH answers on several machines, side by side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_wait
short_description: Waits until SSH answers on several machines
description:
  - Waits for all machines at the same time, unlike a loop over M(ansible.builtin.wait_for), and names those that do not
    answer. An answer is the first word of SSH's protocol.
  - Changes nothing, and in check mode asks each machine once.
options:
  addresses:
    description: Addresses of the machines.
    type: list
    elements: str
    required: true
  port:
    description: The port.
    type: int
    default: 22
  timeout:
    description: Seconds to wait.
    type: int
    default: 300
  advice:
    description: What the message says beside which machines do not answer.
    type: str
    default: ""
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
- name: Wait for SSH
  ssh_wait:
    addresses: [203.0.113.7, 203.0.113.8]
    timeout: 60
"""

RETURN = r"""
answering:
  description: The addresses where SSH answers.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.ssh import silent_hosts


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "str", "required": True},
            "port": {"type": "int", "default": 22},
            "timeout": {"type": "int", "default": 300},
            "advice": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    options = module.params
    silent = silent_hosts(options["addresses"], options["port"], 0 if module.check_mode else options["timeout"])
    if silent and not module.check_mode:
        many = f"Nothing answers as SSH at port {options['port']} of {', '.join(silent)} after {options['timeout']} s."
        module.fail_json(msg=f"{many} {options['advice']}".strip())
    module.exit_json(changed=False, answering=[one for one in options["addresses"] if one not in silent])


if __name__ == "__main__":
    main()
