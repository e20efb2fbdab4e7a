#!/usr/bin/python
"""Ansible module: what carries our tags on AWS, and what it costs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_resources_info
short_description: Lists what carries our tags on AWS, with its estimated cost and its expiry
description:
  - Finds Spot requests, instances, volumes, Elastic IP addresses, network interfaces that outlive their instance,
    snapshots, security groups, key pairs, instance profiles, S3 buckets and budgets by the tag
    C(labserver:project), in one region or many.
  - Estimates what they and the O(planned) ones cost from a small dated price table
    (C(module_utils/labserver/aws/prices.py)). What has no price there is reported as unknown, never as free.
  - Changes nothing.
options:
  project:
    description: List what belongs to this project only. Default is every project.
    type: str
  regions:
    description:
      - The regions to look into; V(all) for every one that the account may use. Default is O(region).
    type: list
    elements: str
  untagged:
    description:
      - List volumes and addresses that are attached to our instances without a tag of their own, too. They have
        RV(resources[].tagged) false.
    type: bool
    default: false
  expected:
    description:
      - What is waited for to be listed, each by its C(id) and further values of RV(resources) that it must have, such
        as C(attached_to). What was just made is missing from the lists of AWS for a while.
    type: list
    elements: dict
    default: []
  unexpected:
    description: Ids of what is waited for to be listed no longer.
    type: list
    elements: str
    default: []
  wait:
    description: Seconds to wait for O(expected) and O(unexpected).
    type: int
    default: 120
  prices:
    description:
      - Prices in US dollars that override the table, in its form. C(instance) by type and C(address) are per hour;
        C(volume) by type, C(snapshot) and C(bucket) per GB and month.
      - A region that the table lacks can be C(like) us-west-2, times C(instance_factor) and C(storage_factor).
    type: dict
    default: {}
  price_list:
    description:
      - Ask AWS's Price List API for the prices of O(region). Where it is not allowed or does not answer within seconds,
        those of the table count, which is no failure. RV(table) and RV(planned_table) tell which.
    type: bool
    default: false
  planned:
    description:
      - Resources to estimate that need not exist. Each is a mapping of C(type) (one of RV(resources[].type)),
        C(instance_type) and optionally C(spot), or C(volume_type) (default gp3) and C(size_gb), and optionally
        C(count), C(name), C(region).
    type: list
    elements: dict
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
- name: List the resources of the project
  aws_resources_info:
    project: labserver
    region: us-west-2
  register: resources

- name: Estimate five machines before they are created
  aws_resources_info:
    project: labserver
    region: eu-west-1
    planned:
      - {type: instance, instance_type: t3.micro, count: 5, name: machines}
      - {type: volume, volume_type: gp3, size_gb: 10, count: 5, name: their roots}
    prices:
      regions:
        eu-west-1: {instance: {t3.micro: 0.0114}, volume: {gp3: 0.088}}

- name: List the resources of all projects in all regions
  aws_resources_info:
    regions: [all]
    region: us-west-2
    untagged: true
"""

RETURN = r"""
prices:
  description: What O(price_list) found, in the form of O(prices); empty where it found nothing.
  returned: success
  type: dict
resources:
  description: What there is, by project, region, type and number.
  returned: success
  type: list
  elements: dict
  contains:
    type:
      description: spot_request, instance, volume, address, interface, snapshot, security_group, key_pair or bucket.
      type: str
    id: {type: str, description: What AWS calls it; for an address its allocation.}
    name: {type: str, description: "Its tag C(Name); for a security group, key pair or bucket its own name."}
    region: {type: str, description: Where it is.}
    project: {type: str, description: Its tag C(labserver:project).}
    owner: {type: str, description: Its tag C(labserver:owner).}
    index: {type: int, description: "Its tag C(labserver:index), the number of the machine it belongs to, or null."}
    part: {type: str, description: "Its tag C(labserver:part), what it is for."}
    expires: {type: str, description: "Its tag C(labserver:expires), or null, which is never."}
    expires_readable: {type: bool, description: Whether that tag is a date and time.}
    expired: {type: bool, description: Whether it is past; false where it cannot be read.}
    tagged: {type: bool, description: Whether it has our tag itself; see O(untagged).}
    state: {type: str, description: What AWS calls its state; an address is associated or idle.}
    size_gb:
      description: Size of a volume, of the volume of a snapshot, or of what is in a bucket; null where not counted.
      type: float
    instance_type: {type: str, description: Type of an instance.}
    spot:
      description: Whether an instance is a Spot Instance; its price is then the most that it costs, that on demand.
      type: bool
    automatic_addresses:
      description: How many public addresses of an instance come and go with it; they are part of its price.
      type: int
    interfaces: {type: list, elements: str, description: Ids of the network interfaces of an instance.}
    profile: {type: str, description: "Name of the instance profile of an instance, or null."}
    volume_type: {type: str, description: Type of a volume.}
    iops: {type: int, description: "I/O operations per second of a volume, where AWS reports them."}
    throughput: {type: int, description: "Throughput of a volume in MB/s, where AWS reports it."}
    bucket: {type: str, description: "The bucket that a security group names in its tag C(labserver:bucket), or null."}
    public_ip: {type: str, description: Public address of an instance or an address.}
    attached_to: {type: str, description: "The instance, or else the interface, that it hangs on, or null."}
    created: {type: str, description: "When it was created, where AWS reports it."}
    hourly_usd: {type: float, description: Estimated price per hour; null where it is not known.}
    monthly_usd: {type: float, description: Estimated price per month of 730 hours; null where it is not known.}
hourly_usd:
  description: What RV(resources) cost per hour, without those whose price is not known.
  returned: success
  type: float
monthly_usd:
  description: What RV(resources) cost per month, without those whose price is not known.
  returned: success
  type: float
unpriced:
  description: What of RV(resources) and RV(planned) has no known price.
  returned: success
  type: list
  elements: str
overdue:
  description: Those of RV(resources) that cost money, or may, and are past their expiry or have one nobody can read.
  returned: success
  type: list
  elements: dict
planned:
  description: The planned resources; their C(hourly_usd) and C(monthly_usd) are those of all C(count) together.
  returned: success
  type: list
  elements: dict
planned_hourly_usd:
  description: What RV(planned) would cost per hour, without those whose price is not known.
  returned: success
  type: float
planned_monthly_usd:
  description: What RV(planned) would cost per month, without those whose price is not known.
  returned: success
  type: float
table:
  description: RV(resources) as lines of text, ready to show.
  returned: success
  type: list
  elements: str
planned_table:
  description: RV(planned) as lines of text, ready to show.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.common.warnings import warn
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.module import run
from ansible.module_utils.labserver.aws.plan import plan
from ansible.module_utils.labserver.aws.price_list import current_prices
from ansible.module_utils.labserver.aws.prices import Prices, overdue, total
from ansible.module_utils.labserver.aws.resources import Resource
from ansible.module_utils.labserver.aws.survey import not_as_expected, survey
from ansible.module_utils.labserver.aws.tables import plan_table, table, unpriced
from ansible.module_utils.labserver.aws.waiting import wait_until
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def read(module: AnsibleAWSModule, clients: AwsClients) -> dict[str, Any]:
    """Return what there is, what is planned, and what both cost."""
    options = module.params
    regions = options["regions"] or [clients.region]
    prices = Prices(options["prices"])
    planned = plan(options["planned"], clients.region, prices)
    current = current_prices(clients, clients.region, planned) if options["price_list"] else {}
    if current:
        # What the user says counts more
        prices = Prices(current, options["prices"])
        planned = plan(options["planned"], clients.region, prices)
    warnings: list[str] = []

    def read_resources() -> list[Resource]:
        warnings.clear()
        project, untagged = options["project"] or None, options["untagged"]
        found: list[Resource] = survey(
            clients, regions, project, prices=prices, untagged=untagged, warn=warnings.append
        )
        return found

    def missing(seen: list[Resource]) -> list[str]:
        words: list[str] = not_as_expected(seen, options["expected"], options["unexpected"])
        return words

    resources = wait_until(read_resources, missing, options["wait"])
    for text in warnings:
        warn(text)  # not by the module, which uses what ansible-core deprecates
    return {
        "changed": False,
        "prices": current,
        "resources": resources,
        "hourly_usd": total(resources, "hourly_usd"),
        "monthly_usd": total(resources, "monthly_usd"),
        "unpriced": unpriced([*resources, *planned]),
        "overdue": overdue(resources),
        "planned": planned,
        "planned_hourly_usd": total(planned, "hourly_usd"),
        "planned_monthly_usd": total(planned, "monthly_usd"),
        "table": table(resources, prices, regions),
        "planned_table": plan_table(planned, prices),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "project": {"type": "str"},
            "regions": {"type": "list", "elements": "str"},
            "untagged": {"type": "bool", "default": False},
            "expected": {"type": "list", "elements": "dict", "default": []},
            "unexpected": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "int", "default": 120},
            "prices": {"type": "dict", "default": {}},
            "price_list": {"type": "bool", "default": False},
            "planned": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    run(module, lambda clients: read(module, clients))


if __name__ == "__main__":
    main()
