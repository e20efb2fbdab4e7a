"""Every role is understood from its defaults and its argument specs, and the two say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.parent.name for path in (ROOT / "roles").glob("*/meta"))


def load(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def defaults(role: str) -> dict[str, Any]:
    return load(ROOT / "roles" / role / "defaults" / "main.yml")


def options(role: str) -> dict[str, Any]:
    return dict(load(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"])


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_specified_and_the_reverse(role: str) -> None:
    required = {name for name, option in options(role).items() if option.get("required")}
    assert set(defaults(role)) == set(options(role)) - required


def with_sources(value: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the mappings that name sources, wherever they are."""
    if isinstance(value, dict):
        if "sources" in value:
            yield at, value
        for key, each in value.items():
            yield from with_sources(each, f"{at}.{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from with_sources(each, f"{at}[{number}]")


def test_every_source_has_a_checksum_or_tells_why_it_has_none() -> None:
    files = sorted((ROOT / "roles").glob("*/defaults/*.yml")) + sorted((ROOT / "roles").glob("*/vars/*.yml"))
    found = [entry for file in files for entry in with_sources(load(file), str(file.relative_to(ROOT)))]
    assert len(found) > 5
    for where, entry in found:
        known = re.fullmatch(r"[0-9a-f]{64}", entry.get("sha256", ""))
        assert known or len(entry.get("unverified", "")) > 20, where
    # Variables of their own
    for role in ROLES:
        for name in (name for name in defaults(role) if name.endswith("_sources")):
            begin = name.removesuffix("_sources")
            told = {f"{begin}_sha256", f"{begin}_fingerprint"} & set(defaults(role))
            assert told or f"__{begin}_unverified" in load(ROOT / "roles" / role / "vars" / "main.yml"), name


@pytest.mark.parametrize("role", ROLES)
def test_a_specified_default_is_the_default(role: str) -> None:
    # a default that is computed, or that would not fit into one line, is described instead
    stated = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert stated == {name: defaults(role)[name] for name in stated}


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_type_and_a_description(role: str) -> None:
    for name, option in options(role).items():
        assert name.startswith(f"{role}_")
        assert option["type"]
        assert option["description"].strip()
