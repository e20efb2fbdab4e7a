#!/usr/bin/python
"""Ansible module: whether ports are free for programs of ours."""

from __future__ import annotations

DOCUMENTATION = r"""
module: port_check
short_description: Checks that TCP ports are free, before anything is installed that is to listen on them
description:
  - Fails, and names the program and the variable to set, where a port is taken by a program that is not ours, is no
    port at all, or is meant for two things.
options:
  ports:
    description: The ports, by the variables that set them.
    type: dict
    required: true
  user:
    description: User whose programs may have them already.
    type: str
    default: ""
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  platform:
    platforms: posix
  check_mode: {support: full}
  diff_mode: {support: none}
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check the port of the master
  port_check:
    ports: {spark_master_port: 7077}
    user: labserver-spark
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.ports import check_ports


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "ports": {"type": "dict", "required": True},
            "user": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        given = module.params["ports"].items()
        # What is no number is no port either
        ports = {name: int(port) if str(port).isdecimal() else port for name, port in given}
        check_ports(ports, [], user=module.params["user"])
    except LabError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
