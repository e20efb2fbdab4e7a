"""The page of a class."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import Any


def render_class(found: dict[str, Any], links: Sequence[tuple[str, str]]) -> str:
    """Return the page."""
    del links
    return f"<!DOCTYPE html><title>{escape(found['title'])}</title><p>{escape(found['answer'])}</p>"


def class_csv(found: dict[str, Any]) -> str:
    """Return one row a host."""
    out = io.StringIO()
    csv.writer(out).writerows([["host", "agreement"], *[[host["name"], host["agreement"]] for host in found["hosts"]]])
    return out.getvalue()
