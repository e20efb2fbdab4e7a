#!/usr/bin/python
"""Ansible module: one security group of a VPC."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vpc_security_group
short_description: Creates, updates and deletes a security group
description:
  - M(amazon.aws.ec2_security_group) (amazon.aws 10) does the same, but does not report why AWS refused it. This
    module reports the reason and the fix.
  - An existing group gets exactly the rules of O(ingress), and O(tags) beside its own. Rules for outgoing traffic are
    left as they are; AWS allows all of it in a new group.
options:
  name:
    description: Name of the group. Required with O(state=present).
    type: str
  id:
    description: Id of the group. Required with O(state=absent).
    type: str
  description:
    description: Description of a group that is created.
    type: str
    default: Lab servers
  vpc:
    description: Id of the VPC. Required with O(state=present).
    type: str
  ingress:
    description: Which TCP ports are open, and to whom.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: The port.
        type: int
        required: true
      last:
        description: Where it is a range of ports, the last of them.
        type: int
      cidrs:
        description: IPv4 networks that may reach it.
        type: list
        elements: str
        default: []
      members:
        description: Whether the members of the group may reach it.
        type: bool
        default: false
  keep_other_ports:
    description: Whether rules of ports that O(ingress) does not name stay.
    type: bool
    default: false
  tags:
    description: Tags of the group.
    type: dict
    default: {}
  state:
    description: V(absent) deletes it.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
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
- name: Create the security group
  vpc_security_group:
    region: us-west-2
    name: lab
    vpc: vpc-0123456789abcdef0
    ingress:
      - {port: 22, cidrs: [203.0.113.5/32]}
      - {port: 80, cidrs: [0.0.0.0/0]}
      - {port: 7077, last: 7096, members: true}

- name: Delete it
  vpc_security_group:
    region: us-west-2
    id: sg-0123456789abcdef0
    state: absent
"""

RETURN = r"""
id:
  description: Id of the group; empty where check mode created none.
  returned: success
  type: str
"""

from ansible.module_utils.labserver.aws.module import run_state
from ansible.module_utils.labserver.aws.security_groups import delete_group, ensure_group
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    rule = {
        "port": {"type": "int", "required": True},
        "last": {"type": "int"},
        "cidrs": {"type": "list", "elements": "str", "default": []},
        "members": {"type": "bool", "default": False},
    }
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str"},
            "id": {"type": "str"},
            "description": {"type": "str", "default": "Lab servers"},
            "vpc": {"type": "str"},
            "ingress": {"type": "list", "elements": "dict", "default": [], "options": rule},
            "tags": {"type": "dict", "default": {}},
            "keep_other_ports": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_by={"name": ["vpc"]},
        required_if=[("state", "present", ["id", "name"], True), ("state", "absent", ["id"])],
        supports_check_mode=True,
    )
    run_state(module, ensure_group, delete_group)


if __name__ == "__main__":
    main()
