"""The filters of role report."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PLUGIN = Path(__file__).resolve().parents[3] / "roles" / "report" / "filter_plugins" / "report.py"


@pytest.fixture(scope="module")
def report() -> ModuleType:
    spec = spec_from_file_location("report_filters", PLUGIN)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "ready", "where": "", "reason": "", "unavailable": {}, **more}


def test_components_are_in_order_and_foreign_facts_left_out(report: ModuleType) -> None:
    facts = {f"labserver_{name}": record(name) for name in ("new", "httpd", "another", "swap")} | {
        "site": {"name": "x"}
    }
    found = report.recorded_components(facts, ["swap", "missing", "httpd"])
    assert [component["name"] for component in found] == ["swap", "httpd", "another", "new"]
    assert report.recorded_components({}, ["swap"]) == []


def test_the_table(report: ModuleType) -> None:
    hosts = [
        {
            "host": "lab-1",
            "url": "http://lab/",
            "components": [
                record("swap", where="/var/swap.1"),
                record("r_packages", where="doMC", unavailable={"gbm": "out of reach"}),
            ],
        },
        {"host": "b", "url": "", "components": [record("swap", state="unavailable", reason="no room")]},
    ]
    assert report.report_table(hosts) == [
        "HOST   COMPONENT   STATE        WHERE",
        "lab-1  page        ready        http://lab/",
        "lab-1  swap        ready        /var/swap.1",
        "lab-1  r_packages  ready        doMC",
        "lab-1  r_packages  unavailable  gbm: out of reach",
        "b      swap        unavailable  no room",
    ]
    assert report.report_table([]) == ["HOST  COMPONENT  STATE  WHERE"]
