"""The table of pins that have newer releases."""

from __future__ import annotations

import pins
import pytest


def test_the_newest_release_is_found_by_its_numbers_and_not_by_its_letters() -> None:
    assert pins.newest_tag(["v9", "v10", "v11-beta", "latest"], r"v\d+") == "v10"
    assert pins.newest_tag(["latest"], r"v\d+") == ""


def test_the_table_has_what_is_outdated_and_what_could_not_be_asked() -> None:
    old, new = pins.Pin("a", "1.9", "1.10", "f"), pins.Pin("b", "2026.07.0+139", "2026.07.0+139", "f")
    unknown = pins.Pin("c", "3", "", "f")
    assert pins.table([old, new, unknown]).splitlines()[2:] == [
        "| a | 1.9 | 1.10 | f |",
        "| c | 3 | not known: out of reach | f |",
    ]


def test_every_pin_of_the_project_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "tags_of", lambda _: [])
    found = {pin.name for pin in pins.pins()}
    assert {"actions/checkout", "Python of the controller", "RStudio Server", "Posit's snapshot of CRAN"} <= found
