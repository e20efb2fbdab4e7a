"""The web page: one self-contained HTML file, readable without JavaScript and without a network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vec2pca.analysis import FREQUENT, Result
from vec2pca.cluster.report import facts_of, phases_of
from vec2pca.frame import asset, definitions, document, end_html, links_html, percent, signed

ENDS = 10  # words listed at each end of a component
PROGRAMS = ("vec2pca", "numpy", "nltk", "gensim")
TRAINING = {
    "exact": "exact: by one program, on all words in order, as on one machine",
    "average": "averaged: {parts} slices of the text at a time, put together {rounds} times an epoch",
}
NEIGHBOURS = 10  # nearest words embedded for each word


def component_card(result: Result, component: int, order: Sequence[int]) -> str:
    """Return one component: its share of the variance and its two ends; `order` is its words, lowest score first."""
    share = result.variance[component]
    width = 100 * share / (max(result.variance) or 1)

    def pairs(places: Sequence[int]) -> list[tuple[str, str]]:
        return [(result.words[i], signed(float(result.scores[i, component]))) for i in places]

    return (
        f'<section class="card" id="PC{component}"><h3>PC{component} <small>{percent(share)} of variance</small></h3>'
        f'<div class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></div><div class="ends">'
        + end_html("low", "Low end", pairs(order[:ENDS]))
        + end_html("high", "High end", pairs(order[::-1][:ENDS]))
        + "</div></section>"
    )


def table(result: Result, orders: Sequence[Sequence[int]]) -> str:
    """Return the table: one column per component, all words in ascending order of score."""
    cells = [escape(word) for word in result.words]
    head = "".join(f'<th scope="col">PC{i}</th>' for i in range(len(orders)))
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{cells[place]}</td>" for place in places) + "</tr>"
        for places in zip(*orders, strict=True)
    )
    return (
        '<table class="dataframe centered striped">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )


def facts(result: Result) -> dict[str, Any]:
    """Return what the reader should know about the text and the computation, as labels and values."""
    text, used = result.corpus, result.parameters
    chosen = " (chosen from the text)" if used["min_count_chosen"] else ""
    shown = {
        "Text": f"{text['lines']:,} lines, {text['sentences']:,} sentences, {text['words']:,} words",
        "Vocabulary": f"{text['vocabulary']:,} of {text['different_words']:,} different words",
        "Least count of a word": f"{used['min_count']}{chosen}",
        "Features": used["features"],
        "Window": f"{used['window']} words",
        "Subsampling": f"{used['sample']:g}",
        "Epochs": used["epochs"],
        "Seed": used["seed"],
        "Engine": {"kernel": "kernel in C"}.get(used["engine"], used["engine"]),
        "Words are": "runs of letters of any script" if used["unicode"] else "runs of the letters A to Z",
        "Programs": ", ".join(f"{name} {used[name]}" for name in PROGRAMS if name in used),
    }
    if "train" in used:
        shown["Training"] = TRAINING[used["train"]].format(**used)
    if not used["repeatable"]:
        shown["Repeatable"] = "no: several workers of this engine race each other; --workers 1 gives the same bytes"
    if text["replaced_bytes"]:
        shown["Bad bytes"] = f"{text['replaced_bytes']:,} places were not UTF-8 and were replaced"
    if text["split_sentences"]:
        shown["Long sentences"] = f"{text['split_sentences']:,} sentences were over 10,000 words and were split"
    return shown


def neighbours(vectors: NDArray[np.float32]) -> list[list[list[int]]]:
    """Return per word its nearest words as [place, cosine in hundredths], nearest first."""
    count = min(NEIGHBOURS, len(vectors) - 1)
    found: list[list[list[int]]] = []
    for begin in range(0, len(vectors), 512):  # not all pairs at once: they may be many
        cosines = vectors[begin : begin + 512] @ vectors.T
        own = np.arange(len(cosines))
        cosines[own, begin + own] = -np.inf
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        near = np.rint(100 * np.take_along_axis(cosines, nearest, axis=1)).astype(int)
        found += np.stack([nearest, near], axis=2).tolist()
    return found


def embedded(result: Result, about: dict[str, Any], spread: Sequence[float | None] | None) -> dict[str, Any]:
    """Return the data the page's own script reads. Scores are times 10,000."""
    return {
        "words": result.words,
        "counts": result.counts,
        "scores": np.rint(result.scores * 10_000).astype(int).tolist(),
        "variance": [round(share, 6) for share in result.variance],
        "neighbours": neighbours(result.vectors),
        "parameters": result.parameters,
        "corpus": result.corpus,
        "about": about,
        "spread": spread and list(spread),
    }


def render(
    result: Result,
    title: str,
    about: dict[str, Any],
    links: Sequence[tuple[str, str]],
    spread: Sequence[float | None] | None = None,
    cluster: dict[str, Any] | None = None,
    header: str | None = None,
) -> str:
    """Return the whole page. `about` is shown as it is; `links` are (text, address) pairs for the top of the page.

    `spread` is, for a result that stands for many samples, how far each word moves between them; `cluster` what an
    analysis on one cost; `header` the address of the site's header.
    """
    orders = np.argsort(result.scores, axis=0, kind="stable").T.tolist()
    cards = "".join(component_card(result, i, order) for i, order in enumerate(orders))
    source = f"<h3>The sample</h3>{definitions(about)}" if about else ""
    run = f"<h3>The cluster</h3>{definitions(facts_of(cluster) | phases_of(cluster))}" if cluster else ""
    text = result.corpus
    top = f"""<p class="lead">The directions in which the <b>{text["vocabulary"]:,}</b> most used words of
<b>{text["words"]:,}</b> differ most: <b>{len(orders)}</b> principal components of their word vectors,
<b>{percent(sum(result.variance))}</b> of the variance.</p>
<nav aria-label="Page"><a href="#words-map" data-script hidden>Map</a><a href="#components">Components</a>
<a href="#table">All words</a><a href="#about">About</a>{links_html(links)}</nav>"""
    main = f"""{asset("map.html")}
<section id="components" aria-labelledby="components-title"><h2 id="components-title">Components</h2>
<p>Each component is a scale; these are the words at its two ends.</p>
<div class="cards">{cards}</div></section>
<section id="table" aria-labelledby="table-title"><h2 id="table-title">All words</h2>
<p>One column per component, every word in ascending order of its score: the low end at the top, the high end
at the bottom. A component points to where the {FREQUENT} most frequent words lie on the whole, so that pages can
be read side by side.</p>
<p class="buttons" data-script hidden><button type="button" id="get-csv">Download CSV</button>
<button type="button" id="get-json">Download JSON</button></p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of all words">
{table(result, orders)}
</div></section>
<section id="about" aria-labelledby="about-title"><h2 id="about-title">About this analysis</h2>
{source}<h3>The computation</h3>{definitions(facts(result))}{run}</section>"""
    return document(
        title=title,
        version=result.parameters["vec2pca"],
        top=top,
        main=main,
        data=embedded(result, about, spread),
        styles=asset("page.css"),
        script=asset("page.js"),
        header=header,
    )
