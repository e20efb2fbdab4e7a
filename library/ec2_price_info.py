#!/usr/bin/python
"""Ansible module: what an instance costs, by the table of prices."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_price_info
short_description: Tells what an instance on EC2 costs by the hour
description:
  - By the dated table of this project, without asking AWS. Its public address counts, its volumes do not.
options:
  instance_type:
    description: Type of the instance.
    type: str
    required: true
  region:
    description: Region of the instance.
    type: str
    required: true
  prices:
    description: Prices in place of those of the table, as for role ec2.
    type: dict
    default: {}
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  platform:
    platforms: posix
  check_mode: {support: full}
  diff_mode: {support: none}
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Get the price of the instance
  ec2_price_info:
    instance_type: t3.micro
    region: us-west-2
  register: price
"""

RETURN = r"""
hourly_usd:
  description: US dollars an hour, the public address with it; null where the price is not known.
  returned: success
  type: float
date:
  description: Month of the prices.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.aws.prices import Prices
from ansible.module_utils.labserver.errors import LabError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "instance_type": {"type": "str", "required": True},
            "region": {"type": "str", "required": True},
            "prices": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    options = module.params
    instance = {"type": "instance", "automatic_addresses": 1}
    instance.update({key: options[key] for key in ("instance_type", "region")})
    try:
        prices = Prices(options["prices"])
        price = prices.hourly(instance)
    except LabError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, hourly_usd=None if price is None else round(price, 6), date=prices.date)


if __name__ == "__main__":
    main()
