"""The page of a class: how much the results of many servers differ, and how much of that is the sample."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import Any

from vec2pca.class_answer import chance, meaning, measure_cards, remarks
from vec2pca.class_markup import (
    MEASURES,
    NARROW_SPACE,
    UNKNOWN,
    headings,
    listed,
    name_html,
    number,
    scrolled,
    section,
    servers,
    share,
)
from vec2pca.frame import asset, definitions, document, end_html, links_html
from vec2pca.heat_map import FEW, NAMED, PAIRS, STEPS, heat_map, on_dark, palette, scale

WORDS = 9  # words listed at each end before anything is sorted


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
        f'<td data-value="{"" if value is None else escape(str(value))}">{text}</td>'
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


def render_class(found: dict[str, Any], links: Sequence[tuple[str, str]], header: str | None = None) -> str:
    """Return the page of a class: `found` is what `vec2pca compare --json` writes, `links` and `header` are its top."""
    found = rounded(found)  # once, so that the page and its script write the same numbers
    pairs = len(found["hosts"]) > 1
    top = f"""<p class="answer">{escape(found["answer"]).replace(" %", NARROW_SPACE + "%")}</p>
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
        top=top,
        main="\n".join(sections),
        data=embedded(found),
        styles=asset("page.css") + asset("class.css"),
        script=asset("class.js"),
        header=header,
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
