"""What every page has in common: the HTML document, its own security policy, and how values are written."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any


def asset(name: str) -> str:
    """Return the text of a file that ships with the package."""
    return files("vec2pca").joinpath("assets", name).read_text(encoding="utf-8")


def percent(share: float, digits: int = 1) -> str:
    """Return a share (0 to 1) as readers see it."""
    return f"{100 * share:.{digits}f}\u202f%"


def signed(value: float) -> str:
    """Return a score with its sign, a true minus among them."""
    return f"{value:+.2f}".replace("-", "\u2212")


def value_html(value: object) -> str:
    """Return a value of the about object as HTML: lists and objects as lists, addresses as links."""
    if isinstance(value, dict):
        value = [f"{key}: {item}" for key, item in value.items()]
    if isinstance(value, list):
        return "<ul>" + "".join(f"<li>{value_html(item)}</li>" for item in value) + "</ul>"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}" if value >= 10_000 else str(value)
    text = escape(str(value))
    if text.startswith(("http://", "https://")) and " " not in text:
        return f'<a href="{text}">{text}</a>'
    return text


def definitions(items: dict[str, Any]) -> str:
    """Return labels and values as a definition list."""
    rows = "".join(
        f"<div><dt>{escape(str(label))}</dt><dd>{value_html(value)}</dd></div>" for label, value in items.items()
    )
    return f"<dl>{rows}</dl>"


def end_html(side: str, title: str, rows: Sequence[tuple[str, str]]) -> str:
    """Return one end of a component, the outermost word first, each with a note."""
    item = '<li><span>{}</span> <span class="score">{}</span></li>'
    listed = "".join(item.format(escape(word), escape(note)) for word, note in rows)
    return f'<div class="end {side}"><h4>{title}</h4><ol>{listed}</ol></div>'


def links_html(links: Sequence[tuple[str, str]]) -> str:
    """Return (text, address) pairs as links."""
    return "".join(f'<a href="{escape(where)}">{escape(text)}</a>' for text, where in links)


def document(
    *, title: str, version: str, top: str, main: str, data: object, styles: str, script: str, header: str | None
) -> str:
    """Return the whole page: `top` comes below the title, `data` is what the script finds in the element `data`.

    `header` is the address of the site's own header: its server puts that in, and everywhere else this is a comment.
    """
    script = "\n" + asset("frame.js") + script
    # safe inside a script element: no tag can begin or end there
    embedded = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    # the browser itself keeps the page from loading anything and from running any other script
    policy = (
        f"default-src 'none'; script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    include = f'<!--#include virtual="{header}" -->\n' if header else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="vec2pca {escape(version)}">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{asset("frame.css")}{styles}</style>
</head>
<body>
{include}<header>
<h1>{escape(title)}</h1>
{top}
</header>
<main>
{main}
</main>
<script type="application/json" id="data">{embedded}</script>
<script>{script}</script>
</body>
</html>
"""
