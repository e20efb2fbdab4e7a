"""The parsers of JSON that tests of texts choose from."""

from __future__ import annotations

import importlib.util
import sys

import pytest


def engines() -> list[str]:
    return ["standard", *(["orjson"] if importlib.util.find_spec("orjson") else [])]


def choose_engine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name == "standard":
        monkeypatch.setitem(sys.modules, "orjson", None)
