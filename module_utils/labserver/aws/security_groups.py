"""One security group of a VPC: who may reach which TCP port."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import ClientError, error_code
from .resources import tag_specification, tags_of
from .waiting import only_one, with_retries

_SOURCES = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}
# A group that was just made is not found yet; what was asked for again, as the answer was lost, is there already
_PASSING = (
    "InvalidGroup.NotFound",
    "InvalidGroup.Duplicate",
    "InvalidPermission.Duplicate",
    "InvalidPermission.NotFound",
)

Permissions = dict[str, dict[str, Any]]


def ensure_group(ec2: Any, options: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Create or update what the options of the module describe; return its result."""
    changed: list[str] = []  # also by an attempt that did not get to its end
    identity = with_retries(lambda: _ensure(ec2, options, changed, check_mode=check_mode), _PASSING)
    return {"changed": bool(changed), "id": identity}


def _ensure(ec2: Any, options: Mapping[str, Any], changed: list[str], *, check_mode: bool) -> str:
    found = _find(ec2, options)
    if found is None:
        changed.append("group")
        if check_mode:
            return ""
    identity = found["GroupId"] if found else _create(ec2, options)
    current, desired = _by_source(found["IpPermissions"] if found else []), _permissions(options["ingress"], identity)
    if options["keep_other_ports"]:
        ports = [_ports(permission) for permission in desired.values()]
        current = {key: permission for key, permission in current.items() if _ports(permission) in ports}
    added = [desired[key] for key in desired.keys() - current.keys()]
    removed = [current[key] for key in current.keys() - desired.keys()]
    retag = found is not None and {**tags_of(found), **options["tags"]} != tags_of(found)
    changed += ["rules"] * bool(added or removed) + ["tags"] * retag
    if not check_mode:
        if added:
            ec2.authorize_security_group_ingress(GroupId=identity, IpPermissions=added)
        if removed:
            ec2.revoke_security_group_ingress(GroupId=identity, IpPermissions=removed)
        if retag:
            ec2.create_tags(Resources=[identity], Tags=tag_specification("security-group", options["tags"])[0]["Tags"])
    return identity


def _find(ec2: Any, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Find the group by its id, or else by name and VPC."""
    if options["id"]:
        groups: list[dict[str, Any]] = ec2.describe_security_groups(GroupIds=[options["id"]])["SecurityGroups"]
        return only_one(groups, _PASSING[0], options["id"])
    named = [{"Name": "group-name", "Values": [options["name"]]}, {"Name": "vpc-id", "Values": [options["vpc"]]}]
    return next(iter(ec2.describe_security_groups(Filters=named)["SecurityGroups"]), None)


def _ports(permission: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(permission.get(key) for key in ("IpProtocol", "FromPort", "ToPort"))


def delete_group(ec2: Any, group: str, *, check_mode: bool) -> bool:
    """Delete a group by its id; return whether it existed."""
    try:
        ec2.describe_security_groups(GroupIds=[group])
        if not check_mode:
            ec2.delete_security_group(GroupId=group)
    except ClientError as error:
        if error_code(error) != "InvalidGroup.NotFound":
            raise
        return False
    return True


def _create(ec2: Any, options: Mapping[str, Any]) -> str:
    created: str = ec2.create_security_group(
        GroupName=options["name"],
        Description=options["description"],
        VpcId=options["vpc"],
        TagSpecifications=tag_specification("security-group", options["tags"]),
    )["GroupId"]
    # Machines are to be launched into it
    by_id = {"GroupIds": [created]}
    with_retries(
        lambda: only_one(ec2.describe_security_groups(**by_id)["SecurityGroups"], _PASSING[0], created), _PASSING
    )
    return created


def _permissions(ingress: Iterable[Mapping[str, Any]], own: str) -> Permissions:
    return _by_source(
        {
            "IpProtocol": "tcp",
            "FromPort": int(rule["port"]),
            "ToPort": int(rule.get("last") or rule["port"]),
            # As AWS keeps it: without host bits
            "IpRanges": [{"CidrIp": str(ipaddress.IPv4Network(cidr, strict=False))} for cidr in rule["cidrs"] or ()],
            "UserIdGroupPairs": [{"GroupId": own}] if rule.get("members") else [],
        }
        for rule in ingress
    )


def _by_source(permissions: Iterable[Mapping[str, Any]]) -> Permissions:
    """Split permissions by their sources, under names that compare easily."""
    split: Permissions = {}
    for permission in permissions:
        ports = {key: permission[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in permission}
        for kind, key in _SOURCES.items():
            for source in permission.get(kind, []):
                name = "/".join(str(part) for part in (*ports.values(), source[key]))
                split[name] = {**ports, kind: [{key: source[key]}]}
    return split
