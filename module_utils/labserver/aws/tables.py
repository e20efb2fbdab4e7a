"""Resources as lines of text: what there is, what is planned, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .prices import NOT_COUNTED, Prices, total
from .resources import Resource


def unpriced(resources: Iterable[Resource]) -> list[str]:
    """Name what has no known price."""
    return list(dict.fromkeys(_words(resource) for resource in resources if resource["monthly_usd"] is None))


def _words(resource: Mapping[str, Any]) -> str:
    """Describe what a price depends on."""
    kind = resource["type"]
    if kind == "instance":
        automatic = resource.get("automatic_addresses") or 0
        spot = " Spot, at most" if resource.get("spot") else ""
        return f"{resource['instance_type']}{spot}{f' + {automatic} public IPv4' if automatic else ''}"
    size = f"{resource['size_gb']:g} GB" if resource.get("size_gb") is not None else ""
    if kind == "volume":
        return f"{size} {resource['volume_type']}"
    if kind == "address":
        return resource.get("public_ip") or "public IPv4"
    return size or ("size not counted" if kind == "bucket" else "")


def _until(resource: Mapping[str, Any]) -> str:
    if not resource["tagged"]:
        return "no tag of ours"
    if not resource["expires_readable"]:
        return f"unreadable: {resource['expires']}"
    return f"{resource['expires'] or 'never'}{' PAST' if resource['expired'] else ''}"


def _costs(hourly: float | None, monthly: float | None) -> tuple[str, str]:
    return "unknown" if hourly is None else f"{hourly:.4f}", "unknown" if monthly is None else f"{monthly:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns side by side, the last two, which are numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    left = len(widths) - 2
    return [
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths))
        )
        for row in rows
    ]


def regions_in_words(regions: Sequence[str]) -> str:
    """Name the regions that were looked into."""
    return "any region of the account" if "all" in regions else ", ".join(regions)


def table(resources: Sequence[Resource], prices: Prices, regions: Sequence[str]) -> list[str]:
    """Lines that show what there is in these regions, what it costs and its expiry, by project and region."""
    if not resources:
        return [f"Nothing carries our tags in {regions_in_words(regions)}."]
    rows = [("TYPE", "NAME", "ID", "WHAT", "STATE", "EXPIRES", "$/HOUR", "$/MONTH")]
    rows += [
        (
            resource["type"],
            resource["name"],
            resource["id"],
            _words(resource),
            resource["state"],
            _until(resource),
            *_costs(resource["hourly_usd"], resource["monthly_usd"]),
        )
        for resource in resources
    ]
    head, *lines = _aligned([*rows, _sum_row(resources, len(rows[0]))])
    shown, last = [head], lines.pop()
    group = None
    for resource, line in zip(resources, lines):
        if group != (resource["project"], resource["region"]):
            group = (resource["project"], resource["region"])
            shown.append(f"{group[0] or '(no project)'} in {group[1]}")
        shown.append(line)
    return [*shown, last, *_notes(resources, prices)]


def plan_table(resources: Sequence[Resource], prices: Prices) -> list[str]:
    """Lines that show what would be made, and what it would cost."""
    if not resources:
        return []
    rows = [("TYPE", "NAME", "COUNT", "WHAT", "REGION", "$/HOUR", "$/MONTH")]
    rows += [
        (
            resource["type"],
            resource["name"],
            str(resource["count"]),
            _words(resource),
            resource["region"],
            *_costs(resource["hourly_usd"], resource["monthly_usd"]),
        )
        for resource in resources
    ]
    return [*_aligned([*rows, _sum_row(resources, len(rows[0]))]), *_notes(resources, prices)]


def _sum_row(resources: Sequence[Resource], columns: int) -> tuple[str, ...]:
    return "total", *[""] * (columns - 3), *_costs(total(resources, "hourly_usd"), total(resources, "monthly_usd"))


def _notes(resources: Sequence[Resource], prices: Prices) -> list[str]:
    notes = [f"Estimated from prices of {prices.date}; {NOT_COUNTED}."]
    without = unpriced(resources)
    if without:
        notes.insert(0, f"The total lacks what has no known price: {', '.join(without)}. Tell it in `prices`.")
    return notes
