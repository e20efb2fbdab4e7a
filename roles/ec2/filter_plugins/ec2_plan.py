"""Filters of role ec2: what a project has too much and too little of, and what keeps it from being created.

They work on what module aws_resources_info returns and make no call. `request` is `__ec2_request` of the role. They are
here and not in module_utils, for Ansible does not put a project's module_utils on the path of its filter plugins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

Resource = Mapping[str, Any]  # as aws_resources_info returns it
Resources = list[Resource]

_TIME = "%Y-%m-%dT%H:%M:%SZ"
MAIN, EXTRA = "address", "extra-address"  # parts of a machine that are Elastic IPs


def _numbered(found: Iterable[Resource], kind: str, *parts: str) -> Resources:
    """Resources of a type that belong to a machine; not machines that are on their way out."""
    return [
        resource
        for resource in found
        if resource["type"] == kind and resource["index"] is not None and resource.get("state") != "shutting-down"
        if not parts or resource["part"] in parts
    ]


def _on(resources: Iterable[Resource], machine: str) -> Resources:
    return [resource for resource in resources if resource["attached_to"] == machine]


def ec2_expiry(text: str, found: Iterable[Resource], now: datetime | None = None) -> str:
    """Return the expiry for the tags; empty where there is none.

    Days count from the first run: what is there keeps its time until that is past.
    """
    now = now or datetime.now(timezone.utc)
    if text == "never":
        return ""
    if re.fullmatch(r"\d{1,4}d", text):
        kept = [resource["expires"] for resource in found if (resource["expires"] or "") > now.strftime(_TIME)]
        return max(kept, default=(now + timedelta(days=int(text[:-1]))).strftime(_TIME))
    try:
        until = datetime.strptime(text if "T" in text else f"{text}T23:59:59Z", _TIME).strftime(_TIME)
    except ValueError:
        until = ""
    if until <= now.strftime(_TIME):
        raise ValueError(
            f"ec2_expires is '{text}', which is {'past' if until else 'no time'}: set it to days from now (30d),"
            " a date to come (2027-01-31, or 2027-01-31T12:00:00Z), or never"
        )
    return until


def ec2_ingress(ports: Iterable[Mapping[str, Any]], own: Sequence[str]) -> list[dict[str, Any]]:
    """Return which networks may reach each port, as module vpc_security_group takes it."""
    named = {"own": list(own), "anywhere": ["0.0.0.0/0"]}
    return [{"port": port["port"], "cidrs": named.get(port["from"], [port["from"]])} for port in ports]


def ec2_plan(found: Sequence[Resource], request: Mapping[str, Any]) -> dict[str, Any]:
    """Compare what there is with the request: what is surplus, missing or incomplete, and what to work on."""
    instances = _numbered(found, "instance")
    addresses = _numbered(found, "address", MAIN, EXTRA)
    volumes = _numbered(found, "volume", "data")
    numbers = range(1, request["count"] + 1)
    missing = [n for n in numbers if all(instance["index"] != n for instance in instances)]
    return {
        "instances": instances,
        "addresses": addresses,
        "volumes": volumes,
        "stopped": [instance for instance in instances if instance["state"] in ("stopping", "stopped")],
        "unassociated": [address for address in addresses if not address["attached_to"]],
        "surplus": _surplus(instances, addresses, volumes, request),
        "missing": missing,
        # Their instances are gone, and are to come back where they are
        "orphaned": [volume for volume in volumes if volume["index"] in missing],
        "incomplete": [n for n in numbers if not _complete(n, instances, addresses + volumes, request)],
    }


def _surplus(instances: Resources, addresses: Resources, volumes: Resources, request: Mapping[str, Any]) -> Resources:
    """Return what is beyond the request, without addresses that are merely not associated."""
    count = request["count"]
    surplus = [resource for resource in [*instances, *addresses] if resource["index"] > count]
    surplus += [volume for volume in volumes if volume["index"] > count or not request["data_gb"]]
    for instance in instances:
        extra = [address for address in _on(addresses, instance["id"]) if address["part"] == EXTRA]
        if instance["index"] <= count:
            surplus += sorted(extra, key=lambda address: str(address["id"]))[request["addresses"] :]
    return surplus


def _complete(number: int, instances: Resources, parts: Resources, request: Mapping[str, Any]) -> bool:
    of_number = [instance["id"] for instance in instances if instance["index"] == number]
    if len(of_number) != 1:
        return False
    attached = _on(parts, of_number[0])
    has = [resource["part"] for resource in attached]
    return (
        has.count(MAIN) == 1
        and has.count(EXTRA) == request["addresses"]
        and has.count("data") == (1 if request["data_gb"] else 0)
        and all(resource["size_gb"] >= request["data_gb"] for resource in attached if resource["part"] == "data")
    )


def ec2_attachments(
    instances: Iterable[Resource], plan: Mapping[str, Any], request: Mapping[str, Any]
) -> dict[str, Any]:
    """List the volumes, addresses and private addresses that running instances need.

    The instances are as ec2_instance_info returns them. A volume without an id is to be created, and so is every
    address; a volume that is too small is listed to be enlarged.
    """
    volumes, addresses, interfaces = [], [], []
    free = {zone: list(some) for zone, some in request["free"].items()}
    for instance in instances:
        n, identity, zone = _number(instance), instance["instance_id"], instance["placement"]["availability_zone"]
        data = [volume for volume in plan["volumes"] if volume["index"] == n]
        attached = _on(data, identity)
        if request["data_gb"] and not any(volume["size_gb"] >= request["data_gb"] for volume in attached):
            known = [volume["id"] for volume in [*attached, *data]]
            volumes.append({"index": n, "instance": identity, "zone": zone, "id": known[0] if known else None})
        for part, count in ((MAIN, 1), (EXTRA, request["addresses"])):
            there = sum(address["index"] == n and address["part"] == part for address in plan["addresses"])
            addresses += [{"index": n, "part": part}] * (count - there)
        interface = _interface(instance)
        secondary = [one for one in interface["private_ip_addresses"] if not one["primary"]]
        short = request["addresses"] - len(secondary)
        if short > 0:
            some = free.get(zone, [])
            assigned, some[:short] = some[:short], []
            interfaces.append({"index": n, "interface": interface["network_interface_id"], "assigned": assigned})
    return {"volumes": volumes, "addresses": addresses, "interfaces": interfaces}


def ec2_associations(
    instances: Iterable[Resource],
    plan: Mapping[str, Any],
    request: Mapping[str, Any],
    attachments: Mapping[str, Any],
    allocated: Iterable[Resource],
) -> list[dict[str, Any]]:
    """List which Elastic IP, one of ours or one just `allocated`, to associate with which private address."""
    new = [{**one["item"], "public_ip": one["public_ip"], "attached_to": None} for one in allocated]
    assigned = {one["index"]: one["assigned"] for one in attachments["interfaces"]}
    result = []
    for instance in instances:
        n, interface = _number(instance), _interface(instance)
        unassociated = [
            one["private_ip_address"]
            for one in interface["private_ip_addresses"]
            if not one["primary"] and "association" not in one
        ]
        private = {MAIN: [interface["private_ip_address"]], EXTRA: [*unassociated, *assigned.get(n, [])]}
        for part, count in ((MAIN, 1), (EXTRA, request["addresses"])):
            mine = [one for one in [*plan["addresses"], *new] if one["index"] == n and one["part"] == part]
            there = _on(mine, instance["instance_id"])
            others = [one["public_ip"] for one in mine if one not in there][: max(0, count - len(there))]
            result += [
                {"index": n, "public": public, "private": inner, "interface": interface["network_interface_id"]}
                for public, inner in zip(others, private[part])
            ]
    return result


def ec2_outdated_tags(found: Iterable[Resource], plan: Mapping[str, Any], owner: str, expiry: str) -> Resources:
    """List what stays and has another owner or expiry in its tags; without an expiry, also what has one."""
    surplus = [resource["id"] for resource in plan["surplus"]]
    kept = (resource for resource in found if resource["type"] != "bucket" and resource["state"] != "shutting-down")
    return [
        resource
        for resource in kept
        if resource["id"] not in surplus and (resource["owner"] != owner or (resource["expires"] or "") != expiry)
    ]


def ec2_removable(found: Sequence[Resource], keep: Sequence[str], *, expired_only: bool) -> Resources:
    """List what a teardown removes: all of the project or what is expired of it, but for the types to keep.

    The security group and the key pair stay as long as an instance does.
    """
    chosen = [resource for resource in found if resource["expired"] or not expired_only]
    if any(resource["type"] == "instance" and resource not in chosen for resource in found):
        keep = [*keep, "security_group", "key_pair"]
    return [resource for resource in chosen if resource["type"] not in keep]


def ec2_ssh_hosts(plan: Mapping[str, Any], launched: Sequence[str]) -> list[dict[str, Any]]:
    """List instances by the address at which SSH reaches them, and whether they were launched just now."""
    main = [one for one in plan["addresses"] if one["part"] == MAIN and one["attached_to"]]
    return [
        {"id": one["attached_to"], "address": one["public_ip"], "new": one["attached_to"] in launched} for one in main
    ]


def _number(instance: Resource) -> int:
    return int(instance["tags"]["labserver:index"])


def _interface(instance: Resource) -> Mapping[str, Any]:
    """Find the first interface of an instance, by its device index, for the list has no order."""
    return next(one for one in instance["network_interfaces"] if one["attachment"]["device_index"] == 0)


def ec2_problems(
    plan: Mapping[str, Any], request: Mapping[str, Any], place: Mapping[str, Any], found: Sequence[Resource]
) -> list[str]:
    """Return what would go wrong, each with its fix; nothing was changed yet."""
    return [
        *_place_problems(request, place),
        *_name_problems(plan, request, place),
        *_machine_problems(plan, request),
        *_attachment_problems(plan, found),
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
        filters = (ec2_associations, ec2_attachments, ec2_expiry, ec2_ingress, ec2_names, ec2_outdated_tags, ec2_plan)
        return {one.__name__: one for one in (*filters, ec2_problems, ec2_removable, ec2_ssh_hosts)}
