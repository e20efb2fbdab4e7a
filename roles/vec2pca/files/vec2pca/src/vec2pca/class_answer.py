"""The answer of a class: how much its results vary, and how much of that is the sample and how much the training."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from vec2pca.class_markup import MEASURES, listed, number, section, servers, share, with_error


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
    error = "" if part["error"] is None else f" \u00b1 {100 * part['error']:.1f}"
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
