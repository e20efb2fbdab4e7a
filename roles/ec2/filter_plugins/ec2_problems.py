"""Filters of role ec2: what keeps a project from being created, each with its fix; found before anything is made.

`request` is `__ec2_request` of the role with `__ec2_checked`, `plan` is of filter ec2_plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable

Resource = Mapping[str, Any]  # as aws_resources_info returns it
Resources = list[Resource]

MAIN = "address"  # part of a machine that is its Elastic IP


def ec2_problems(
    plan: Mapping[str, Any], request: Mapping[str, Any], place: Mapping[str, Any], found: Sequence[Resource]
) -> list[str]:
    """Return what would go wrong, each with its fix; nothing was changed yet."""
    return [
        *_place_problems(request, place),
        *_limit_problems(plan, request, place["limits"]),
        *_name_problems(plan, request, place),
        *_machine_problems(plan, request),
        *_attachment_problems(plan, found),
        *_elastic_ip_problems(request, found),
        *_session_problems(request),
        *_budget_problems(request),
        *_surplus_problems(plan, request),
    ]


_NETWORK = re.compile(r"(\d{1,3}\.){3}\d{1,3}/\d{1,2}")


def _place_problems(request: Mapping[str, Any], place: Mapping[str, Any]) -> Iterator[str]:
    most = place["addresses"] - 1
    if request["addresses"] > most:
        yield (
            f"A {request['instance_type']} takes {place['addresses']} private addresses, {most} beside its own, and"
            f" ec2_addresses is {request['addresses']}: lower it, or set ec2_instance_type to a larger type."
        )
    if request["own_needed"] and not request["own"]:
        yield f"{request['checkip']} does not tell your address: set ec2_own_cidr to it, such as 203.0.113.5/32."
    for network in dict.fromkeys(network for rule in request["ingress"] for network in rule["cidrs"]):
        if not _NETWORK.fullmatch(network):
            yield f"'{network}' is no IPv4 network: set ec2_own_cidr, or `from` in ec2_ports, to one: 203.0.113.5/32."
    short = [zone for zone, some in request["free"].items() if len(some) < request["private"]]
    if short:
        yield f"The subnet in {short[0]} has too few free addresses: lower ec2_addresses, or set ec2_subnet to another."


def _limit_problems(plan: Mapping[str, Any], request: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[str]:
    """Name what AWS would refuse in the middle; a limit that is not known is none."""
    ours = [one for one in plan["addresses"] if one["tagged"]]
    gone = [one for one in plan["surplus"] if one["type"] == "address"]
    mains = request["count"] * request["elastic_ip"] - sum(map(bool, request["elastic_ip_ids"][: request["count"]]))
    needed = max(0, mains + request["count"] * request["addresses"] - len(ours) + len(gone))
    quota, used = limits["addresses_quota"], limits["addresses_used"]
    if quota is not None and needed > quota - used + len(gone):
        yield (
            f"{request['region']} may have {quota} Elastic IPs and has {used}, and {needed} more are needed: lower"
            " ec2_count or ec2_addresses, release others, set ec2_elastic_ip=false (each machine then has an address"
            " that changes when it is stopped and started), or ask for a higher quota (Service Quotas, EC2, Elastic"
            " IPs)."
        )
    starting = len(plan["missing"]) + len(plan["stopped"])
    room = None if limits["vcpus_quota"] is None else limits["vcpus_quota"] - limits["vcpus_used"]
    if room is not None and not request["spot"] and starting * limits["vcpus"] > room:
        yield (
            f"{request['region']} may run {limits['vcpus_quota']} vCPUs and runs {limits['vcpus_used']}, and"
            f" {starting} x {request['instance_type']} need {starting * limits['vcpus']}: lower ec2_count, take a"
            " smaller ec2_instance_type, or ask for a higher quota (Service Quotas, EC2, Running On-Demand Standard"
            " instances)."
        )
    if limits["internet"] is False:
        yield (
            "The subnet has no route to an internet gateway, so nobody reaches a machine in it: give its route table"
            " one (0.0.0.0/0 to an igw-...), or set ec2_subnet to a subnet that has one."
        )
    if not request["elastic_ip"]:
        with_one = [one for one in plan["addresses"] if one["part"] == MAIN and one["attached_to"]]
        if with_one:
            yield (
                f"ec2_elastic_ip is false, and machines have Elastic IPs: {ec2_names(with_one)}. Set it to true, or"
                " make the machines anew (playbooks/teardown.yml)."
            )
        if limits["public"] is False:
            yield (
                "ec2_elastic_ip is false, and the subnet lends machines no public address: set ec2_elastic_ip to true,"
                " ec2_subnet to another, or have it lend them (aws ec2 modify-subnet-attribute"
                " --map-public-ip-on-launch)."
            )


def ec2_free_plan_note(limits: Mapping[str, Any], kind: str) -> list[str]:
    """Return a note whether an account on AWS's free plan may launch this type, where AWS reports it."""
    if limits.get("free_plan") is None:
        return []
    if limits["free_plan"]:
        return [f"{kind} is a type that AWS's free plan allows."]
    refused = "is refused it (InvalidParameterCombination). An account on the paid plan may have it"
    return [f"{kind} is no type that AWS's free plan allows: an account on that plan {refused}."]


def _name_problems(plan: Mapping[str, Any], request: Mapping[str, Any], place: Mapping[str, Any]) -> Iterator[str]:
    project = request["project"]

    def is_foreign(resource: Resource | None) -> bool:
        return resource is not None and resource["tags"].get("labserver:project") != project

    for kind, words in (("group", "security group"), ("key", "key pair")):
        if is_foreign(place[kind]):
            yield (
                f"The {words} {project} ({place[kind]['id']}) is not ours: it lacks our tags, and is left alone."
                " Set LABSERVER_PROJECT to another name, or remove it."
            )
    bucket, announced = place["bucket"], ((place["group"] or {}).get("tags") or {}).get("labserver:bucket")
    # Without any tag, but announced by our group: we were about to tag it
    if is_foreign(bucket) and (bucket["tags"] or announced != request["bucket"]):
        yield (
            f"The bucket {request['bucket']} is not ours: it lacks our tags, and is left alone."
            " Set ec2_bucket to another name."
        )
    if request["public_key"] == "":
        yield (
            f"{request['key_file']} holds no public key of type ed25519 or rsa: set ec2_public_key_file to one"
            " that does."
        )
    elif place["key"] and plan["instances"] and not request["key_matches"]:
        yield (
            f"The machines were made with another key than {request['key_file']}: put theirs there, name it in"
            " ec2_public_key_file, or make the machines anew (playbooks/teardown.yml)."
        )


def _machine_problems(plan: Mapping[str, Any], request: Mapping[str, Any]) -> Iterator[str]:
    for kind, resources in (("machines", plan["instances"]), ("data volumes", plan["volumes"])):
        for n in dict.fromkeys(resource["index"] for resource in resources):
            same = [resource["id"] for resource in resources if resource["index"] == n]
            if len(same) > 1:
                yield (
                    f"There are several {kind} of number {n}: {', '.join(same)}. Remove all but one in the AWS console,"
                    " or everything with playbooks/teardown.yml."
                )
    for machine in plan["instances"]:
        if machine["instance_type"] != request["instance_type"]:
            yield (
                f"{machine['name']} is a {machine['instance_type']}: set ec2_instance_type to that, or make the"
                " machines anew (playbooks/teardown.yml)."
            )
        if request["session_manager"] and not machine["profile"]:
            yield (
                f"{machine['name']} was launched without an instance profile, so Session Manager does not reach it: set"
                " ec2_session_manager to false, or make the machines anew (playbooks/teardown.yml)."
            )
        if machine["spot"] != request["spot"]:
            yield (
                f"{machine['name']} is {'a' if machine['spot'] else 'no'} Spot Instance: set ec2_spot to"
                f" {'true' if machine['spot'] else 'false'}, or make the machines anew (playbooks/teardown.yml)."
            )
    for volume in plan["volumes"]:
        if 0 < request["data_gb"] < volume["size_gb"]:
            yield (
                f"{volume['name']} has {volume['size_gb']:g} GiB, and a volume never shrinks:"
                f" set ec2_data_volume_gb to {volume['size_gb']:g} or more."
            )


def _attachment_problems(plan: Mapping[str, Any], found: Sequence[Resource]) -> Iterator[str]:
    ours = [None, *(resource["id"] for resource in found)]
    for resource in [*plan["addresses"], *plan["volumes"]]:
        if resource["attached_to"] not in ours:
            yield (
                f"{resource['name']} ({resource['id']}) is on {resource['attached_to']}, which is not ours: take it"
                " off there, or take our tags off it."
            )


def _budget_problems(request: Mapping[str, Any]) -> Iterator[str]:
    if request["budget"] and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", request["email"]):
        yield f"'{request['email']}' is no e-mail address: set ec2_budget_email to that which the budget is to tell."


# Whose images have AWS's agent
_WITH_AGENT = ("amazon2023", "ubuntu2404", "of ec2_image")


def _session_problems(request: Mapping[str, Any]) -> Iterator[str]:
    if not request["session_manager"]:
        return
    for program in request["missing_programs"]:
        yield (
            f"Session Manager needs the program {program} on this machine: install it (for aws, version 2 of AWS's"
            " command line; for session-manager-plugin, AWS's page of that name), or set ec2_session_manager to false."
        )
    if request["system"] not in _WITH_AGENT:
        yield (
            f"The images of {request['system']} lack the agent of Session Manager: set ec2_system to amazon2023 or"
            " ubuntu2404, or ec2_session_manager to false."
        )


def _elastic_ip_problems(request: Mapping[str, Any], found: Sequence[Resource]) -> Iterator[str]:
    ours = [None, *(resource["id"] for resource in found)]
    ids = [one["id"] for one in request["elastic_ips"]]
    for position, one in enumerate(request["elastic_ips"]):
        name = f"The Elastic IP {one['public_ip']} ({one['id']}) of ec2_elastic_ip_ids"
        if one["id"] in ids[:position]:
            yield f"{name} is there twice: name each once."
        if one["project"]:
            yield f"{name} is one that project {one['project']} allocated and will release: name another."
        if one["attached_to"] not in ours:
            yield f"{name} is in use by {one['attached_to']}: disassociate it there, or name another."


def _surplus_problems(plan: Mapping[str, Any], request: Mapping[str, Any]) -> Iterator[str]:
    if plan["surplus"] and not request["confirm"]:
        yield (
            f"There is more than is asked for: {ec2_names(plan['surplus'])}. To keep it, raise ec2_count, ec2_addresses"
            " or ec2_data_volume_gb (in inventory/aws/group_vars/all.yml); to have it removed, with all that is on it,"
            " set -e confirm=yes."
        )


def ec2_names(resources: Iterable[Resource]) -> str:
    """Name resources in words."""
    return ", ".join(
        f"{resource['type'].replace('_', ' ')} {resource['name']} ({resource['id']})" for resource in resources
    )


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        filters = (ec2_free_plan_note, ec2_names, ec2_problems)
        return {one.__name__: one for one in filters}
