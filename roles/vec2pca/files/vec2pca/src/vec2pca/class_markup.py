"""Values and pieces of HTML that the sections of the page of a class share."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from vec2pca.frame import percent

MEASURES = {  # name in the object: (title, what it says), the first is shown first
    "cosine_agreement": ("Cosine agreement", "Do two servers find the same pairs of words alike?"),
    "canonical_correlation": ("Canonical correlation", "Do their components span the same space?"),
    "neighbour_overlap": ("Neighbour overlap", "How many of a word\u2019s ten nearest words are the same?"),
    "overlap": ("Vocabulary overlap", "How many of their words do both have?"),
}
UNKNOWN = "n/a"
NARROW_SPACE = "\u202f"  # no line ends there


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
