"""ec2_agents_info: waits until the agents of instances are online."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients

from tests.support.aws import HERE
from tests.support.modules import RunModule

pytestmark = pytest.mark.usefixtures("account", "naps")


class Agents:
    """Answers in the place of Systems Manager: with each list of agents once, with the last one for ever."""

    def __init__(self, *answers: dict[str, str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def get_paginator(self, _name: str) -> Agents:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        self.asked += 1
        agents = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [{"InstanceInformationList": [{"InstanceId": key, "PingStatus": one} for key, one in agents.items()]}]


def look(run_module: RunModule, monkeypatch: pytest.MonkeyPatch, agents: Agents, **options: Any) -> list[str]:
    monkeypatch.setattr(AwsClients, "client", lambda *_: agents)
    offline: list[str] = run_module("ec2_agents_info", region=HERE, instance_ids=["i-1", "i-2"], **options)["offline"]
    return offline


def test_all_agents_are_waited_for(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    agents = Agents({}, {"i-1": "Online", "i-2": "ConnectionLost"}, {"i-1": "Online", "i-2": "Online"})
    assert look(run_module, monkeypatch, agents) == []
    assert agents.asked == 3


def test_an_agent_that_never_comes_is_named(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    agents = Agents({"i-2": "Online"})
    assert look(run_module, monkeypatch, agents, wait=0) == ["i-1"]
    assert look(run_module, monkeypatch, agents, check=True) == ["i-1"]
    assert agents.asked == 2
