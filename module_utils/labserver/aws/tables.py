"""Resources as lines of text: what there is, what is planned, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .prices import NOT_COUNTED, Prices, total
from .resources import Resource


def unpriced(things: Iterable[Resource]) -> list[str]:
    """Tell what has no known price, in words."""
    return list(dict.fromkeys(_words(thing) for thing in things if thing["monthly_usd"] is None))


def _words(thing: Mapping[str, Any]) -> str:
    """Tell what a price depends on."""
    kind = thing["type"]
    if kind == "instance":
        automatic = thing.get("automatic_addresses") or 0
        return f"{thing['instance_type']}{f' + {automatic} public IPv4' if automatic else ''}"
    size = f"{thing['size_gb']:g} GB" if thing.get("size_gb") is not None else ""
    if kind == "volume":
        return f"{size} {thing['volume_type']}"
    if kind == "address":
        return thing.get("public_ip") or "public IPv4"
    return size or ("size not counted" if kind == "bucket" else "")


def _until(thing: Mapping[str, Any]) -> str:
    if not thing["tagged"]:
        return "no tag of ours"
    if not thing["expires_readable"]:
        return f"unreadable: {thing['expires']}"
    return f"{thing['expires'] or 'never'}{' PAST' if thing['expired'] else ''}"


def _dollars(amount: float | None, digits: int) -> str:
    return "unknown" if amount is None else f"{amount:.{digits}f}"


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


def table(things: Sequence[Resource], prices: Prices) -> list[str]:
    """Lines that show what there is, what it costs and until when it is wanted, by project and region."""
    if not things:
        return ["Nothing carries our tags."]
    rows = [("TYPE", "NAME", "ID", "WHAT", "STATE", "EXPIRES", "$/HOUR", "$/MONTH")]
    rows += [
        (
            thing["type"],
            thing["name"],
            thing["id"],
            _words(thing),
            thing["state"],
            _until(thing),
            _dollars(thing["hourly_usd"], 4),
            _dollars(thing["monthly_usd"], 2),
        )
        for thing in things
    ]
    head, *lines = _aligned([*rows, _sum_row(things, len(rows[0]))])
    shown, last = [head], lines.pop()
    group = None
    for thing, line in zip(things, lines):
        if group != (thing["project"], thing["region"]):
            group = (thing["project"], thing["region"])
            shown.append(f"{group[0] or '(no project)'} in {group[1]}")
        shown.append(line)
    return [*shown, last, *_notes(things, prices)]


def plan_table(things: Sequence[Resource], prices: Prices) -> list[str]:
    """Lines that show what would be made, and what it would cost."""
    if not things:
        return []
    rows = [("TYPE", "NAME", "COUNT", "WHAT", "REGION", "$/HOUR", "$/MONTH")]
    rows += [
        (
            thing["type"],
            thing["name"],
            str(thing["count"]),
            _words(thing),
            thing["region"],
            _dollars(thing["hourly_usd"], 4),
            _dollars(thing["monthly_usd"], 2),
        )
        for thing in things
    ]
    return [*_aligned([*rows, _sum_row(things, len(rows[0]))]), *_notes(things, prices)]


def _sum_row(things: Sequence[Resource], columns: int) -> tuple[str, ...]:
    sums = _dollars(total(things, "hourly_usd"), 4), _dollars(total(things, "monthly_usd"), 2)
    return "total", *[""] * (columns - 3), *sums


def _notes(things: Sequence[Resource], prices: Prices) -> list[str]:
    notes = [f"Estimated from prices of {prices.date}; {NOT_COUNTED}."]
    without = unpriced(things)
    if without:
        notes.insert(0, f"The total lacks what has no known price: {', '.join(without)}. Tell it in `prices`.")
    return notes
