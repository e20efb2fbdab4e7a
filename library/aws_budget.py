#!/usr/bin/python
"""Ansible module: a budget of the account that tells by e-mail what it costs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_budget
short_description: Creates a monthly budget of the account, with an alarm by e-mail
description:
  - Creates a budget for all that the account costs in a month, which sends an e-mail when 80 percent are spent, and
    when AWS forecasts more than 100 percent. Its tags are given in the call that creates it.
  - One of another limit or address is replaced. Fails where one of that name lacks our tag. M(aws_resources) removes
    it.
options:
  name:
    description: The name; it begins with C(labserver-), by which M(aws_resources_info) finds it.
    type: str
    required: true
  usd:
    description: The limit in US dollars a month.
    type: float
    required: true
  tags:
    description: The tags; C(labserver:project), C(labserver:region) and C(labserver:email), the address, among them.
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
- name: Create the budget
  aws_budget:
    name: labserver-lab-us-west-2
    usd: 20
    region: us-west-2
    tags: {"labserver:project": lab, "labserver:region": us-west-2, "labserver:email": ada@example.org}
"""

RETURN = r"""
name:
  description: The name.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.labserver.aws.budgets import Budgets
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.module import run
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "usd": {"type": "float", "required": True},
            "tags": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    options = module.params

    def ensure(clients: AwsClients) -> dict[str, Any]:
        changed = Budgets(clients).ensure(
            options["name"], options["usd"], options["tags"], check_mode=module.check_mode
        )
        return {"changed": changed, "name": options["name"]}

    run(module, ensure)


if __name__ == "__main__":
    main()
