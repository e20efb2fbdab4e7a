"""The filters of role report, and what it replaces."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.plugins import load_plugin

ROLE = Path(__file__).resolve().parents[3] / "roles" / "report"


@pytest.fixture(scope="module")
def report() -> ModuleType:
    return load_plugin("report/filter_plugins/report.py")


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


def test_a_page_of_somebody_else_stays(tmp_path: Path) -> None:
    page = tmp_path / "report.json"
    source = tmp_path / "new.j2"
    source.write_text('{"components": []}\n')
    variables = {"item": "report.json", "report_document_root": str(tmp_path)}
    arguments = {"src": str(source), "dest": str(page), "validate": "{{ __report_validate }}"}

    def publish() -> str:
        command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-m", "ansible.builtin.template"]
        command += ["-e", f"@{ROLE}/vars/main.yml", "-e", json.dumps(variables), "-a", json.dumps(arguments)]
        answer = subprocess.run(command, cwd=ROLE.parents[1], capture_output=True, text=True, check=False)
        return " ".join((answer.stdout + answer.stderr).split())

    page.write_text('{"components": [1]}\n')
    assert "CHANGED" in publish()
    page.write_text("mine")
    assert f"{page} was not made here, and is left as it is" in publish()
    assert page.read_text() == "mine"
