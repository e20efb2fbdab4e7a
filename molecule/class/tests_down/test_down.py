"""One host is down: the page of the others says so. Those that answer have it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPORTS = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", "."), "reports")
testinfra_hosts = ["ansible://lab-2", "ansible://lab-3", "ansible://lab-4"]


@pytest.mark.parametrize("name", ["class.html", "class.json", "class.csv", "consensus.html"])
def test_it_is_served_and_kept_on_the_controller(fetch: Callable[..., Any], name: str) -> None:
    path = "/class/" if name == "class.html" else f"/class/{name}"
    assert fetch(path).shows((REPORTS / name).read_bytes().decode())


def test_the_others_are_compared(fetch: Callable[..., Any]) -> None:
    found = json.loads(fetch("/class/class.json").text)
    assert [host["name"] for host in found["hosts"]] == ["lab-2", "lab-3"]
    reasons = {host["name"]: host["reason"] for host in found["left_out"]}
    assert reasons.keys() == {"lab-1", "lab-4"}
    assert "could not be reached" in reasons["lab-1"]


def test_no_result_of_the_host_that_is_down_is_left() -> None:
    assert not list(REPORTS.glob("class/lab-1/*.json"))
