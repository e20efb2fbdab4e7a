"""The action plugin of component: what spares a call to the host, and what later tasks read."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.support.plugins import load_plugin

SWAP = {"name": "swap", "state": "ready", "where": "/swap", "reason": "", "unavailable": {}, "details": {}}
LOST = {**SWAP, "state": "unavailable", "where": "", "reason": "no room"}
OTHER = {"labserver_httpd": {"name": "httpd"}}


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    return load_plugin("shared/action_plugins/component.py")


class Host:
    """A host that the module is run on: what it answers, and whether it was asked."""

    def __init__(self, plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(plugin.ActionBase, "run", lambda *_: {})
        self.action = plugin.ActionModule.__new__(plugin.ActionModule)
        self.calls = 0

    def run(
        self, answer: Mapping[str, Any], facts: Mapping[str, Any] | None, *, check: bool = False, **options: Any
    ) -> dict[str, Any]:
        """Run the task where the facts are those; the module would answer that."""

        def execute(**_: Any) -> Mapping[str, Any]:
            self.calls += 1
            return answer

        self.action._task = SimpleNamespace(args=options, check_mode=check)
        self.action._execute_module = execute
        gathered = {} if facts is None else {"ansible_local": facts}
        result: dict[str, Any] = self.action.run(task_vars={"ansible_facts": gathered})
        return result


@pytest.fixture
def host(plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(plugin, monkeypatch)


def test_a_record_that_is_as_it_should_be_is_not_asked_for(host: Host) -> None:
    result = host.run({}, {**OTHER, "labserver_swap": SWAP}, name="swap", where="/swap")
    assert (result, host.calls) == ({"changed": False, "component": SWAP}, 0)


@pytest.mark.parametrize("recorded", [{}, {"labserver_swap": {**SWAP, "where": "/old"}}, {"labserver_swap": "torn"}])
def test_what_is_recorded_anew_is_what_later_tasks_read(host: Host, recorded: dict[str, Any]) -> None:
    result = host.run({"changed": True, "component": SWAP}, {**OTHER, **recorded}, name="swap", where="/swap")
    assert result["changed"]
    assert result["ansible_facts"] == {"ansible_local": {**OTHER, "labserver_swap": SWAP}}


def test_what_is_forgotten_is_no_fact_any_longer(host: Host) -> None:
    result = host.run({"changed": True}, {**OTHER, "labserver_swap": SWAP}, name="swap", state="absent")
    assert (result["ansible_facts"], host.calls) == ({"ansible_local": OTHER}, 1)


def test_what_stays_on_the_host_stays_a_fact(host: Host) -> None:
    recorded = {"labserver_swap": SWAP}
    result = host.run({"changed": False, "component": SWAP}, recorded, name="swap", state="absent", stays=True)
    assert result["ansible_facts"] == {"ansible_local": recorded}


def test_another_place_is_another_record(host: Host) -> None:
    recorded = {"labserver_swap": {**SWAP, "places": ["/a"]}}
    assert not host.run({}, recorded, name="swap", where="/swap", places=["/a"])["changed"]
    assert host.run({"changed": True}, recorded, name="swap", where="/swap", places=["/b"])["changed"]
    assert host.run({"changed": True}, recorded, name="swap", where="/swap")["changed"]


def test_check_mode_leaves_the_facts(host: Host) -> None:
    assert "ansible_facts" not in host.run({"changed": True, "component": SWAP}, OTHER, check=True, name="swap")


def test_what_may_not_be_missing_fails_also_where_it_was_recorded(host: Host) -> None:
    given: dict[str, Any] = {"name": "swap", "state": "unavailable", "reason": "no room"}
    answer = {"failed": True, "changed": False, "component": LOST}
    recorded = {"labserver_swap": LOST}
    assert "failed" not in host.run(answer, recorded, **given, strict=False)
    result = host.run(answer, recorded, **given, strict=True)
    assert result == answer, "its error is shown with all that it returns: no facts"


def test_wrong_options_leave_the_facts(host: Host) -> None:
    result = host.run({"failed": True, "msg": "needs a reason"}, OTHER, name="swap", state="unavailable")
    assert "ansible_facts" not in result


def test_facts_that_were_not_gathered_are_not_made_up(host: Host) -> None:
    assert "ansible_facts" not in host.run({"changed": True, "component": SWAP}, None, name="swap", where="/swap")


def test_another_folder_is_not_that_of_the_facts(host: Host) -> None:
    result = host.run({"changed": True}, {"labserver_swap": SWAP}, name="swap", where="/swap", path="/other")
    assert (result["changed"], host.calls, "ansible_facts" in result) == (True, 1, False)


def test_the_defaults_are_those_of_the_module(plugin: ModuleType) -> None:
    module = load_plugin("../library/component.py")
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert {name: options[name]["default"] for name in plugin.DEFAULTS} == plugin.DEFAULTS
