"""The page of a class: how much the results of many servers differ, and how much of that is the sample."""

from __future__ import annotations

import csv
import io
import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

from vec2pca.frame import asset, definitions, document, end_html, links_html, percent

MEASURES = {  # name in the object: (title, what it says), the first is shown first
    "cosine_agreement": ("Cosine agreement", "Do two servers find the same pairs of words alike?"),
    "canonical_correlation": ("Canonical correlation", "Do their components span the same space?"),
    "neighbour_overlap": ("Neighbour overlap", "How many of a word\u2019s ten nearest words are the same?"),
    "overlap": ("Vocabulary overlap", "How many of their words do both have?"),
}
PAIRS = 30  # with more servers than this a table of all pairs is not read any more
NAMED = 40  # with more servers than this their names no longer fit beside the heat map
WRITTEN = 8  # up to so many servers the numbers stand in the heat map,
FEW = 5  # and up to so many with three digits
STEPS = 64  # colours of the heat map
WORDS = 9  # words listed at each end before anything is sorted
NARROWEST = 0.02  # the heat map's colours span at least so much: a difference in the third digit is no pattern
# YlGnBu of ColorBrewer: light to dark, told apart on a projector, on paper and by the colour-blind
COLOURS = ("#ffffcc", "#c7e9b4", "#7fcdbb", "#41b6c4", "#2c7fb8", "#253494")
UNKNOWN = "n/a"
NARROW_SPACE = "\u202f"  # no line ends there


# --- values ----------------------------------------------------------------------------------------------------------


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as readers see it, a true minus among them."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}".replace("-", "\u2212")


def share(value: float | None, digits: int = 0) -> str:
    """Return a share (0 to 1) as readers see it, or that it is not known."""
    return UNKNOWN if value is None else percent(value, digits)


def with_error(found: dict[str, Any] | None, digits: int = 2) -> str:
    """Return a mean and its error."""
    if not found or found["mean"] is None:
        return UNKNOWN
    error = found["error"]
    if error is not None and error < 0.005:
        digits = 3  # two would show no error at all
    return number(found["mean"], digits) + ("" if error is None else f" \u00b1 {number(error, digits)}")


def name_html(name: str, address: str = "") -> str:
    """Return a name, kept from turning the text around it; a link where the address opens a page."""
    text = f"<bdi>{escape(name)}</bdi>"
    return f'<a href="{escape(address)}">{text}</a>' if address.startswith(("http://", "https://")) else text


def listed(names: Sequence[str]) -> str:
    """Return names as a phrase; of many, the first."""
    shown = [name_html(name) for name in names[:5]]
    if len(names) > len(shown):
        shown.append(f"{len(names) - len(shown)} more")
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def section(name: str, title: str, body: str) -> str:
    """Return a section of the page with its heading."""
    return f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>{body}</section>'


def headings(*titles: str) -> str:
    """Return the heading row of a table."""
    cells = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return f"<thead><tr>{cells}</tr></thead>"


def scrolled(label: str, table: str) -> str:
    """Return a table in a frame of its own that scrolls."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">{table}</div>'


def servers(count: int) -> str:
    """Return a number of servers in words."""
    return f"{count:,} server" + ("" if count == 1 else "s")


# --- the answer ------------------------------------------------------------------------------------------------------


def cause(training: dict[str, Any]) -> str:
    """Return what the difference between two servers comes from, as far as the error lets one say."""
    part = training["sample_share_of_variation"] or {}
    mean, error = part.get("mean"), part.get("error")
    if mean is None:
        return "How much of the difference is the sample could not be computed."
    if mean + (error or 0) < 0.5:
        return (
            "So most of the difference between two servers is the chance in training and not the reviews they drew: "
            "the average of several trainings would bring them closer."
        )
    if mean - (error or 0) > 0.5:
        return (
            "So most of the difference between two servers comes from the reviews they drew: "
            "larger samples would bring them closer."
        )
    return "So the reviews they drew and the chance in training count about equally."


def meaning(found: dict[str, Any]) -> str:
    """Return in plain English what the answer means."""
    training = found["training"]
    begin = (
        f"Each of {servers(len(found['hosts']))} made its own map of the words from its sample of the reviews. "
        "Agreement says how alike two such maps are: 1 for the same map, 0 for nothing in common. "
    )
    if training:
        return (
            f"{begin}Training begins at random and sees the words in a random order, so not even the same sample gives "
            f"the same map twice: trained again, it agrees with itself by {with_error(training['within'])}. "
            f"<b>{cause(training)}</b>"
        )
    return (
        f"{begin}How much of the difference is the sample, and how much the chance in training, is not known here: "
        "no server analysed its own sample again with another training seed."
    )


def remarks(found: dict[str, Any]) -> str:
    """Return what the reader must know before the figures: who stands apart, who is missing, and the notes."""
    apart = [host["name"] for host in found["hosts"] if host["apart"]]
    items = [escape(note) for note in found["notes"]]
    if found["left_out"]:
        missing = listed([host["name"] for host in found["left_out"]])
        items.insert(0, f'Left out: {missing}; <a href="#left-out">the reasons</a>.')
    if apart:
        stand = "stands" if len(apart) == 1 else "stand"
        items.insert(
            0,
            f"<strong>{listed(apart)} {stand} apart</strong>: far less agreement with the others than they have "
            "with each other.",
        )
    return f'<ul class="remarks">{"".join(f"<li>{item}</li>" for item in items)}</ul>' if items else ""


def measure_cards(found: dict[str, Any]) -> str:
    """Return each measure: its mean with the error, and where the pairs lie between 0 and 1."""
    cards = []
    for key, (title, question) in MEASURES.items():
        measure = found["measures"][key]
        mean, lowest, highest = measure["mean"], measure["lowest"], measure["highest"]
        drawing = ""
        if None not in (mean, lowest, highest):
            low, high, middle = (100 * min(1.0, max(0.0, value)) for value in (lowest, highest, mean))
            drawing = (
                f'<div class="range" aria-hidden="true"><i style="left:{low:.1f}%;width:{high - low:.1f}%"></i>'
                f'<b style="left:{middle:.1f}%"></b></div>'
            )
        error = measure["error"]
        cards.append(
            f'<section class="card measure"><h3>{title}</h3><p class="figure">{number(mean)}'
            + (f" <small>\u00b1 {number(error, 3)}</small>" if error is not None else "")
            + f'</p>{drawing}<p class="between">pairs from {number(lowest)} to {number(highest)}</p><p>{question}</p>'
            "</section>"
        )
    return f'<div class="cards">{"".join(cards)}</div>'


# --- sample and training ---------------------------------------------------------------------------------------------


def stacked(parts: Sequence[tuple[str, float | None]]) -> str:
    """Return a bar of shares that add up to the whole; the text beside it says the same."""
    sizes = [(side, max(0.0, size or 0.0)) for side, size in parts]
    whole = sum(size for _, size in sizes) or 1.0
    inside = "".join(
        f'<i class="{side}" style="width:{100 * size / whole:.2f}%">{share(size) if size > 0.12 * whole else ""}</i>'
        for side, size in sizes
    )
    return f'<div class="stacked" aria-hidden="true">{inside}</div>'


def legend(parts: Sequence[tuple[str, str]]) -> str:
    """Return what the colours of a bar mean, in words."""
    items = "".join(f'<li><i class="{side}" aria-hidden="true"></i><span>{text}</span></li>' for side, text in parts)
    return f'<ul class="legend">{items}</ul>'


def chance(found: dict[str, Any]) -> str:
    """Return the section on what the variation comes from."""
    training = found["training"]
    if not training:
        return section(
            "chance",
            "Sample or training?",
            "<p>The same sample, trained again with another seed, gives another map. Without such a second training "
            "nobody can say how much of the variation the samples make: set <code>comparison_seeds</code>, and each "
            "server analyses its own sample again.</p>",
        )
    shares, part = training["shares"], training["sample_share_of_variation"] or {"mean": None, "error": None}
    sample = part["mean"]
    error = "" if part["error"] is None else f" \u00b1 {100 * part['error']:.0f}"
    rest = None if sample is None else 1 - sample
    whole = [
        ("common", f"<b>Common {share(shares['common'])}</b> every server finds this, whatever it drew"),
        ("sample", f"<b>Sample {share(shares['sample'])}</b> comes with the reviews that were drawn"),
        ("training", f"<b>Training {share(shares['training'])}</b> changes when the same reviews are trained again"),
    ]
    differing = [
        ("sample", f"<b>Sample {share(sample)}{error}</b>"),
        ("training", f"<b>Training {share(rest)}{error}</b>"),
    ]
    rows = [
        ("One sample, trained again with another seed", training["within"]),
        ("Two samples, trained with the same seed", training["between_same_seed"]),
        ("Two samples, trained with different seeds", training["between"]),
    ]
    body = "".join(
        f'<tr><th scope="row">{text}</th><td>{with_error(value, 3)}</td></tr>' for text, value in rows if value
    )
    nearest = training["neighbour_overlap"] or {"within": None, "between": None}
    return section(
        "chance",
        "Sample or training?",
        f"""<div class="why"><div class="card"><h3>Of all there is in a map</h3>
{stacked([(side, shares[side]) for side, _ in whole])}{legend(whole)}</div>
<div class="card"><h3>Of what differs</h3>{stacked([("sample", sample), ("training", rest)])}{legend(differing)}
<table class="plain"><caption>Cosine agreement of two analyses</caption><tbody>{body}</tbody></table></div></div>
<p>Measured on {servers(training["hosts"])} that analysed their own sample with several training seeds. Of a word\u2019s
ten nearest words {share(nearest["within"])} stay when its sample is trained again, {share(nearest["between"])} when the
sample is another.</p>""",
    )


# --- the heat map ----------------------------------------------------------------------------------------------------


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


# --- components, words, servers --------------------------------------------------------------------------------------


def component_card(found: dict[str, Any], component: dict[str, Any], widest: float) -> str:
    """Return one consensus component: its ends, how many servers have it, and what it is called at each."""
    total = len(found["hosts"])
    rows = []
    for host, match in zip(found["hosts"], component["hosts"], strict=True):
        own = match["own_correlation"]
        called = escape(match["component"] or UNKNOWN) + (", mirrored" if own is not None and own < 0 else "")
        rows.append(
            f'<tr><th scope="row">{name_html(host["name"])}</th><td>{called}</td><td>{number(own)}</td>'
            f"<td>{number(match['correlation'])}</td></tr>"
        )
    name = escape(component["name"])
    width = 100 * (component["variance"] or 0) / (widest or 1)
    table = f"<table>{headings('Server', 'Its own', 'Alone', 'Aligned')}<tbody>{''.join(rows)}</tbody></table>"

    def end(side: str) -> list[tuple[str, str]]:
        return [(row["word"], f"{row['hosts']} of {total}") for row in component[side]]

    return f"""<section class="card" id="{name}">
<h3>{name} <small>{share(component["variance"], 1)} of variance</small></h3>
<div class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></div>
<p class="found"><b>Found in {component["found"]} of {total}</b>,
mean correlation {number(component["correlation"])}</p>
<div class="ends">{end_html("low", "Low end", end("low"))}{end_html("high", "High end", end("high"))}</div>
<details><summary>{name} on each server</summary>
<p class="between">Correlation with {name}: of the server\u2019s own component alone, and of all its components
aligned.</p>
{scrolled(f"{name} on each server", table)}</details></section>"""


def components(found: dict[str, Any]) -> str:
    """Return the section of the consensus components."""
    widest = max((component["variance"] or 0 for component in found["components"]), default=0)
    cards = "".join(component_card(found, component, widest) for component in found["components"])
    return section(
        "components",
        "What all servers see",
        f"""<p>The components of all servers, turned so that they fit each other best, and averaged. Beside each word:
how many servers have it among the ten outermost of that end. A component may have another number on a server, and may
be mirrored there: its ends then change sides.</p><div class="cards">{cards}</div>""",
    )


def word_row(word: dict[str, Any], widest: float, total: int) -> str:
    """Return one row of the table of words."""
    width = 100 * (word["spread"] or 0) / (widest or 1)
    return (
        f'<tr><th scope="row">{escape(word["word"])}</th>'
        f'<td class="spread"><i aria-hidden="true" style="width:{width:.1f}%"></i>'
        f"<span>{number(word['spread'], 3)}</span></td>"
        f"<td>{share(word['neighbours'])}</td><td>{number(word['deviation'], 3)}</td>"
        f"<td>{number(word['count'], 0)}</td>"
        f"<td>{word['hosts']} of {total}</td></tr>"
    )


def words_section(found: dict[str, Any]) -> str:
    """Return the section of the words: those that move most, then those that move least."""
    words, total = found["words"], len(found["hosts"])
    widest = max((word["spread"] or 0 for word in words), default=0)
    most = words[:WORDS]
    least = words[max(WORDS, len(words) - WORDS) :][::-1]
    head = headings("Word", "Spread", "Neighbours kept", "Deviation", "Count", "Servers")
    group = '<tr class="group"><th colspan="6" scope="rowgroup">{}</th></tr>'
    bodies = "".join(
        f"<tbody>{group.format(title)}{''.join(word_row(word, widest, total) for word in rows)}</tbody>"
        for title, rows in (("Words that move most", most), ("Words that move least", least))
        if rows
    )
    return section(
        "words",
        "Words that move",
        f"""<p>Where a word lies on one server\u2019s map and on the next. <b>Spread</b> is 0 for a word that all
servers put in the same place; <b>neighbours kept</b> is how much of its ten nearest words two servers have in common;
<b>deviation</b> is how far its likeness to its nearest words varies.</p>
<form id="find" role="search" class="controls" data-script hidden><label>Find a word
<input id="search" type="search" autocomplete="off" spellcheck="false"></label>
<p id="found-words" class="hint" role="status"></p></form>
{scrolled("Table of words", f'<table id="word-table">{head}{bodies}</table>')}
<p class="buttons" data-script hidden><button type="button" id="more">Show more words</button></p>""",
    )


def host_row(host: dict[str, Any]) -> str:
    """Return one row of the table of servers."""
    remark = ["<strong>stands apart</strong>"] if host["apart"] else []
    if host["same_sample_as"]:
        remark.append(f"same sample as {listed(host['same_sample_as'])}")
    seed, seeds = host["sampling_seed"], ", ".join(str(seed) for seed in host["training_seeds"])
    numbers = "".join(
        f'<td data-value="{"" if value is None else value}">{text}</td>'
        for value, text in (
            (host["agreement"], number(host["agreement"], 3)),
            (seed, UNKNOWN if seed is None else escape(str(seed))),
            (host["reviews"], number(host["reviews"], 0)),
            (host["words"], number(host["words"], 0)),
            (host["vocabulary"], number(host["vocabulary"], 0)),
        )
    )
    return (
        f'<tr><th scope="row">{name_html(host["name"], host["address"])}</th><td>{"; ".join(remark)}</td>{numbers}'
        f"<td>{escape(seeds)}</td><td>{escape(host['data_set'] or UNKNOWN)}</td></tr>"
    )


def hosts_section(found: dict[str, Any]) -> str:
    """Return the section of the servers, compared and left out."""
    rows = sorted(found["hosts"], key=lambda host: not host["apart"])  # those that stand apart are seen first
    head = headings(
        "Server", "Remark", "Agreement", "Sampling seed", "Reviews", "Words", "Vocabulary", "Training seeds", "Data set"
    )
    body = "".join(host_row(host) for host in rows)
    left = "".join(
        f"<li>{name_html(host['name'], host['address'])}: {escape(host['reason'])}</li>" for host in found["left_out"]
    )
    missing = f"<ul>{left}</ul>" if left else "<p>None: every server that was asked for is compared above.</p>"
    return section(
        "hosts",
        "The servers",
        f"""<p>Agreement here is the median cosine agreement with the other servers.</p>
{scrolled("Table of servers", f'<table id="host-table">{head}<tbody>{body}</tbody></table>')}
<p class="buttons" data-script hidden><button type="button" id="get-csv">Download CSV</button>
<button type="button" id="get-json">Download JSON</button></p>
<h3 id="left-out">Left out</h3>{missing}""",
    )


def about(found: dict[str, Any]) -> str:
    """Return the section on how it was computed, with the literature."""
    used = found["parameters"]
    shown = {
        "Data set": used["data_set"],
        "Compared": f"{servers(len(found['hosts']))}, {number(found['compared_words'], 0)} words",
        "Vocabulary": f"{number(found['shared_by_all'], 0)} words on every server, "
        f"{number(found['words_of_any'], 0)} on any",
        "Features": used["features"],
        "Least count of a word": used["min_count"],
        "Window": f"{used['window']} words",
        "Subsampling": used["sample"],
        "Components": used["components"],
        "Epochs": used["epochs"],
        "Words are": "runs of letters of any script" if used["unicode"] else "runs of the letters A to Z",
        "Error": "standard error by the jackknife over servers: each is left out once, since pairs share servers",
        "Program": f"vec2pca {found['vec2pca']}",
    }
    sources = "".join(f"<li>{name_html(source['text'], source['url'] or '')}</li>" for source in found["sources"])
    listing = f"<h3>Sources</h3><ul>{sources}</ul>" if sources else ""
    return section("about", "About this comparison", definitions(shown) + listing)


# --- the whole -------------------------------------------------------------------------------------------------------


def rounded(value: Any) -> Any:
    """Return the value with its numbers to four digits, which is more than their error lets one read."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value


def embedded(found: dict[str, Any]) -> dict[str, Any]:
    """Return the data of the script, small: half of each matrix, and the words by column."""
    halves = {key: [row[i + 1 :] for i, row in enumerate(table)] for key, table in found["pairs"].items()}
    columns = {key: [word[key] for word in found["words"]] for key in (found["words"] or [{}])[0]}
    return {
        "found": {**found, "pairs": halves, "words": columns},
        "csv": class_csv(found),
        "measures": {key: title for key, (title, _) in MEASURES.items()},
        "scales": {key: scale(found, key) for key in MEASURES},
        "palette": palette(),
        "onDark": [on_dark(step) for step in range(STEPS + 1)],
        "limits": {"pairs": PAIRS, "named": NAMED, "few": FEW, "words": 2 * WORDS},
    }


def render_class(found: dict[str, Any], links: Sequence[tuple[str, str]]) -> str:
    """Return the page of a class: `found` is what `vec2pca compare --json` writes, `links` are for its top."""
    found = rounded(found)  # once, so that the page and its script write the same numbers
    pairs = len(found["hosts"]) > 1
    header = f"""<p class="answer">{escape(found["answer"]).replace(" %", NARROW_SPACE + "%")}</p>
<p class="lead">{meaning(found)}</p>
{remarks(found)}
<nav aria-label="Page">{'<a href="#agreement">Agreement</a>' if pairs else ""}<a href="#chance">Sample or training</a>
<a href="#components">Components</a><a href="#words">Words</a><a href="#hosts">Servers</a>
<a href="#about">About</a>{links_html(links)}</nav>"""
    sections = [
        section("measures", "How much do they agree?", measure_cards(found)),
        chance(found),
        heat_map(found) if pairs else "",
        components(found),
        words_section(found),
        hosts_section(found),
        about(found),
    ]
    return document(
        title=found["title"],
        version=found["vec2pca"],
        header=header,
        main="\n".join(sections),
        data=embedded(found),
        styles=asset("page.css") + asset("class.css"),
        script=asset("class.js"),
    )


def guarded(value: object) -> object:
    """Return a field that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else value


def class_csv(found: dict[str, Any]) -> str:
    """Return one row per server (RFC 4180), those that were left out with the reason."""
    fields = (
        "name", "address", "compared", "reason", "agreement", "stands_apart", "same_sample_as", "data_set",
        "sampling_seed", "reviews", "words", "vocabulary", "training_seeds", "sha256",
    )  # fmt: skip
    text = io.StringIO()
    table = csv.DictWriter(text, fields, extrasaction="ignore", lineterminator="\r\n")
    table.writeheader()
    for host in [*found["hosts"], *found["left_out"]]:
        compared = "reason" not in host
        row = {**host, "compared": "yes" if compared else "no"}
        if compared:
            row["stands_apart"] = "yes" if host["apart"] else "no"
            row["same_sample_as"] = " ".join(host["same_sample_as"])
            row["training_seeds"] = " ".join(str(seed) for seed in host["training_seeds"])
        table.writerow({key: guarded(value) for key, value in row.items()})
    return text.getvalue()
