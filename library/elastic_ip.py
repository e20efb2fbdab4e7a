#!/usr/bin/python
"""Ansible module: one Elastic IP and the private address that it is associated with."""

from __future__ import annotations

DOCUMENTATION = r"""
module: elastic_ip
short_description: Allocates, associates and releases an Elastic IP
description:
  - Everything goes by the id of the allocation. M(amazon.aws.ec2_eip) (amazon.aws 11) looks an address up by its public
    IP, and where AWS does not show it yet, allocates another one, without tags.
  - What AWS does not find yet, or has not let go of yet, is tried again for a minute.
options:
  id:
    description: Id of the allocation. With O(state=present) and without an id, an address is allocated.
    type: str
  interface:
    description: Id of the network interface to associate it with. Required with O(private_ip).
    type: str
  private_ip:
    description:
      - The private address of O(interface) to associate it with, which the interface gets unless it has it.
      - Without it the address is only allocated.
    type: str
  reassociate:
    description: Whether it may be taken from what it is associated with.
    type: bool
    default: true
  tags:
    description: Tags of an address that is allocated, in the same call.
    type: dict
    default: {}
  state:
    description: V(absent) disassociates and releases it.
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
- name: Allocate an address
  elastic_ip:
    region: us-west-2
    tags: {Name: lab-1}
  register: address

- name: Associate it
  elastic_ip:
    region: us-west-2
    id: "{{ address.id }}"
    interface: eni-0123456789abcdef0
    private_ip: 172.31.5.7
"""

RETURN = r"""
id:
  description: Id of the allocation; empty where check mode allocated none.
  returned: success
  type: str
public_ip:
  description: The public address; empty where check mode allocated none. Not with O(state=absent).
  returned: success
  type: str
"""

from ansible.module_utils.labserver.aws.addresses import delete_address, ensure_address
from ansible.module_utils.labserver.aws.module import run_state
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "id": {"type": "str"},
            "interface": {"type": "str"},
            "private_ip": {"type": "str"},
            "reassociate": {"type": "bool", "default": True},
            "tags": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_by={"private_ip": ["interface"]},
        required_if=[("state", "absent", ["id"])],
        supports_check_mode=True,
    )
    run_state(module, ensure_address, delete_address)


if __name__ == "__main__":
    main()
