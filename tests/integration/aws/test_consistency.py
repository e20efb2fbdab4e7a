"""AWS shows what was made after a while only, and answers get lost: one run gets through, and nothing is made twice.

What moto cannot show: how long a while is, and that a list lacks the new beside the old.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.aws.cloud import Cloud, Project
from tests.integration.aws.estate import EVERYTHING, assert_whole
from tests.integration.aws.test_sweep import REMOVE

# What is looked for just after it was made, and by which calls
MADE = {
    "ImportKeyPair": ["DescribeKeyPairs"],
    "CreateSecurityGroup": ["DescribeSecurityGroups"],
    "PUT bucket": ["HEAD bucket"],
    "RunInstances": ["DescribeInstances", "DescribeInstanceStatus"],
    "CreateVolume": ["DescribeVolumes"],
    "AllocateAddress": ["DescribeAddresses"],
    "AssignPrivateIpAddresses": ["DescribeNetworkInterfaces"],
}
CHANGES = [*MADE, "AuthorizeSecurityGroupIngress", "AttachVolume", "AssociateAddress", "PUT bucket?tagging"]
REMOVALS = ["TerminateInstances", "ReleaseAddress", "DeleteVolume", "DeleteSecurityGroup", "DeleteKeyPair"]
REMOVALS += ["DELETE bucket"]


def unseen(times: int, *calls: str) -> list[dict[str, Any]]:
    """Return faults by which what these calls make is not seen so many times."""
    return [{"kind": "unseen", "action": look, "after": call, "times": times} for call in calls for look in MADE[call]]


def live(project: Project, making: list[dict[str, Any]], removing: list[dict[str, Any]]) -> None:
    """Make all there is with faults, again without, and remove it with faults."""
    cloud = project.cloud
    project.variables = dict(EVERYTHING)
    cloud.faults(*making)
    run = project.make()
    assert run.code == 0, run.output
    assert "Unknown error" not in run.text
    cloud.faults()
    assert_whole(project)
    again = project.make()
    assert (again.code, again.changed) == (0, 0), again.output
    assert_whole(project)
    cloud.faults(*removing)
    run = project.play(*REMOVE)
    assert run.code == 0, run.output
    cloud.faults()
    assert cloud.holdings() == {}


def test_what_is_not_seen_five_times_is_waited_for(project: Project) -> None:
    live(project, unseen(5, *MADE), [])


@pytest.mark.full
@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("call", MADE)
def test_what_one_call_made_is_not_seen(project: Project, call: str, times: int) -> None:
    live(project, unseen(times, call), [])


def test_answers_that_are_lost_make_nothing_twice(project: Project) -> None:
    """The first of each call; an address is made twice, and the second released."""
    live(project, *([{"kind": "drop", "action": one} for one in calls] for calls in (CHANGES, REMOVALS)))


@pytest.mark.full
@pytest.mark.parametrize("call", [*CHANGES, *REMOVALS])
def test_one_answer_that_is_lost(project: Project, call: str) -> None:
    drop = [{"kind": "drop", "action": call}]
    live(project, drop, drop)


def test_what_never_comes_is_told(cloud: Cloud, project: Project) -> None:
    cloud.faults({"kind": "unseen", "action": "DescribeInstances", "after": "RunInstances", "times": 10_000})
    run = project.make()
    assert run.code != 0
    assert "Unknown error" not in run.text
    assert "run again, it goes on where it stopped" in run.text, run.output
    cloud.faults()
    assert project.make().code == 0
    assert cloud.count()["i"] == 1
    assert project.remove().code == 0
    assert cloud.holdings() == {}
