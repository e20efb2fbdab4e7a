"""What a place on EC2 offers to a project, and what there has the project's names already."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import LabError
from .client import AwsClients
from .errors import ClientError, error_code, explained
from .resources import tags_of

# AWS keeps the first four addresses of a subnet, and the last
_KEPT_FIRST, _KEPT_LAST = 4, 1


@dataclass(frozen=True)
class PlaceRequest:
    """Of which type, under which names, and where in the region."""

    instance_type: str
    project: str
    zone: str = ""
    subnet: str = ""
    bucket: str = ""
    private_addresses: int = 0


def find_place(clients: AwsClients, request: PlaceRequest) -> dict[str, Any]:
    """Look into the region of the clients; raise LabError where the request cannot be met there."""
    ec2 = clients.client("ec2")
    with explained(clients.region):
        kind = _type(ec2, request)
        subnets = _subnets(ec2, request)
        group = _group(ec2, request.project, subnets[0]["VpcId"])
        key = _key(ec2, request.project)
        free = _free(ec2, subnets, request.private_addresses) if request.private_addresses else {}
        bucket = _bucket(clients.client("s3"), request.bucket) if request.bucket else None
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


def _type(ec2: Any, request: PlaceRequest) -> dict[str, Any]:
    try:
        found: list[dict[str, Any]] = ec2.describe_instance_types(InstanceTypes=[request.instance_type])[
            "InstanceTypes"
        ]
    except ClientError as error:
        if error_code(error) not in ("InvalidInstanceType", "InvalidParameterValue"):
            raise
        found = []
    if not found:
        raise LabError(
            f"'{request.instance_type}' is no instance type of {ec2.meta.region_name}: set ec2_instance_type to one,"
            " such as t3.micro"
        )
    return found[0]


def _subnets(ec2: Any, request: PlaceRequest) -> list[dict[str, Any]]:
    """Find the subnets that a machine may be put into, the first choice first."""
    if request.subnet:
        return _given_subnet(ec2, request)
    wanted = [{"Name": "default-for-az", "Values": ["true"]}]
    subnets = sorted(ec2.describe_subnets(Filters=wanted)["Subnets"], key=lambda subnet: subnet["AvailabilityZone"])
    if not subnets:
        raise LabError(
            f"{ec2.meta.region_name} has no default VPC to put a machine into: make it with"
            f" `aws ec2 create-default-vpc --region {ec2.meta.region_name}`, or set ec2_subnet to a subnet of yours"
        )
    zones = _zones(subnets)
    if request.zone and request.zone not in zones:
        raise LabError(
            f"no zone '{request.zone}' in {ec2.meta.region_name}: set ec2_zone to one of {', '.join(zones)},"
            " or leave it out"
        )
    offers = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [request.instance_type]}]
    )
    offering = [offer["Location"] for offer in offers["InstanceTypeOfferings"]]
    subnets = [subnet for subnet in subnets if subnet["AvailabilityZone"] in offering]
    zones = _zones(subnets)
    if (request.zone and request.zone not in zones) or not zones:
        raise LabError(
            f"zone {request.zone or ec2.meta.region_name} does not offer {request.instance_type}: "
            + (f"set ec2_zone to one of {', '.join(zones)}" if zones else "set ec2_instance_type or ec2_region")
        )
    # The zone asked for comes first; the others serve machines whose volumes are there
    return sorted(subnets, key=lambda subnet: subnet["AvailabilityZone"] != request.zone)


def _zones(subnets: Iterable[Mapping[str, Any]]) -> list[str]:
    return [subnet["AvailabilityZone"] for subnet in subnets]


def _given_subnet(ec2: Any, request: PlaceRequest) -> list[dict[str, Any]]:
    try:
        subnets: list[dict[str, Any]] = ec2.describe_subnets(SubnetIds=[request.subnet])["Subnets"]
    except ClientError as error:
        if not error_code(error).startswith("InvalidSubnet"):
            raise
        raise LabError(
            f"{ec2.meta.region_name} has no subnet {request.subnet}: set ec2_subnet, or leave it out"
        ) from error
    if request.zone and request.zone != subnets[0]["AvailabilityZone"]:
        raise LabError(
            f"subnet {request.subnet} is in {subnets[0]['AvailabilityZone']}: leave ec2_zone out, or ec2_subnet"
        )
    return subnets


def _group(ec2: Any, name: str, vpc: str) -> dict[str, Any] | None:
    wanted = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc]}]
    for group in ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]:
        return {"id": group["GroupId"], "tags": tags_of(group)}
    return None


def _key(ec2: Any, name: str) -> dict[str, Any] | None:
    for key in ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": [name]}])["KeyPairs"]:
        return {"id": key["KeyPairId"], "tags": tags_of(key)}
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
        return {"tags": tags_of(s3.get_bucket_tagging(Bucket=name))}
    except ClientError as error:
        if error_code(error) != "NoSuchTagSet":
            raise
        return {"tags": {}}
