"""One security group of a VPC: who may reach which TCP port."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class SecurityGroupRequest:
    """What the group has to be; `ingress` has a `port` and the `cidrs` that may reach it."""

    name: str
    description: str
    vpc: str
    ingress: list[Mapping[str, Any]]
    tags: Mapping[str, str]


def ensure_group(ec2: Any, request: SecurityGroupRequest, *, dry_run: bool = False) -> tuple[bool, str]:
    """Create the group or make it what is asked for; return whether anything changed (or would), and its id."""
    named = [{"Name": "group-name", "Values": [request.name]}, {"Name": "vpc-id", "Values": [request.vpc]}]
    found = next(iter(ec2.describe_security_groups(Filters=named)["SecurityGroups"]), None)
    if found is None and dry_run:
        return True, ""
    identity = found["GroupId"] if found else _create(ec2, request)
    current, wanted = _by_source(found["IpPermissions"] if found else []), _wanted(request.ingress)
    added = [wanted[key] for key in wanted.keys() - current.keys()]
    removed = [current[key] for key in current.keys() - wanted.keys()]
    retag = found is not None and {**tags_of(found), **request.tags} != tags_of(found)
    if not dry_run:
        if added:
            ec2.authorize_security_group_ingress(GroupId=identity, IpPermissions=added)
        if removed:
            ec2.revoke_security_group_ingress(GroupId=identity, IpPermissions=removed)
        if retag:
            ec2.create_tags(Resources=[identity], Tags=tag_specification("security-group", request.tags)[0]["Tags"])
    return found is None or bool(added or removed or retag), identity


def delete_group(ec2: Any, group: str, *, dry_run: bool = False) -> bool:
    """Delete a group by its id; return whether it was there."""
    try:
        ec2.describe_security_groups(GroupIds=[group])
        if not dry_run:
            ec2.delete_security_group(GroupId=group)
    except ClientError as error:
        if error_code(error) != "InvalidGroup.NotFound":
            raise
        return False
    return True


def _create(ec2: Any, request: SecurityGroupRequest) -> str:
    created: str = ec2.create_security_group(
        GroupName=request.name,
        Description=request.description,
        VpcId=request.vpc,
        TagSpecifications=tag_specification("security-group", request.tags),
    )["GroupId"]
    ec2.get_waiter("security_group_exists").wait(GroupIds=[created])
    return created


def _wanted(ingress: Iterable[Mapping[str, Any]]) -> Permissions:
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
