#!/usr/bin/python
"""Ansible module: launches one EC2 instance, on demand or as a Spot Instance."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_machine
short_description: Launches one EC2 instance, unless it is there
description:
  - The instance is there where one, running or stopped, has the tags C(labserver:project), C(labserver:part) and
    C(labserver:index) of O(tags). It is then left as it is.
  - Instance, root volume and, with O(spot), the Spot request have O(tags) from the call that makes them. The call has a
    token, so that one that is repeated launches no second instance. IMDSv2 is required, the root volume is encrypted.
  - The module does not wait until the instance runs. What AWS does not know yet (the group, the key, the profile) is
    tried again for a minute.
  - M(amazon.aws.ec2_instance) (amazon.aws 10) launches no Spot Instances, and M(amazon.aws.ec2_spot_instance) does not
    tag the instances.
options:
  tags:
    description: The tags; C(labserver:project), C(labserver:part) and C(labserver:index) among them.
    type: dict
    required: true
  image:
    description: Id of the image.
    type: str
    required: true
  instance_type:
    description: The type.
    type: str
    required: true
  cpu_credits:
    description: V(standard) or V(unlimited) for a type that has CPU credits.
    type: str
  key:
    description: Name of the key pair.
    type: str
    required: true
  group:
    description: Id of the security group.
    type: str
    required: true
  subnet:
    description: Id of the subnet.
    type: str
    required: true
  device:
    description: Name of the root device.
    type: str
    required: true
  volume_gb:
    description: Size of the root volume in GiB.
    type: int
    required: true
  volume_type:
    description: Type of the root volume.
    type: str
    required: true
  spot:
    description:
      - Launch a Spot Instance by a persistent request. When AWS needs the capacity it stops the instance, and starts it
        again when there is room; disks and addresses stay.
      - The request launches another instance where this one is terminated, so cancel the request first.
    type: bool
    default: false
  instance_profile:
    description: Name of the instance profile, if it is to have one.
    type: str
    default: ""
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
- name: Launch the first machine
  ec2_machine:
    region: us-west-2
    tags: {"labserver:project": lab, "labserver:part": instance, "labserver:index": "1"}
    image: ami-0123456789abcdef0
    instance_type: t3.micro
    key: lab
    group: sg-0123456789abcdef0
    subnet: subnet-0123456789abcdef0
    device: /dev/xvda
    volume_gb: 10
    volume_type: gp3
"""

RETURN = r"""
instance_ids:
  description: Id of the instance; empty where check mode launched none.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.machines import ensure_machine
from ansible.module_utils.labserver.aws.module import run
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    required = {"type": "str", "required": True}
    module = AnsibleAWSModule(
        argument_spec={
            "tags": {"type": "dict", "required": True},
            "image": required,
            "instance_type": required,
            "cpu_credits": {"type": "str"},
            "key": {**required, "no_log": False},
            "group": required,
            "subnet": required,
            "device": required,
            "volume_gb": {"type": "int", "required": True},
            "volume_type": required,
            "spot": {"type": "bool", "default": False},
            "instance_profile": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )

    def ensure(clients: AwsClients) -> dict[str, Any]:
        made: dict[str, Any] = ensure_machine(clients.client("ec2"), module.params, check_mode=module.check_mode)
        return made

    run(module, ensure)


if __name__ == "__main__":
    main()
