#!/usr/bin/python
"""Ansible module: waits until Session Manager reaches machines."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_agents_info
short_description: Waits until Session Manager reaches EC2 instances
description:
  - Asks AWS Systems Manager until the agents of all instances are online, which is when sessions can begin.
  - Changes nothing. In check mode it asks once.
options:
  instance_ids:
    description: Ids of the instances.
    type: list
    elements: str
    required: true
  wait:
    description: For how many seconds at most.
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
- name: Wait for Session Manager
  ec2_agents_info:
    region: us-west-2
    instance_ids: [i-0123456789abcdef0]
"""

RETURN = r"""
offline:
  description: Instances that it does not reach.
  returned: success
  type: list
  elements: str
"""

import time
from typing import Any

from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.module import run
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

PAUSE = 5  # seconds between two requests


def offline(ssm: Any, instances: list[str]) -> list[str]:
    """Return which of the instances have no agent that is online."""
    pages = ssm.get_paginator("describe_instance_information").paginate(
        Filters=[{"Key": "InstanceIds", "Values": instances}]
    )
    online = {one["InstanceId"] for page in pages for one in page["InstanceInformationList"] if _is_online(one)}
    return [instance for instance in instances if instance not in online]


def _is_online(agent: dict[str, Any]) -> bool:
    return bool(agent["PingStatus"] == "Online")


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "instance_ids": {"type": "list", "elements": "str", "required": True},
            "wait": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )

    def wait(clients: AwsClients) -> dict[str, Any]:
        ssm = clients.client("ssm")
        end = time.monotonic() + (0 if module.check_mode else module.params["wait"])
        while (missing := offline(ssm, module.params["instance_ids"])) and time.monotonic() < end:
            time.sleep(PAUSE)
        return {"changed": False, "offline": missing}

    run(module, wait)


if __name__ == "__main__":
    main()
