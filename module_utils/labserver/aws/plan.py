"""What is planned: resources that need not exist yet, with what they would cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import LabError
from .prices import Prices, priced
from .resources import TYPES, Resource

_KEYS = ("type", "name", "region", "count", "size_gb", "instance_type", "spot", "volume_type")
_NEEDS = {"instance": "instance_type", "volume": "size_gb", "snapshot": "size_gb"}


def plan(planned: Iterable[Mapping[str, Any]], region: str, prices: Prices) -> list[Resource]:
    """Return what a run would make: each entry with the price of all of its `count` resources together."""
    resources = []
    for number, entry in enumerate(planned, start=1):
        _check(f"planned: entry {number}", entry)
        kind, count = entry["type"], int(entry.get("count", 1))
        size = entry.get("size_gb", 0 if kind == "bucket" else None)  # a new bucket is empty
        resource = {
            "type": kind,
            "name": str(entry.get("name") or ""),
            "region": entry.get("region") or region,
            "count": count,
            "size_gb": None if size is None else float(size),
            "instance_type": entry.get("instance_type"),
            "spot": bool(entry.get("spot")),
            "volume_type": entry.get("volume_type") or ("gp3" if kind == "volume" else None),
        }
        [resource] = priced([resource], prices)
        for key in ("hourly_usd", "monthly_usd"):
            resource[key] = resource[key] if resource[key] is None else round(resource[key] * count, 6)
        resources.append(resource)
    return resources


def _check(where: str, entry: Mapping[str, Any]) -> None:
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        raise LabError(f"{where}: unknown key '{unknown[0]}': use {', '.join(_KEYS)}")
    kind = entry.get("type")
    if kind not in TYPES:
        raise LabError(f"{where}: type is {kind!r}: set it to one of {', '.join(TYPES)}")
    needed = _NEEDS.get(kind)
    if needed and not entry.get(needed):
        raise LabError(f"{where}: a planned {kind} needs {needed}: set it")
    for key, least in (("count", 0), ("size_gb", 0)):
        try:
            right = float(entry.get(key) or 0) >= least and (key != "count" or int(entry.get(key, 1)) >= 0)
        except (TypeError, ValueError):
            right = False
        if not right:
            raise LabError(f"{where}: {key} is {entry[key]!r}: set it to a number that is not below {least}")
