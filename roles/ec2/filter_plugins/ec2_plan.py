"""Filters of role ec2: what a project has too much and too little of.

They work on what module aws_resources_info returns and make no call. `request` is `__ec2_request` of the role. They are
here and not in module_utils, for Ansible does not put a project's module_utils on the path of its filter plugins.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
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


def ec2_missing_programs(names: Iterable[str]) -> list[str]:
    """Return which programs this machine lacks."""
    return [name for name in names if shutil.which(name) is None]


def ec2_own_elastic_ips(resources: Iterable[Resource], names: Sequence[str]) -> Resources:
    """List the user's own Elastic IPs, by id or address, that are on machines of ours, each as that of its machine."""
    return [
        {**resource, "index": number, "part": MAIN}
        for resource in resources
        for number, name in enumerate(names, start=1)
        if name and resource["type"] == "address" and name in (resource["id"], resource["public_ip"])
    ]


def _addresses(plan: Mapping[str, Any], request: Mapping[str, Any]) -> Resources:
    """Return what there is, and the user's own that are on no machine of ours yet."""
    known = [address["id"] for address in plan["addresses"]]
    own = [one for one in request["elastic_ips"] if one["id"] not in known]
    # Were it taken by something else meanwhile, it is not to be taken from there
    return [*plan["addresses"], *({**one, "part": MAIN, "attached_to": None, "reassociate": False} for one in own)]


def ec2_plan(found: Sequence[Resource], request: Mapping[str, Any]) -> dict[str, Any]:
    """Compare what there is with the request: what is surplus, missing or incomplete, and what to work on."""
    instances = _numbered(found, "instance")
    addresses = _numbered(found, "address", MAIN, EXTRA)
    volumes = _numbered(found, "volume", "data")
    numbers = range(1, request["count"] + 1)
    requests = _numbered(found, "spot_request")
    missing = [n for n in numbers if all(instance["index"] != n for instance in instances)]
    return {
        "instances": instances,
        "addresses": addresses,
        "volumes": volumes,
        "stopped": [instance for instance in instances if instance["state"] in ("stopping", "stopped")],
        "unassociated": [address for address in addresses if not address["attached_to"] and address["tagged"]],
        "surplus": [
            *_surplus(instances + requests, addresses, volumes, request),
            *(one for one in found if one["type"] == "budget" and not request["budget"]),
        ],
        "missing": missing,
        # Their instances are gone, and are to come back where they are
        "orphaned": [volume for volume in volumes if volume["index"] in missing],
        "orphaned_requests": [one for one in requests if one["index"] in missing],
        "incomplete": [n for n in numbers if not _complete(n, instances, addresses + volumes, request)],
    }


def _surplus(machines: Resources, addresses: Resources, volumes: Resources, request: Mapping[str, Any]) -> Resources:
    """Return what is beyond the request, without addresses that are merely not associated."""
    count = request["count"]
    ours = [address for address in addresses if address["tagged"]]  # the others are the user's own
    surplus = [resource for resource in [*machines, *ours] if resource["index"] > count]
    others = [number for number, name in enumerate(request["elastic_ip_ids"], start=1) if name]
    surplus += [one for one in ours if one["part"] == MAIN and one["index"] in others and one not in surplus]
    surplus += [volume for volume in volumes if volume["index"] > count or not request["data_gb"]]
    for instance in machines:
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
        has.count(MAIN) == request["elastic_ip"]
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
        for part, count in ((MAIN, int(request["elastic_ip"])), (EXTRA, request["addresses"])):
            there = sum(one["index"] == n and one["part"] == part for one in _addresses(plan, request))
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
    new = [{**one["item"], "id": one["id"], "attached_to": None} for one in allocated]
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
        for part, count in ((MAIN, int(request["elastic_ip"])), (EXTRA, request["addresses"])):
            known = [*_addresses(plan, request), *new]
            mine = [one for one in known if one["index"] == n and one["part"] == part]
            there = _on(mine, instance["instance_id"])
            others = [one for one in mine if one not in there][: max(0, count - len(there))]
            result += [
                {
                    "index": n,
                    "address": address["id"],
                    "private": inner,
                    "interface": interface["network_interface_id"],
                    "reassociate": address.get("reassociate", True),
                }
                for address, inner in zip(others, private[part])
            ]
    return result


def ec2_outdated_tags(found: Iterable[Resource], plan: Mapping[str, Any], owner: str, expiry: str) -> Resources:
    """List what stays and has another owner or expiry in its tags; without an expiry, also what has one."""
    surplus = [resource["id"] for resource in plan["surplus"]]
    kinds = ("bucket", "budget", "instance_profile")  # are not EC2's to tag
    kept = (one for one in found if one["type"] not in kinds and one["state"] != "shutting-down")
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
        keep = [*keep, "security_group", "key_pair", "instance_profile"]
    return [resource for resource in chosen if resource["type"] not in keep]


def ec2_ssh_hosts(plan: Mapping[str, Any], launched: Sequence[str]) -> list[dict[str, Any]]:
    """List instances by the address at which SSH reaches them, and whether they were launched just now.

    That is the Elastic IP, or else the address that AWS lends them while they run.
    """
    main = {one["attached_to"]: one["public_ip"] for one in plan["addresses"] if one["part"] == MAIN}
    known = [(one["id"], one["name"], main.get(one["id"]) or one["public_ip"]) for one in plan["instances"]]
    return [
        {"id": identity, "name": name, "address": address, "new": identity in launched}
        for identity, name, address in known
        if address
    ]


def ec2_in_state(instances: Iterable[Resource], state: str) -> list[dict[str, Any]]:
    """List what the next survey has to show of instances that were started or stopped."""
    return [{"id": one["id"], "state": state} for one in instances]


def ec2_key_notes(hosts: Iterable[Mapping[str, Any]], unproven: Sequence[str]) -> list[str]:
    """Return a note for each machine: how its host key is known."""
    return [
        f"Host key of {one['name']} ({one['address']}): "
        + (
            "not proven. Its console did not show it, so SSH takes that of the first connection; run this again later,"
            " and the console is asked again."
            if one["address"] in unproven
            else "proven, for its console shows it, which only the account reads."
        )
        for one in hosts
    ]


def ec2_expected(
    instances: Iterable[Resource], attached: Iterable[Mapping[str, Any]], associated: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """List what the next survey has to show: the instances, and on them the volumes and addresses of these results."""
    of_interface = {_interface(one)["network_interface_id"]: one["instance_id"] for one in instances}
    return [
        *({"id": one} for one in of_interface.values()),
        *({"id": one["id"], "attached_to": one["item"]["instance"]} for one in attached),
        *({"id": one["id"], "attached_to": of_interface[one["item"]["interface"]]} for one in associated),
    ]


def _number(instance: Resource) -> int:
    return int(instance["tags"]["labserver:index"])


def _interface(instance: Resource) -> Mapping[str, Any]:
    """Find the first interface of an instance, by its device index, for the list has no order."""
    return next(one for one in instance["network_interfaces"] if one["attachment"]["device_index"] == 0)


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        filters = (
            ec2_associations,
            ec2_attachments,
            ec2_expected,
            ec2_expiry,
            ec2_in_state,
            ec2_key_notes,
            ec2_missing_programs,
            ec2_outdated_tags,
            ec2_own_elastic_ips,
            ec2_plan,
            ec2_removable,
            ec2_ssh_hosts,
        )
        return {one.__name__: one for one in filters}
