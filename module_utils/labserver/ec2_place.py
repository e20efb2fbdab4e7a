"""What a place on EC2 offers to a project, and what there has the project's names already."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .aws_resources import Session, client, error_code, explained
from .errors import LabError

try:
    from botocore.exceptions import ClientError
except ImportError:  # told by the module: Ansible imports this to document it, too
    ClientError = Exception

# AWS keeps the first four addresses of a subnet, and the last
_KEPT_FIRST, _KEPT_LAST = 4, 1


@dataclass(frozen=True)
class Wish:
    """Where, of which type, and under which names."""

    region: str
    instance_type: str
    project: str
    zone: str = ""
    subnet: str = ""
    bucket: str = ""
    private_addresses: int = 0


def look(session: Session, wish: Wish) -> dict[str, Any]:
    """Ask AWS; raise LabError where the wish cannot be granted there."""
    ec2 = client(session, "ec2", wish.region)
    with explained(wish.region):
        kind = _type(ec2, wish)
        subnets = _subnets(ec2, wish)
        group = _group(ec2, wish.project, subnets[0]["VpcId"])
        key = _key(ec2, wish.project)
        free = _free(ec2, subnets, wish.private_addresses) if wish.private_addresses else {}
        bucket = _bucket(client(session, "s3", wish.region), wish.bucket) if wish.bucket else None
    return {
        "architecture": "arm64" if "arm64" in kind["ProcessorInfo"]["SupportedArchitectures"] else "x86_64",
        "addresses": kind["NetworkInfo"]["Ipv4AddressesPerInterface"],
        "burstable": bool(kind.get("BurstablePerformanceSupported")),
        "vpc": subnets[0]["VpcId"],
        "zone": subnets[0]["AvailabilityZone"],
        "subnets": {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in subnets},
        "free": free,
        "group": group,
        "key": key,
        "bucket": bucket,
    }


def _tags(thing: Mapping[str, Any], key: str = "Tags") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get(key) or []}


def _type(ec2: Any, wish: Wish) -> dict[str, Any]:
    try:
        found: list[dict[str, Any]] = ec2.describe_instance_types(InstanceTypes=[wish.instance_type])["InstanceTypes"]
    except ClientError as error:
        if error_code(error) not in ("InvalidInstanceType", "InvalidParameterValue"):
            raise
        found = []
    if not found:
        raise LabError(
            f"'{wish.instance_type}' is no instance type of {wish.region}: set ec2_instance_type to one: t3.micro"
        )
    return found[0]


def _subnets(ec2: Any, wish: Wish) -> list[dict[str, Any]]:
    """Find the subnets that a machine may be put into, the first choice first."""
    if wish.subnet:
        return _given_subnet(ec2, wish)
    wanted = [{"Name": "default-for-az", "Values": ["true"]}]
    subnets = sorted(ec2.describe_subnets(Filters=wanted)["Subnets"], key=lambda subnet: subnet["AvailabilityZone"])
    if not subnets:
        raise LabError(
            f"{wish.region} has no default VPC to put a machine into: make it with"
            f" `aws ec2 create-default-vpc --region {wish.region}`, or set ec2_subnet to a subnet of yours"
        )
    zones = _zones(subnets)
    if wish.zone and wish.zone not in zones:
        raise LabError(
            f"no zone '{wish.zone}' in {wish.region}: set ec2_zone to one of {', '.join(zones)}, or leave it out"
        )
    offers = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [wish.instance_type]}]
    )
    offering = [offer["Location"] for offer in offers["InstanceTypeOfferings"]]
    subnets = [subnet for subnet in subnets if subnet["AvailabilityZone"] in offering]
    zones = _zones(subnets)
    if (wish.zone and wish.zone not in zones) or not zones:
        raise LabError(
            f"zone {wish.zone or wish.region} does not offer {wish.instance_type}: "
            + (f"set ec2_zone to one of {', '.join(zones)}" if zones else "set ec2_instance_type or ec2_region")
        )
    # The zone asked for comes first; the others serve machines whose volumes are there
    return sorted(subnets, key=lambda subnet: subnet["AvailabilityZone"] != wish.zone)


def _zones(subnets: Iterable[Mapping[str, Any]]) -> list[str]:
    return [subnet["AvailabilityZone"] for subnet in subnets]


def _given_subnet(ec2: Any, wish: Wish) -> list[dict[str, Any]]:
    try:
        subnets: list[dict[str, Any]] = ec2.describe_subnets(SubnetIds=[wish.subnet])["Subnets"]
    except ClientError as error:
        if not error_code(error).startswith("InvalidSubnet"):
            raise
        raise LabError(f"{wish.region} has no subnet {wish.subnet}: set ec2_subnet, or leave it out") from error
    if wish.zone and wish.zone != subnets[0]["AvailabilityZone"]:
        raise LabError(
            f"subnet {wish.subnet} is in {subnets[0]['AvailabilityZone']}: leave ec2_zone out, or ec2_subnet"
        )
    return subnets


def _group(ec2: Any, name: str, vpc: str) -> dict[str, Any] | None:
    wanted = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc]}]
    for group in ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]:
        return {"id": group["GroupId"], "tags": _tags(group), "rules": sorted(_rules(group["IpPermissions"]))}
    return None


def _rules(permissions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each as `protocol/from-to/whom`, which compares easily."""
    for one in permissions:
        whom = [
            *(source["CidrIp"] for source in one.get("IpRanges", [])),
            *(source["CidrIpv6"] for source in one.get("Ipv6Ranges", [])),
            *(source["PrefixListId"] for source in one.get("PrefixListIds", [])),
            *(source["GroupId"] for source in one.get("UserIdGroupPairs", [])),
        ]
        for source in whom:
            yield f"{one['IpProtocol']}/{one.get('FromPort', 'any')}-{one.get('ToPort', 'any')}/{source}"


def _key(ec2: Any, name: str) -> dict[str, Any] | None:
    for key in ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": [name]}])["KeyPairs"]:
        return {"id": key["KeyPairId"], "tags": _tags(key)}
    return None


def _free(ec2: Any, subnets: Iterable[Mapping[str, Any]], wanted: int) -> dict[str, list[str]]:
    """Find private addresses that nobody has, by zone, from the end of each subnet."""
    inside = {"Name": "subnet-id", "Values": [subnet["SubnetId"] for subnet in subnets]}
    taken = {
        address["PrivateIpAddress"]
        for page in ec2.get_paginator("describe_network_interfaces").paginate(Filters=[inside])
        for interface in page["NetworkInterfaces"]
        for address in interface["PrivateIpAddresses"]
    }
    free: dict[str, list[str]] = {}
    for subnet in subnets:
        network = ipaddress.IPv4Network(subnet["CidrBlock"])
        last = network.num_addresses - 1 - _KEPT_LAST
        candidates = (str(network[number]) for number in range(last, _KEPT_FIRST - 1, -1))
        free[subnet["AvailabilityZone"]] = list(islice((one for one in candidates if one not in taken), wanted))
    return free


def _bucket(s3: Any, name: str) -> dict[str, Any] | None:
    """Find the bucket of a name, which is one in the whole world."""
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        code = error_code(error)
        if code in ("404", "NoSuchBucket"):
            return None
        if code == "403":
            raise LabError(f"bucket {name} belongs to somebody else: set ec2_bucket to another name") from error
        raise
    try:
        return {"tags": _tags(s3.get_bucket_tagging(Bucket=name), "TagSet")}
    except ClientError as error:
        if error_code(error) != "NoSuchTagSet":
            raise
        return {"tags": {}}
