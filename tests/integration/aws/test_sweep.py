"""Runs that are cut off: a fault at every call that changes something, and a run that mends it.

There are four kinds of fault: an error before the call took effect, the same error after it did, an answer that never
came, and a run that is killed while it waits for the answer.

The faults come in a chain: a call fails, the run ends; the next run gets past it and fails at a later call; and so on,
until a run has nothing left to do. Along the chain the kinds take turns. By default every third call fails, with
``--full`` every call. (Ansible goes on with a loop after an item that failed, so of two like calls a chain may meet
only one.) With ``--full`` besides, every call gets every kind in an account of its own, as a user would meet it: one
fault in making, a run without, one fault in removing, a run without. That takes an hour of two cores.

What moto cannot show: a call that AWS is still working on when the run dies (a machine that is still pending).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.aws.cloud import Cloud, Project, Run
from tests.integration.aws.estate import EVERYTHING, assert_whole, is_ours

KINDS = ("error-before", "error-after", "drop", "hold")
# What the calls of a whole run are known to be, whatever else there is
MADE_BY = {"ImportKeyPair", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances", "CreateVolume"}
MADE_BY |= {"AttachVolume", "AllocateAddress", "AssociateAddress", "AssignPrivateIpAddresses", "PUT bucket"}
REMOVED_BY = {"ReleaseAddress", "TerminateInstances", "DeleteVolume", "DeleteSecurityGroup", "DeleteKeyPair"}
REMOVED_BY |= {"DELETE bucket"}
REMOVE = ("teardown", "-e", "confirm=yes", "-e", "ec2_remove_bucket=true")


@pytest.fixture
def project(project: Project) -> Project:
    """A project that asks for some of everything."""
    project.variables = dict(EVERYTHING)
    return project


def disturbed(project: Project, faults: list[dict[str, Any]], *command: str) -> tuple[Run, list[str]]:
    """Run a playbook with faults; return how it ended and the calls that failed."""
    cloud = project.cloud
    cloud.faults(*faults)
    kill = any(fault["kind"] == "hold" for fault in faults)
    run = project.play_until_held(*command) if kill else project.play(*command)
    failed = [call for call in cloud.calls() if call["mutating"] and call["status"] in (0, 403)]
    cloud.faults()
    for item in cloud.holdings().values():
        assert is_ours(item, project.name), f"left without our tags: {item}\n{run.output}"
    if any(call["status"] == 403 for call in failed):
        assert run.code != 0, f"{failed[-1]['action']} failed, and the run did not:\n{run.output}"
        if "allow the call" not in run.text:
            project.silent.append(failed[-1]["action"])
    return run, [call["action"] for call in failed]


def chain(project: Project, kinds: Iterator[str], *command: str, stride: int) -> list[str]:
    """Have each run fail `stride` calls further than the one before, until one does not; return the failed calls."""
    struck: list[str] = []
    kind = ""
    while True:
        # A call that had no effect comes again first. A dropped one is asked again by the same run, which goes on.
        nth = stride + (kind == "error-before")
        faults: list[dict[str, Any]] = []
        while not faults or kind == "drop":
            kind = next(kinds)
            faults.append({"kind": kind, "nth": nth})
            nth += 1 + stride
        run, failed = disturbed(project, faults, *command)
        if not failed:
            assert run.code == 0, run.output
            return struck
        struck += failed
        assert len(struck) < 60, f"it never ends: {struck}\n{run.output}"


@pytest.mark.parametrize(
    ("stride", "begin"),
    [(3, 0), pytest.param(1, 0, marks=pytest.mark.full), pytest.param(1, 2, marks=pytest.mark.full)],
)
def test_a_chain_of_faults_ends_in_what_was_asked_for(
    project: Project, record_property: Any, stride: int, begin: int
) -> None:
    kinds = itertools.islice(itertools.cycle(KINDS), begin, None)
    made = chain(project, kinds, "provision", stride=stride)
    assert set(made) >= MADE_BY if stride == 1 else len(made) >= len(MADE_BY) // stride
    assert_whole(project)
    removed = chain(project, kinds, *REMOVE, stride=stride)
    assert set(removed) >= REMOVED_BY if stride == 1 else len(removed) >= len(REMOVED_BY) // stride
    assert project.cloud.holdings() == {}
    assert project.silent == [], "these failed without a word on what mends it"
    record_property("AWS", f"faults from {KINDS[begin]} on, in making: {', '.join(made)}")
    record_property("AWS", f"faults from {KINDS[begin]} on, in removing: {', '.join(removed)}")


@pytest.mark.parametrize(
    "call", ["PUT bucket", *(pytest.param(one, marks=pytest.mark.full) for one in ("RunInstances", "AllocateAddress"))]
)
def test_what_a_killed_run_left_is_removed_as_well(project: Project, call: str) -> None:
    """Without a run in between that finishes it."""
    _, failed = disturbed(project, [{"kind": "hold", "action": call}], "provision")
    assert failed == [call]
    assert project.cloud.holdings()
    run = project.play(*REMOVE)
    assert run.code == 0, run.output
    assert project.cloud.holdings() == {}


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["making", "removing"])
def test_every_fault_by_itself(cloud: Cloud, project: Project, subtests: pytest.Subtests, kind: str, what: str) -> None:
    """Each is followed by a run that mends it; in making, by a removal too, and that again by itself."""
    removal = what == "removing"
    for nth in itertools.count(1):
        cloud.reset()
        if removal:
            assert project.make().code == 0
        command = REMOVE if removal else ("provision",)
        run, failed = disturbed(project, [{"kind": kind, "nth": nth}], *command)
        if not failed:
            assert run.code == 0, run.output
            assert project.silent == [], "these failed without a word on what mends it"
            assert nth > len(REMOVED_BY if removal else MADE_BY)
            return
        with subtests.test(kind=kind, nth=nth, call=failed[0]):
            again = project.play(*command)
            assert again.code == 0, run.output + again.output
            if not removal:
                assert_whole(project)
                assert project.remove().code == 0
            assert cloud.holdings() == {}
        if not removal:
            with subtests.test(kind=kind, nth=nth, call=failed[0], then="removed at once"):
                disturbed(project, [{"kind": kind, "nth": nth}], *command)
                run = project.remove()
                assert run.code == 0, run.output
                assert cloud.holdings() == {}
