"""Filters of role ec2: what a project has too much and too little of, and what stands in its way.

They work on what module aws_resources_info found and know nothing of AWS itself. `wish` is `__ec2_wish` of the role.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

Thing = Mapping[str, Any]
Things = list[Thing]

_TIME = "%Y-%m-%dT%H:%M:%SZ"
MAIN, EXTRA = "address", "extra-address"  # parts of a machine that are Elastic IPs


def _numbered(found: Iterable[Thing], kind: str, *parts: str) -> Things:
    """Things of a type that belong to a machine; not machines that are on their way out."""
    wanted = (thing for thing in found if thing["type"] == kind and thing["index"] is not None)
    return [
        thing for thing in wanted if (not parts or thing["part"] in parts) and thing.get("state") != "shutting-down"
    ]


def _on(things: Iterable[Thing], machine: str) -> Things:
    return [thing for thing in things if thing["attached_to"] == machine]


def ec2_until(asked: str, found: Iterable[Thing], now: datetime | None = None) -> str:
    """Return until when things are wanted, as their tag says it; empty for ever.

    Days count from the first run: what is there keeps its time until that is past.
    """
    now = now or datetime.now(timezone.utc)
    if asked == "never":
        return ""
    if re.fullmatch(r"\d{1,4}d", asked):
        kept = [thing["expires"] for thing in found if (thing["expires"] or "") > now.strftime(_TIME)]
        return max(kept, default=(now + timedelta(days=int(asked[:-1]))).strftime(_TIME))
    try:
        until = datetime.strptime(asked if "T" in asked else f"{asked}T23:59:59Z", _TIME).strftime(_TIME)
    except ValueError:
        until = ""
    if until <= now.strftime(_TIME):
        raise ValueError(
            f"ec2_expires is '{asked}', which is {'past' if until else 'no time'}: set it to days from now (30d),"
            " a date to come (2027-01-31, or 2027-01-31T12:00:00Z), or never"
        )
    return until


def ec2_rules(ports: Iterable[Mapping[str, Any]], own: Sequence[str]) -> list[dict[str, Any]]:
    """Put the ports that are asked for into the words of ec2_security_group."""
    whom = {"own": list(own), "anywhere": ["0.0.0.0/0"]}
    return [
        {"proto": "tcp", "ports": [port["port"]], "cidr_ip": whom.get(port["from"], [port["from"]])} for port in ports
    ]


def ec2_rule_names(rules: Iterable[Mapping[str, Any]]) -> list[str]:
    """Put them into the form in which module ec2_place_info tells the rules of a group."""
    return sorted({f"tcp/{rule['ports'][0]}-{rule['ports'][0]}/{one}" for rule in rules for one in rule["cidr_ip"]})


def ec2_have(found: Sequence[Thing], wish: Mapping[str, Any]) -> dict[str, Any]:
    """Set what there is against the wish: `surplus`, `missing` machines, `lacking` ones, and what else is needed."""
    instances = _numbered(found, "instance")
    elastic = _numbered(found, "address", MAIN, EXTRA)
    data = _numbered(found, "volume", "data")
    numbers = range(1, wish["count"] + 1)
    missing = [n for n in numbers if all(machine["index"] != n for machine in instances)]
    return {
        "instances": instances,
        "elastic": elastic,
        "data": data,
        "halted": [machine for machine in instances if machine["state"] in ("stopping", "stopped")],
        "idle": [address for address in elastic if not address["attached_to"]],
        "surplus": _surplus(instances, elastic, data, wish),
        "missing": missing,
        # Their machines are gone, and are to come back where they are
        "orphans": [volume for volume in data if volume["index"] in missing],
        "small": [
            volume
            for volume in data
            if volume["index"] in numbers and volume["attached_to"] and volume["size_gb"] < wish["data_gb"]
        ],
        "lacking": [n for n in numbers if not _complete(n, instances, elastic + data, wish)],
    }


def _surplus(instances: Things, elastic: Things, data: Things, wish: Mapping[str, Any]) -> Things:
    """Return what has to go for the wish to be met, without what merely lies idle."""
    count = wish["count"]
    surplus = [thing for thing in [*instances, *elastic] if thing["index"] > count]
    surplus += [volume for volume in data if volume["index"] > count or not wish["data_gb"]]
    for machine in instances:
        extra = [address for address in _on(elastic, machine["id"]) if address["part"] == EXTRA]
        if machine["index"] <= count:
            surplus += sorted(extra, key=lambda address: str(address["id"]))[wish["addresses"] :]
    return surplus


def _complete(number: int, instances: Things, parts: Things, wish: Mapping[str, Any]) -> bool:
    machines = [machine["id"] for machine in instances if machine["index"] == number]
    if len(machines) != 1:
        return False
    has = [thing["part"] for thing in _on(parts, machines[0])]
    return (
        has.count(MAIN) == 1
        and has.count(EXTRA) == wish["addresses"]
        and has.count("data") == (1 if wish["data_gb"] else 0)
    )


def ec2_fit(machines: Iterable[Thing], have: Mapping[str, Any], wish: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what to give to machines that run, which are as ec2_instance_info tells them."""
    volumes, addresses, interfaces = [], [], []
    free = {zone: list(some) for zone, some in wish["free"].items()}
    for machine in machines:
        n, identity = _number(machine), machine["instance_id"]
        data = [volume for volume in have["data"] if volume["index"] == n]
        if wish["data_gb"] and not _on(data, identity):
            volumes.append({"index": n, "instance": identity, "volume": data[0]["id"] if data else ""})
        for part, wanted in ((MAIN, 1), (EXTRA, wish["addresses"])):
            there = sum(address["index"] == n and address["part"] == part for address in have["elastic"])
            addresses += [{"index": n, "part": part}] * (wanted - there)
        interface = _interface(machine)
        secondary = [one for one in interface["private_ip_addresses"] if not one["primary"]]
        short = wish["addresses"] - len(secondary)
        if short > 0:
            some = free.get(machine["placement"]["availability_zone"], [])
            add, some[:short] = some[:short], []
            interfaces.append({"index": n, "interface": interface["network_interface_id"], "add": add})
    return {"volumes": volumes, "addresses": addresses, "interfaces": interfaces}


def ec2_lead(
    machines: Iterable[Thing],
    have: Mapping[str, Any],
    wish: Mapping[str, Any],
    fit: Mapping[str, Any],
    allocated: Iterable[Thing],
) -> list[dict[str, Any]]:
    """Tell which Elastic IP, one of ours or one just `allocated`, to lead to which private address."""
    new = [{**one["item"], "public_ip": one["public_ip"], "attached_to": None} for one in allocated]
    added = {one["index"]: one["add"] for one in fit["interfaces"]}
    result = []
    for machine in machines:
        n, interface = _number(machine), _interface(machine)
        bare = [
            one["private_ip_address"]
            for one in interface["private_ip_addresses"]
            if not one["primary"] and "association" not in one
        ]
        inner = {MAIN: [interface["private_ip_address"]], EXTRA: [*bare, *added.get(n, [])]}
        for part, wanted in ((MAIN, 1), (EXTRA, wish["addresses"])):
            mine = [one for one in [*have["elastic"], *new] if one["index"] == n and one["part"] == part]
            there = _on(mine, machine["instance_id"])
            others = [one["public_ip"] for one in mine if one not in there][: max(0, wanted - len(there))]
            result += [
                {"index": n, "public": public, "private": private, "interface": interface["network_interface_id"]}
                for public, private in zip(others, inner[part])
            ]
    return result


def _number(machine: Thing) -> int:
    return int(machine["tags"]["labserver:index"])


def _interface(machine: Thing) -> Mapping[str, Any]:
    """Find the first interface of a machine, by what AWS says of it and not by its place in the list."""
    return next(one for one in machine["network_interfaces"] if one["attachment"]["device_index"] == 0)


def ec2_problems(
    have: Mapping[str, Any], wish: Mapping[str, Any], place: Mapping[str, Any], found: Sequence[Thing]
) -> list[str]:
    """Tell what would go wrong, each with its fix; nothing was changed yet."""
    problems: list[str] = []
    for check in (_of_place, _of_names, _of_machines, _of_volumes, _of_strangers, _of_surplus):
        check(problems.append, have, {**wish, "found": found}, place)
    return problems


Say = Callable[[str], None]
_NETWORK = re.compile(r"(\d{1,3}\.){3}\d{1,3}/\d{1,2}")


def _of_place(say: Say, _have: Mapping[str, Any], wish: Mapping[str, Any], place: Mapping[str, Any]) -> None:
    most = place["addresses"] - 1
    if wish["addresses"] > most:
        say(
            f"A {wish['instance_type']} takes {place['addresses']} private addresses, {most} beside its own, and"
            f" ec2_addresses is {wish['addresses']}: lower it, or set ec2_instance_type to a larger type."
        )
    if wish["own_needed"] and not wish["own"]:
        say(f"{wish['checkip']} does not tell your address: set ec2_own_cidr to it, such as 203.0.113.5/32.")
    for network in dict.fromkeys(network for rule in wish["rules"] for network in rule["cidr_ip"]):
        if not _NETWORK.fullmatch(network):
            say(f"'{network}' is no IPv4 network: set ec2_own_cidr, or `from` in ec2_ports, to one: 203.0.113.5/32.")
    short = [zone for zone, some in wish["free"].items() if len(some) < wish["private"]]
    if short:
        say(f"The subnet in {short[0]} has too few free addresses: lower ec2_addresses, or set ec2_subnet to another.")


def _of_names(say: Say, have: Mapping[str, Any], wish: Mapping[str, Any], place: Mapping[str, Any]) -> None:
    project = wish["project"]

    def ours(thing: Mapping[str, Any]) -> bool:
        return bool(thing["tags"].get("labserver:project") == project)

    for kind in ("group", "key"):
        thing = place[kind]
        if thing and not ours(thing):
            words = {"group": "security group", "key": "key pair"}[kind]
            say(
                f"The {words} {project} ({thing['id']}) is not ours: it lacks our tags, and is left alone."
                " Set LABSERVER_PROJECT to another name, or remove it."
            )
    bucket, announced = place["bucket"], ((place["group"] or {}).get("tags") or {}).get("labserver:bucket")
    # Without any tag, but announced by our group: we were about to tag it
    if bucket and not ours(bucket) and (bucket["tags"] or announced != wish["bucket"]):
        say(
            f"The bucket {wish['bucket']} is not ours: it lacks our tags, and is left alone."
            " Set ec2_bucket to another name."
        )
    if wish["public_key"] == "":
        say(f"{wish['key_file']} holds no public key of type ed25519 or rsa: set ec2_public_key_file to one that does.")
    elif place["key"] and have["instances"] and not wish["key_fits"]:
        say(
            f"The machines were made with another key than {wish['key_file']}: put theirs there, name it in"
            " ec2_public_key_file, or make the machines anew (playbooks/teardown.yml)."
        )


def _of_machines(say: Say, have: Mapping[str, Any], wish: Mapping[str, Any], _place: Mapping[str, Any]) -> None:
    for kind, things in (("machines", have["instances"]), ("data volumes", have["data"])):
        for n in dict.fromkeys(thing["index"] for thing in things):
            same = [thing["id"] for thing in things if thing["index"] == n]
            if len(same) > 1:
                say(
                    f"There are several {kind} of number {n}: {', '.join(same)}. Remove all but one in the AWS console,"
                    " or everything with playbooks/teardown.yml."
                )
    for machine in have["instances"]:
        if machine["instance_type"] != wish["instance_type"]:
            say(
                f"{machine['name']} is a {machine['instance_type']}: set ec2_instance_type to that, or make the"
                " machines anew (playbooks/teardown.yml)."
            )


def _of_volumes(say: Say, have: Mapping[str, Any], wish: Mapping[str, Any], _place: Mapping[str, Any]) -> None:
    for volume in have["data"]:
        if 0 < wish["data_gb"] < volume["size_gb"]:
            say(
                f"{volume['name']} has {volume['size_gb']:g} GiB, and a volume never shrinks:"
                f" set ec2_data_volume_gb to {volume['size_gb']:g} or more."
            )


def _of_strangers(say: Say, have: Mapping[str, Any], wish: Mapping[str, Any], _place: Mapping[str, Any]) -> None:
    ours = {thing["id"] for thing in wish["found"]}
    for thing in [*have["elastic"], *have["data"]]:
        if thing["attached_to"] and thing["attached_to"] not in ours:
            say(
                f"{thing['name']} ({thing['id']}) is on {thing['attached_to']}, which is not ours: take it off there,"
                " or take our tags off it."
            )


def _of_surplus(say: Say, have: Mapping[str, Any], wish: Mapping[str, Any], _place: Mapping[str, Any]) -> None:
    if have["surplus"] and not wish["confirm"]:
        say(
            f"There is more than is asked for: {ec2_names(have['surplus'])}. To keep it, raise ec2_count, ec2_addresses"
            " or ec2_data_volume_gb (in inventory/aws/group_vars/all.yml); to have it removed, with all that is on it,"
            " say -e confirm=yes."
        )


def ec2_names(things: Iterable[Thing]) -> str:
    """Put things into words."""
    return ", ".join(f"{thing['type'].replace('_', ' ')} {thing['name']} ({thing['id']})" for thing in things)


class FilterModule:
    """Tells Ansible their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name all of them."""
        return {
            filter_.__name__: filter_
            for filter_ in (
                ec2_fit,
                ec2_have,
                ec2_lead,
                ec2_names,
                ec2_problems,
                ec2_rule_names,
                ec2_rules,
                ec2_until,
            )
        }
