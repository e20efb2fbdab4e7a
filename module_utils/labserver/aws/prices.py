"""What resources on AWS cost: a small dated table, which can be overridden, and the sums made of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import LabError
from .resources import Resource

HOURS = 730  # of a month, as AWS's own estimates count them

# US dollars, Linux on demand, without taxes. `like` takes what a region does not name itself from another, times the
# two factors. What stands neither here nor in an override has no price: it is reported as unknown, never as free.
#
# Looked up in November 2026: t3.micro, gp3 and address in us-west-2. Everything else is general knowledge of that
# month, and the factors are those of t3.micro and gp3: an estimate to plan with, not a bill.
# A snapshot is priced as if it held its whole volume, which is the most it can cost.
PRICES: dict[str, Any] = {
    "date": "2026-11",
    "regions": {
        "us-west-2": {
            "instance": {  # per hour
                "t2.nano": 0.0058,
                "t2.micro": 0.0116,
                "t2.small": 0.023,
                "t2.medium": 0.0464,
                "t2.large": 0.0928,
                "t3.nano": 0.0052,
                "t3.micro": 0.0104,
                "t3.small": 0.0208,
                "t3.medium": 0.0416,
                "t3.large": 0.0832,
                "t3.xlarge": 0.1664,
                "t3.2xlarge": 0.3328,
                "t4g.nano": 0.0042,
                "t4g.micro": 0.0084,
                "t4g.small": 0.0168,
                "t4g.medium": 0.0336,
                "t4g.large": 0.0672,
                "t4g.xlarge": 0.1344,
                "t4g.2xlarge": 0.2688,
                "m7i-flex.large": 0.09576,
                "m7i.large": 0.1008,
                "m7i.xlarge": 0.2016,
                "c7i-flex.large": 0.08479,
                "c7i.large": 0.08925,
                "c7i.xlarge": 0.1785,
            },
            "volume": {"gp2": 0.10, "gp3": 0.08, "standard": 0.05},  # per GB-month
            "snapshot": 0.05,  # per GB-month
            "bucket": 0.023,  # per GB-month, S3 Standard
            "address": 0.005,  # per hour: a public IPv4 address, in use or idle
        },
        "us-east-1": {"like": "us-west-2"},
        "us-east-2": {"like": "us-west-2"},
        "us-west-1": {"like": "us-west-2", "instance_factor": 1.19, "storage_factor": 1.2},
        "ca-central-1": {"like": "us-west-2", "instance_factor": 1.12, "storage_factor": 1.1},
        "eu-central-1": {"like": "us-west-2", "instance_factor": 1.15, "storage_factor": 1.19},
        "eu-north-1": {"like": "us-west-2", "instance_factor": 1.04, "storage_factor": 1.05},
        "eu-west-1": {"like": "us-west-2", "instance_factor": 1.1, "storage_factor": 1.1},
        "eu-west-2": {"like": "us-west-2", "instance_factor": 1.13, "storage_factor": 1.16},
        "eu-west-3": {"like": "us-west-2", "instance_factor": 1.13, "storage_factor": 1.16},
        "ap-northeast-1": {"like": "us-west-2", "instance_factor": 1.31, "storage_factor": 1.2},
        "ap-south-1": {"like": "us-west-2", "instance_factor": 1.08, "storage_factor": 1.14},
        "ap-southeast-1": {"like": "us-west-2", "instance_factor": 1.27, "storage_factor": 1.2},
        "ap-southeast-2": {"like": "us-west-2", "instance_factor": 1.27, "storage_factor": 1.2},
        "sa-east-1": {"like": "us-west-2", "instance_factor": 1.62, "storage_factor": 1.9},
    },
}

NOT_COUNTED = "not counted: data transfer, requests, surplus CPU credits of t3 and t4g, further IOPS, taxes"
_BASE = "us-west-2"
_TABLES = ("instance", "volume")
_STORAGE = ("volume", "snapshot", "bucket")
_NUMBERS = ("snapshot", "bucket", "address", "instance_factor", "storage_factor")
_FREE = ("budget", "spot_request", "instance_profile", "interface", "security_group", "key_pair")
_RUNNING = ("pending", "running")
# What the price of a gp3 volume includes; beyond it, it costs more than its gigabytes
_GP3_IOPS, _GP3_MB_S = 3000, 125


class Prices:
    """The table, overridden by other prices."""

    def __init__(self, *overrides: Mapping[str, Any] | None) -> None:
        """Take overrides of the same form as PRICES, of which any part may be left out; the last one counts."""
        self.date = str(PRICES["date"])  # when they were looked up
        self._regions: dict[str, Any] = copy.deepcopy(PRICES["regions"])
        for one in filter(None, overrides):
            self._override(one)

    def _override(self, overrides: Mapping[str, Any]) -> None:
        for key, value in _mapping(overrides, "the prices").items():
            if key == "date":
                self.date = str(value)
            elif key == "regions":
                for region, prices in _mapping(value, "regions").items():
                    self._override_region(region, _mapping(prices, f"regions.{region}"))
            else:
                raise LabError(f"prices: unknown key '{key}': use `date` and `regions` (see {_EXAMPLE})")

    def _override_region(self, region: str, prices: Mapping[str, Any]) -> None:
        table = self._regions.setdefault(region, {})
        for key, value in prices.items():
            where = f"regions.{region}.{key}"
            if key in _TABLES:
                own = table.setdefault(key, {})
                own.update({name: _number(price, f"{where}.{name}") for name, price in _mapping(value, where).items()})
            elif key in _NUMBERS:
                table[key] = _number(value, where)
            elif key == "like":
                if value != _BASE or region == _BASE:
                    raise LabError(f"prices: {where} is '{value}': a region can be like {_BASE} only")
                table[key] = value
            else:
                known = ", ".join((*_TABLES, *_NUMBERS, "like"))
                raise LabError(f"prices: unknown key '{where}': use one of {known} (see {_EXAMPLE})")

    def _find(self, region: str, kind: str, name: str | None = None) -> float | None:
        """Price by kind, and by name within it; None where it is not known."""
        table = self._regions.get(region, {})
        found: float | None = table.get(kind, {}).get(name) if kind in _TABLES else table.get(kind)
        if found is not None or "like" not in table:
            return found
        price = self._find(table["like"], kind, name)
        factor = "storage_factor" if kind in _STORAGE else "instance_factor"
        return price if kind == "address" or price is None else price * float(table.get(factor, 1))

    def hourly(self, resource: Mapping[str, Any]) -> float | None:
        """Price of a resource (as aws_resources describes it, or as planned) per hour; None where it is not known."""
        kind, region = resource["type"], resource["region"]
        if kind in _FREE:
            return 0.0
        if kind == "instance":
            return self._instance(resource)
        if kind == "address":
            return self._find(region, kind)
        if kind == "volume" and not _priced_by_size(resource):
            return None
        size = resource.get("size_gb")
        if size == 0:
            return 0.0
        price = self._find(region, kind, resource.get("volume_type"))
        return None if price is None or size is None else price * float(size) / HOURS

    def _instance(self, resource: Mapping[str, Any]) -> float | None:
        """One that is stopped costs nothing itself; one that runs may have addresses that come and go with it."""
        if resource.get("state", "running") not in _RUNNING:
            return 0.0
        addresses = int(resource.get("automatic_addresses") or 0)
        price = self._find(resource["region"], "instance", resource.get("instance_type"))
        address = self._find(resource["region"], "address") if addresses else 0.0
        return None if price is None or address is None else price + addresses * address


_EXAMPLE = "{regions: {us-west-2: {instance: {t3.micro: 0.0104}, volume: {gp3: 0.08}, address: 0.005}}}"


def _priced_by_size(volume: Mapping[str, Any]) -> bool:
    """Whether the gigabytes are all that a volume costs."""
    if volume.get("volume_type") != "gp3":
        return True
    return (volume.get("iops") or 0) <= _GP3_IOPS and (volume.get("throughput") or 0) <= _GP3_MB_S


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LabError(f"prices: {where} is no mapping: write it as {_EXAMPLE}")
    return value


def _number(value: object, where: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise LabError(f"prices: {where} is {value!r}, which is no price: write US dollars as a number, such as 0.0104")
    return number


def priced(resources: Iterable[Resource], prices: Prices) -> list[Resource]:
    """Return the resources with their price per hour and month; None where it is not known."""
    result = []
    for resource in resources:
        hourly = prices.hourly(resource)
        monthly = None if hourly is None else round(hourly * HOURS, 4)
        result.append({**resource, "hourly_usd": None if hourly is None else round(hourly, 6), "monthly_usd": monthly})
    return result


def total(resources: Iterable[Resource], key: str) -> float:
    """Sum of the known prices; the same with every Python, whose `sum` adds more exactly since 3.12."""
    return round(math.fsum(resource[key] or 0 for resource in resources), 4)


def overdue(resources: Iterable[Resource]) -> list[Resource]:
    """Return what costs money, or may, beyond its expiry; an expiry that nobody can read counts as one that is past."""
    late = (resource for resource in resources if resource["expired"] or not resource["expires_readable"])
    return [resource for resource in late if resource["monthly_usd"] != 0]
