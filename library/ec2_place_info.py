#!/usr/bin/python
"""Ansible module: what a place on EC2 offers, and what has the project's names there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_place_info
short_description: Reads what a region offers an instance type, and what there has the names of the project
description:
  - Reads what an instance type offers, into which subnets a machine may be put, and what has the names that the project
    would use, with or without its tags.
  - Fails, naming the variable to set, where the region has no default VPC, the zone does not offer the type, the
    subnet does not exist, or the bucket belongs to somebody else.
  - Changes nothing.
options:
  zone:
    description: The zone. By default the first that offers the type.
    type: str
    default: ""
  subnet:
    description: The subnet. By default those of the default VPC.
    type: str
    default: ""
  instance_type:
    description: The instance type.
    type: str
    required: true
  project:
    description: Name of the project, which is that of its key pair and its security group.
    type: str
    required: true
  bucket:
    description: Name of the bucket, if there is to be one.
    type: str
    default: ""
  private_addresses:
    description: How many free private addresses of each subnet to return.
    type: int
    default: 0
  elastic_ips:
    description: Ids or addresses of Elastic IPs to look up, by the number of the machine; empty for none.
    type: list
    elements: str
    default: []
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
- name: Look at the place
  ec2_place_info:
    region: us-west-2
    instance_type: t3.micro
    project: labserver
  register: place
"""

RETURN = r"""
place:
  description: What was found.
  returned: success
  type: dict
  contains:
    architecture: {type: str, description: V(x86_64) or V(arm64).}
    addresses: {type: int, description: Private addresses that one interface takes.}
    burstable: {type: bool, description: Whether the type has CPU credits.}
    vpc: {type: str, description: Id of the VPC.}
    zone: {type: str, description: The zone of first choice.}
    subnets: {type: dict, description: "Ids of the subnets, by zone."}
    free: {type: dict, description: "Free private addresses, by zone."}
    group: {type: dict, description: "Id and tags of the security group of that name, or null."}
    key: {type: dict, description: "Id and tags of the key pair of that name, or null."}
    bucket: {type: dict, description: "Tags of the bucket of that name, or null."}
    limits:
      description: What keeps machines from being made there; what the credentials may not read is null.
      type: dict
      contains:
        addresses_quota: {type: int, description: How many Elastic IPs the account may have in the region.}
        addresses_used: {type: int, description: How many it has.}
        vcpus: {type: int, description: vCPUs of the type.}
        vcpus_quota: {type: int, description: "vCPUs that on-demand machines of such families may have."}
        vcpus_used: {type: int, description: vCPUs that such machines have.}
        internet: {type: bool, description: Whether the subnet of first choice has a route to an internet gateway.}
        public: {type: bool, description: Whether that subnet lends a public address to machines.}
        free_plan: {type: bool, description: Whether an account on AWS's free plan may have the type.}
    elastic_ips:
      description: The Elastic IPs that O(elastic_ips) names.
      type: list
      elements: dict
      contains:
        index: {type: int, description: The number of the machine.}
        id: {type: str, description: Id of the allocation.}
        public_ip: {type: str, description: The address.}
        attached_to: {type: str, description: "The instance or interface that has it, or null."}
        project: {type: str, description: "Its tag C(labserver:project), or empty."}
"""

from ansible.module_utils.labserver.aws.module import run
from ansible.module_utils.labserver.aws.place import find_place
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "zone": {"type": "str", "default": ""},
            "subnet": {"type": "str", "default": ""},
            "instance_type": {"type": "str", "required": True},
            "project": {"type": "str", "required": True},
            "bucket": {"type": "str", "default": ""},
            "private_addresses": {"type": "int", "default": 0},
            "elastic_ips": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run(module, lambda clients: {"changed": False, "place": find_place(clients, module.params)})


if __name__ == "__main__":
    main()
