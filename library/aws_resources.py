#!/usr/bin/python
"""Ansible module: remove resources of AWS that aws_resources_info listed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_resources
short_description: Removes resources of AWS, each as far as AWS allows it
description:
  - Removes what M(aws_resources_info) listed, machines first. What AWS has not let go of yet is tried again for a
    minute.
  - That one of them is refused does not keep the others. RV(failures) tells which are still there, and why; that is
    no failure of the module.
options:
  resources:
    description: Elements of RV(aws_resources_info#module:resources), all of O(region).
    type: list
    elements: dict
    required: true
  bucket_content:
    description: Whether a bucket that is not empty goes with all that is in it, older versions too.
    type: bool
    default: false
  state:
    description: What they are to be.
    type: str
    choices: [absent]
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
- name: List the resources of the project
  aws_resources_info:
    project: lab
    region: us-west-2
  register: found

- name: Remove them
  aws_resources:
    resources: "{{ found.resources }}"
    region: us-west-2
    state: absent
"""

RETURN = r"""
removed:
  description: Ids of what is gone.
  returned: success
  type: list
  elements: str
failures:
  description: What is still there.
  returned: success
  type: list
  elements: dict
  contains:
    type: {type: str, description: As in O(resources).}
    id: {type: str, description: As in O(resources).}
    reason: {type: str, description: "What AWS answered, and what to do about it."}
"""

from typing import Any

from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.module import run
from ansible.module_utils.labserver.aws.removal import Removal
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "resources": {"type": "list", "elements": "dict", "required": True},
            "bucket_content": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["absent"], "required": True},
        },
        supports_check_mode=True,
    )
    resources = module.params["resources"]

    def remove(clients: AwsClients) -> dict[str, Any]:
        removal = Removal(clients, bucket_content=module.params["bucket_content"])
        if not module.check_mode:
            removal.remove(resources)
        gone = [one["id"] for one in resources] if module.check_mode else removal.removed
        return {"changed": bool(gone), "removed": list(dict.fromkeys(gone)), "failures": removal.failures}

    run(module, remove)


if __name__ == "__main__":
    main()
