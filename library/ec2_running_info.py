#!/usr/bin/python
"""Ansible module: instances, once they run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_running_info
short_description: Waits until EC2 instances run, and returns them
description:
  - An instance that was just launched is not found yet, or missing from the answer; both are waited for.
    M(amazon.aws.ec2_instance_info) takes either for an empty list.
  - Fails where an instance does not run in time, or is on its way out. Changes nothing.
options:
  ids:
    description: Ids of the instances.
    type: list
    elements: str
    required: true
  wait:
    description: Seconds to wait for them.
    type: int
    default: 300
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
- name: Wait until the instances run
  ec2_running_info:
    region: us-west-2
    ids: [i-0123456789abcdef0]
"""

RETURN = r"""
instances:
  description: The instances, as M(amazon.aws.ec2_instance_info) returns them, in the order of O(ids).
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.instances import running_instances
from ansible.module_utils.labserver.aws.module import run
from ansible.module_utils.labserver.aws.resources import tags_of
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "ids": {"type": "list", "elements": "str", "required": True},
            "wait": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )

    def read(clients: AwsClients) -> dict[str, Any]:
        found = running_instances(clients.client("ec2"), module.params["ids"], module.params["wait"])
        snake = [{**camel_dict_to_snake_dict(one, ignore_list=["Tags"]), "tags": tags_of(one)} for one in found]
        return {"changed": False, "instances": snake}

    run(module, read)


if __name__ == "__main__":
    main()
