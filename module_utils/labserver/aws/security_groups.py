"""One security group of a VPC: who may reach which TCP port."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import ClientError, error_code
from .resources import tag_specification, tags_of

_SOURCES = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}

Permissions = dict[str, dict[str, Any]]


def ensure_group(ec2: Any, options: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Create or update what the options of the module describe; return its result."""
    named = [{"Name": "group-name", "Values": [options["name"]]}, {"Name": "vpc-id", "Values": [options["vpc"]]}]
    found = next(iter(ec2.describe_security_groups(Filters=named)["SecurityGroups"]), None)
    if found is None and check_mode:
        return {"changed": True, "id": ""}
    identity = found["GroupId"] if found else _create(ec2, options)
    current, desired = _by_source(found["IpPermissions"] if found else []), _permissions(options["ingress"])
    added = [desired[key] for key in desired.keys() - current.keys()]
    removed = [current[key] for key in current.keys() - desired.keys()]
    retag = found is not None and {**tags_of(found), **options["tags"]} != tags_of(found)
    if not check_mode:
        if added:
            ec2.authorize_security_group_ingress(GroupId=identity, IpPermissions=added)
        if removed:
            ec2.revoke_security_group_ingress(GroupId=identity, IpPermissions=removed)
        if retag:
            ec2.create_tags(Resources=[identity], Tags=tag_specification("security-group", options["tags"])[0]["Tags"])
    return {"changed": found is None or bool(added or removed or retag), "id": identity}


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
    ec2.get_waiter("security_group_exists").wait(GroupIds=[created])
    return created


def _permissions(ingress: Iterable[Mapping[str, Any]]) -> Permissions:
    return _by_source(
        {
            "IpProtocol": "tcp",
            "FromPort": int(rule["port"]),
            "ToPort": int(rule["port"]),
            # As AWS keeps it: without host bits
            "IpRanges": [{"CidrIp": str(ipaddress.IPv4Network(cidr, strict=False))} for cidr in rule["cidrs"]],
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
