#!/usr/bin/python
"""Ansible module: reports what AWS refused, with what to do about it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_failure
short_description: Fails with what AWS refused, and what to do about it
description:
  - For the C(rescue) of a block. Fails with the messages of modules of amazon.aws, and with the fix of the first error
    that C(module_utils/labserver/aws/errors.py) knows.
options:
  messages:
    description: The messages of what failed.
    type: list
    elements: str
    required: true
  region:
    description: The region that was worked in.
    type: str
    required: true
  fallback:
    description: The message where there is none.
    type: str
    default: A task failed without a message
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
- name: Allocate an address, and report what to do where AWS refuses it
  block:
    - name: Allocate an address
      amazon.aws.ec2_eip:
        region: us-west-2
  rescue:
    - name: Report the failure and its fix
      aws_failure:
        messages: ["{{ ansible_failed_result.msg }}"]
        region: us-west-2
"""

RETURN = r"""
msg:
  description: What failed, and the fix.
  returned: always
  type: str
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.aws.errors import with_fix

# What Ansible puts before the message of a module or a filter, and its message of a loop
_PREFIX = re.compile(r"(?s)^.*The filter plugin '\w+' failed: |^Task failed: |(Action|Module) failed: ")
_EMPTY = ("", "One or more items failed", "Unknown error", "Unknown error.")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "messages": {"type": "list", "elements": "str", "required": True},
            "region": {"type": "str", "required": True},
            "fallback": {"type": "str", "default": "A task failed without a message"},
        },
        supports_check_mode=True,
    )
    stripped = [_PREFIX.sub("", message) for message in module.params["messages"]]
    known = dict.fromkeys(message for message in stripped if message not in _EMPTY)
    module.fail_json(msg=with_fix("; ".join(known) or module.params["fallback"], module.params["region"]))


if __name__ == "__main__":
    main()
