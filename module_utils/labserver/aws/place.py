"""What a place on EC2 offers to a project, and what there has the project's names already."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from ..errors import LabError
from .client import AwsClients
from .errors import ClientError, error_code, explained
from .limits import find_limits
from .resources import PROJECT, tags_of

# AWS keeps the first four addresses of a subnet, and the last
_KEPT_FIRST, _KEPT_LAST = 4, 1


def find_place(clients: AwsClients, options: Mapping[str, Any]) -> dict[str, Any]:
    """Read the region of the clients, for the options of module ec2_place_info. Raises LabError."""
    ec2 = clients.client("ec2")
    with explained(clients.region):
        kind = _type(ec2, options)
        subnets = _subnets(ec2, options)
        name = [options["project"]]
        in_vpc = {"Name": "vpc-id", "Values": [subnets[0]["VpcId"]]}
        groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": name}, in_vpc])
        keys = ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": name}])
        free = _free(ec2, subnets, options["private_addresses"]) if options["private_addresses"] else {}
        bucket = _bucket(clients.client("s3"), options["bucket"]) if options["bucket"] else None
        elastic_ips = _elastic_ips(ec2, options["elastic_ips"])
        limits = find_limits(clients, kind, subnets[0])
    return {
        "architecture": "arm64" if "arm64" in kind["ProcessorInfo"]["SupportedArchitectures"] else "x86_64",
        "addresses": kind["NetworkInfo"]["Ipv4AddressesPerInterface"],
        "burstable": bool(kind.get("BurstablePerformanceSupported")),
        "vpc": subnets[0]["VpcId"],
        "zone": subnets[0]["AvailabilityZone"],
        "subnets": {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in subnets},
        "free": free,
        "group": _first(groups["SecurityGroups"], "GroupId"),
        "key": _first(keys["KeyPairs"], "KeyPairId"),
        "bucket": bucket,
        "elastic_ips": elastic_ips,
        "limits": limits,
    }


def _type(ec2: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    name = options["instance_type"]
    try:
        found: list[dict[str, Any]] = ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"]
    except ClientError as error:
        if error_code(error) not in ("InvalidInstanceType", "InvalidParameterValue"):
            raise
        raise LabError(
            f"'{name}' is no instance type of {ec2.meta.region_name}: set ec2_instance_type to one, such as t3.micro"
        ) from error
    return found[0]


def _subnets(ec2: Any, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Find the subnets that a machine may be put into, the first choice first."""
    if options["subnet"]:
        return _chosen_subnet(ec2, options)
    default = [{"Name": "default-for-az", "Values": ["true"]}]
    subnets = sorted(ec2.describe_subnets(Filters=default)["Subnets"], key=lambda subnet: subnet["AvailabilityZone"])
    if not subnets:
        raise LabError(
            f"{ec2.meta.region_name} has no default VPC to put a machine into: make it with"
            f" `aws ec2 create-default-vpc --region {ec2.meta.region_name}`, or set ec2_subnet to a subnet of yours"
        )
    zones = _zones(subnets)
    if options["zone"] and options["zone"] not in zones:
        raise LabError(
            f"no zone '{options['zone']}' in {ec2.meta.region_name}: set ec2_zone to one of {', '.join(zones)},"
            " or leave it out"
        )
    offers = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [options["instance_type"]]}]
    )
    offering = [offer["Location"] for offer in offers["InstanceTypeOfferings"]]
    subnets = [subnet for subnet in subnets if subnet["AvailabilityZone"] in offering]
    zones = _zones(subnets)
    if (options["zone"] and options["zone"] not in zones) or not zones:
        raise LabError(
            f"zone {options['zone'] or ec2.meta.region_name} does not offer {options['instance_type']}: "
            + (f"set ec2_zone to one of {', '.join(zones)}" if zones else "set ec2_instance_type or ec2_region")
        )
    # The requested zone comes first; the others serve machines whose volumes are there
    return sorted(subnets, key=lambda subnet: subnet["AvailabilityZone"] != options["zone"])


def _zones(subnets: Iterable[Mapping[str, Any]]) -> list[str]:
    return [subnet["AvailabilityZone"] for subnet in subnets]


def _chosen_subnet(ec2: Any, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        subnets: list[dict[str, Any]] = ec2.describe_subnets(SubnetIds=[options["subnet"]])["Subnets"]
    except ClientError as error:
        if not error_code(error).startswith("InvalidSubnet"):
            raise
        raise LabError(
            f"{ec2.meta.region_name} has no subnet {options['subnet']}: set ec2_subnet, or leave it out"
        ) from error
    if options["zone"] and options["zone"] != subnets[0]["AvailabilityZone"]:
        raise LabError(
            f"subnet {options['subnet']} is in {subnets[0]['AvailabilityZone']}: leave ec2_zone out, or ec2_subnet"
        )
    return subnets


def _first(resources: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any] | None:
    """Return id and tags of the only resource of a name."""
    return next(({"id": resource[key], "tags": tags_of(resource)} for resource in resources), None)


def _free(ec2: Any, subnets: Iterable[Mapping[str, Any]], count: int) -> dict[str, list[str]]:
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
        free[subnet["AvailabilityZone"]] = list(islice((one for one in candidates if one not in taken), count))
    return free


def _elastic_ips(ec2: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """Find the user's own Elastic IPs by id or address; each is for the machine of its place in the list."""
    found = ec2.describe_addresses()["Addresses"] if any(names) else []
    result = []
    for number, name in enumerate(names, start=1):
        if not name:
            continue
        address = next((one for one in found if name in (one["AllocationId"], one["PublicIp"])), None)
        if address is None:
            raise LabError(
                f"{ec2.meta.region_name} has no Elastic IP {name}: set ec2_elastic_ip_ids to ids of allocations, or"
                " addresses, of this account and region"
            )
        result.append(
            {
                "index": number,
                "id": address["AllocationId"],
                "public_ip": address["PublicIp"],
                "attached_to": address.get("InstanceId") or address.get("NetworkInterfaceId") or None,
                "project": tags_of(address).get(PROJECT, ""),
            }
        )
    return result


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
