#!/usr/bin/python
"""Ansible module: one EBS volume and the instance it is attached to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ebs_volume
short_description: Creates, attaches, enlarges and deletes an encrypted EBS volume
description:
  - M(amazon.aws.ec2_vol) (amazon.aws 10) does the same, but does not report why AWS refused it. This module reports the
    reason and the fix.
options:
  id:
    description: The volume. With O(state=present) and without an id, one is created.
    type: str
  instance:
    description: Id of the instance to attach it to. Required with O(state=present).
    type: str
  device:
    description: Name of the device on the instance.
    type: str
    default: /dev/sdf
  zone:
    description: The zone of a volume that is created, which is that of the instance.
    type: str
    default: ""
  size_gb:
    description: The least size in GiB. A smaller volume is enlarged, a larger one is left as it is.
    type: int
    default: 1
  volume_type:
    description: Type of a volume that is created.
    type: str
    default: gp3
  tags:
    description: Tags of a volume that is created.
    type: dict
    default: {}
  state:
    description: V(absent) detaches and deletes it.
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
- name: Create a volume and attach it
  ebs_volume:
    region: us-west-2
    instance: i-0123456789abcdef0
    zone: us-west-2a
    size_gb: 20
    tags: {Name: lab-1-data}

- name: Enlarge it
  ebs_volume:
    region: us-west-2
    id: vol-0123456789abcdef0
    instance: i-0123456789abcdef0
    size_gb: 40

- name: Delete it
  ebs_volume:
    region: us-west-2
    id: vol-0123456789abcdef0
    state: absent
"""

RETURN = r"""
id:
  description: Id of the volume; empty where check mode created none.
  returned: success
  type: str
"""

from ansible.module_utils.labserver.aws.module import run_state
from ansible.module_utils.labserver.aws.volumes import delete_volume, ensure_volume
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "id": {"type": "str"},
            "instance": {"type": "str"},
            "device": {"type": "str", "default": "/dev/sdf"},
            "zone": {"type": "str", "default": ""},
            "size_gb": {"type": "int", "default": 1},
            "volume_type": {"type": "str", "default": "gp3"},
            "tags": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["instance"]), ("state", "absent", ["id"])],
        supports_check_mode=True,
    )
    run_state(module, ensure_volume, delete_volume)


if __name__ == "__main__":
    main()
