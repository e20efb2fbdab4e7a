"""The heat map of a class: a picture that needs no script, its names, and the same numbers as a table."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from vec2pca.class_markup import MEASURES, headings, name_html, number, scrolled, section

PAIRS = 30  # with more servers than this a table of all pairs is not read any more
NAMED = 40  # with more servers than this their names no longer fit beside the heat map
WRITTEN = 8  # up to so many servers the numbers stand in the heat map,
FEW = 5  # and up to so many with three digits
STEPS = 64  # colours of the heat map
NARROWEST = 0.02  # the heat map's colours span at least so much: a difference in the third digit is no pattern
# YlGnBu of ColorBrewer: light to dark, told apart on a projector, on paper and by the colour-blind
COLOURS = ("#ffffcc", "#c7e9b4", "#7fcdbb", "#41b6c4", "#2c7fb8", "#253494")


def palette() -> list[tuple[int, int, int]]:
    """Return the colours of the heat map, least alike first."""
    stops = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS]
    colours = []
    for step in range(STEPS):
        at = step * (len(stops) - 1) / (STEPS - 1)
        i = min(int(at), len(stops) - 2)
        red, green, blue = (round(a + (b - a) * (at - i)) for a, b in zip(stops[i], stops[i + 1], strict=True))
        colours.append((red, green, blue))
    return colours


def scale(found: dict[str, Any], key: str) -> tuple[float, float]:
    """Return the values of the first and the last colour.

    Servers that stand apart are left out: one of them would make all others look the same.
    """
    usual = [i for i, host in enumerate(found["hosts"]) if not host["apart"]]
    table = found["pairs"][key]
    values = [table[i][j] for i in usual for j in usual if i < j and table[i][j] is not None]
    measure = found["measures"][key]
    highest = max(values, default=measure["highest"] or 1.0)
    return min([*values, highest - NARROWEST]), highest


def step_of(value: float | None, ends: tuple[float, float]) -> int:
    """Return the colour of a value; STEPS, which is transparent, for what is not known."""
    if value is None:
        return STEPS
    low, high = ends
    return round((STEPS - 1) * min(1.0, max(0.0, (value - low) / (high - low))))


def png(rows: Sequence[Sequence[int]]) -> bytes:
    """Return an image of the colours with these numbers: PNG with a palette, one byte a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    colours = b"".join(bytes(colour) for colour in [*palette(), (0, 0, 0)])
    size = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size)
        + chunk(b"PLTE", colours)
        + chunk(b"tRNS", b"\xff" * STEPS + b"\0")
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9))
        + chunk(b"IEND", b"")
    )


def steps(found: dict[str, Any], key: str) -> list[list[int]]:
    """Return the colours of the heat map, ordered by likeness; none where a server meets itself."""
    ends, table, order = scale(found, key), found["pairs"][key], found["order"]
    return [[STEPS if i == j else step_of(table[i][j], ends) for j in order] for i in order]


def pair_table(found: dict[str, Any], key: str) -> str:
    """Return the agreement of all pairs, or of many servers each one's median and extremes."""
    hosts, order, table = found["hosts"], found["order"], found["pairs"][key]
    if len(hosts) <= PAIRS:
        head = "".join(f'<th scope="col">{name_html(hosts[j]["name"])}</th>' for j in order)
        body = "".join(
            f'<tr><th scope="row">{name_html(hosts[i]["name"])}</th>'
            + "".join(f"<td>{'' if i == j else number(table[i][j], 3)}</td>" for j in order)
            + "</tr>"
            for i in order
        )
        return f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody>"
    rows = []
    for i in order:
        others = sorted((value, j) for j, value in enumerate(table[i]) if j != i and value is not None)
        if not others:
            continue
        middle = others[len(others) // 2][0]
        if len(others) % 2 == 0:
            middle = (middle + others[len(others) // 2 - 1][0]) / 2
        ends = "".join(
            f"<td>{number(value, 3)} <span>with {name_html(hosts[j]['name'])}</span></td>"
            for value, j in (others[-1], others[0])
        )
        rows.append(f'<tr><th scope="row">{name_html(hosts[i]["name"])}</th><td>{number(middle, 3)}</td>{ends}</tr>')
    return f"{headings('Server', 'Median', 'Most alike', 'Least alike')}<tbody>{''.join(rows)}</tbody>"


def heat_map(found: dict[str, Any]) -> str:
    """Return the section with the heat map and its numbers as a table."""
    hosts, order, count = found["hosts"], found["order"], len(found["hosts"])
    key, (title, _) = next(iter(MEASURES.items()))
    rows = steps(found, key)
    low, high = scale(found, key)
    image = b64encode(png(rows)).decode()
    named = [f"<li>{name_html(hosts[i]['name'])}</li>" for i in order] if count <= NAMED else []
    axis = '<ol class="{}" aria-hidden="true">{}</ol>'
    cells = ""
    if count <= WRITTEN:
        table = found["pairs"][key]
        digits = 3 if count <= FEW else 2
        shown = "".join(
            f"<span{' class=on-dark' if on_dark(rows[r][c]) else ''}>"
            f"{number(table[i][j], digits) if r != c else ''}</span>"
            for r, i in enumerate(order)
            for c, j in enumerate(order)
        )
        cells = f'<div class="cells" aria-hidden="true">{shown}</div>'
    options = "".join(f'<option value="{name}">{text}</option>' for name, (text, _) in MEASURES.items())
    pairs = pair_table(found, key)
    numbers = (
        "All pairs, in the order of the heat map."
        if count <= PAIRS
        else f"For {count:,} servers not all {count * (count - 1) // 2:,} pairs, but for each server its median and "
        "the servers it is most and least like; the download has all pairs."
    )
    few = " few" if count <= FEW else ""
    return section(
        "agreement",
        "Who agrees with whom?",
        f"""<p>Each square is a pair of servers, the darker the more alike. Servers that are alike stand beside each
other, so a group shows as a dark block and a server that stands apart as a pale cross.</p>
<div class="controls" data-script hidden><label>Measure <select id="measure">{options}</select></label>
<div class="buttons" role="group" aria-label="Pairs"><button type="button" id="most">Most alike</button>
<button type="button" id="least">Least alike</button></div></div>
<div class="explorer" style="--n:{count}">
<figure class="heat"><div class="sideways" tabindex="0" role="region" aria-label="Heat map">
<div class="axes{"" if named else " bare"}{few}">{axis.format("rows", "".join(named)) if named else ""}
<div class="plane" id="heat"><img id="heat-image" alt="{title} of {count:,} servers, from {number(low, 3)} (pale) to \
{number(high, 3)} (dark); the table below has the numbers" src="data:image/png;base64,{image}">{cells}</div>
{axis.format("columns", "".join(named)) if named else ""}</div></div>
<figcaption><span class="scale-ends"><span>up to <span id="scale-low">{number(low, 3)}</span></span>
<i aria-hidden="true" \
style="background:linear-gradient(90deg,{",".join(COLOURS)})"></i><span id="scale-high">{number(high, 3)}</span></span>
<span class="between"><span id="scale-title">{title}</span>: pale is less, dark is more alike</span></figcaption>
<p id="heat-help" class="hint" data-script hidden>Point at a square, or choose the map and use the arrow keys, Home and
End.</p></figure>
<div id="pair" class="card" role="region" aria-label="Chosen pair" data-script hidden></div></div>
<p id="status" class="unseen" role="status"></p>
<details class="numbers"><summary>The same numbers as a table</summary><p>{numbers}</p>
{scrolled("Table of agreement", f'<table id="pairs"><caption class="unseen">{title}</caption>{pairs}</table>')}
</details>""",
    )


def on_dark(step: int) -> bool:
    """Return whether text on this colour has to be white (contrast by WCAG)."""
    if step == STEPS:
        return False
    parts = [value / 255 for value in palette()[step]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts]
    luminance = sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return luminance < 0.18
