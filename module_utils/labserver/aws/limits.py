"""What keeps machines from being launched in a place, as far as AWS reports it: quotas, no route to the internet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, TypeVar

from .client import AwsClients
from .errors import BotoCoreError, ClientError

# "Running On-Demand Standard instances", in vCPUs, and the families that count for it
_QUOTA = "L-1216C47A"
_STANDARD = tuple("acdhimrtz")

_SECONDS = 5  # for an answer about the quota of vCPUs, which may be missing

_Answer = TypeVar("_Answer")


def find_limits(clients: AwsClients, kind: Mapping[str, Any], subnet: Mapping[str, Any]) -> dict[str, Any]:
    """Read them for a type of machine and a subnet; what may not be read, or is not known, is null."""
    ec2 = clients.client("ec2")
    quota = _readable(lambda: _address_quota(ec2))
    vcpus = _readable(lambda: _vcpu_quota(clients)) if kind["InstanceType"].startswith(_STANDARD) else None
    return {
        "addresses_quota": quota,
        "addresses_used": len(ec2.describe_addresses()["Addresses"]) if quota is not None else None,
        "vcpus": kind["VCpuInfo"]["DefaultVCpus"],
        "vcpus_quota": vcpus,
        "vcpus_used": _vcpus_used(ec2) if vcpus is not None else None,
        "internet": _readable(lambda: _has_internet_route(ec2, subnet)),
        "public": subnet.get("MapPublicIpOnLaunch"),
        "free_plan": kind.get("FreeTierEligible"),
    }


def _readable(read: Callable[[], _Answer]) -> _Answer | None:
    """Return what is read; nothing where the credentials may not, or the service is not there or does not know."""
    try:
        return read()
    except (BotoCoreError, ClientError):
        return None


def _address_quota(ec2: Any) -> int | None:
    named = ec2.describe_account_attributes(AttributeNames=["vpc-max-elastic-ips"])["AccountAttributes"]
    values = {one["AttributeName"]: one["AttributeValues"][0]["AttributeValue"] for one in named}
    return int(values["vpc-max-elastic-ips"]) if "vpc-max-elastic-ips" in values else None


def _vcpu_quota(clients: AwsClients) -> int:
    quota = clients.client("service-quotas", seconds=_SECONDS).get_service_quota(ServiceCode="ec2", QuotaCode=_QUOTA)
    return int(quota["Quota"]["Value"])


def _vcpus_used(ec2: Any) -> int:
    """Count those of the machines that run and are no Spot instances, which have a quota of their own."""
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    return sum(
        instance["CpuOptions"]["CoreCount"] * instance["CpuOptions"]["ThreadsPerCore"]
        for page in ec2.get_paginator("describe_instances").paginate(Filters=running)
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
        if "CpuOptions" in instance and "InstanceLifecycle" not in instance
        if instance["InstanceType"].startswith(_STANDARD)
    )


def _has_internet_route(ec2: Any, subnet: Mapping[str, Any]) -> bool:
    """Whether the route table of a subnet, else that of its VPC, has a route to an internet gateway."""

    def tables(**filters: str) -> list[dict[str, Any]]:
        named = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        found: list[dict[str, Any]] = ec2.describe_route_tables(Filters=named)["RouteTables"]
        return found

    own = tables(**{"association.subnet_id": subnet["SubnetId"]})
    return any(
        route.get("GatewayId", "").startswith("igw-") and route.get("State") != "blackhole"
        for table in own or tables(vpc_id=subnet["VpcId"], **{"association.main": "true"})
        for route in table["Routes"]
    )
