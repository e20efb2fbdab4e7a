#!/usr/bin/python
"""Ansible module: the instance profile by which Session Manager reaches machines."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_instance_profile
short_description: Creates the instance profile by which Session Manager reaches machines
description:
  - Creates an IAM instance profile and a role of the same name, below the path C(/labserver/), with AWS's policy
    C(AmazonSSMManagedInstanceCore), both with their tags in the calls that create them.
  - Fails where one of that name lacks our tag. M(aws_resources) removes both.
options:
  name:
    description: The name of both.
    type: str
    required: true
  tags:
    description: The tags; C(labserver:project) and C(labserver:region) among them.
    type: dict
    required: true
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
- name: Create the instance profile
  ec2_instance_profile:
    name: lab-us-west-2
    region: us-west-2
    tags: {"labserver:project": lab, "labserver:region": us-west-2}
"""

RETURN = r"""
name:
  description: The name.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.module import run
from ansible.module_utils.labserver.aws.profiles import ensure_profile
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={"name": {"type": "str", "required": True}, "tags": {"type": "dict", "required": True}},
        supports_check_mode=True,
    )
    name = module.params["name"]

    def ensure(clients: AwsClients) -> dict[str, Any]:
        iam = clients.client("iam")
        changed = ensure_profile(iam, name, module.params["tags"], check_mode=module.check_mode)
        return {"changed": changed, "name": name}

    run(module, ensure)


if __name__ == "__main__":
    main()
