"""The whole life of a project's machines, against moto.

What moto cannot show: machines run, stop and end at once (AWS takes minutes, and the modules wait); nothing boots, so
no host key is on the console and no SSH answers (test_configure has a machine that does); attaching an address or a
volume never has to wait; prices are the table's, not the bill's.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.aws.cloud import Cloud, Project
from tests.integration.aws.estate import EVERYTHING, addresses, assert_whole, same, settle_others

# How many calls it took to make the machines, by their number
CALLS: dict[int, int] = {}


@pytest.mark.parametrize("machines", [1, 5])
def test_the_whole_life(cloud: Cloud, project: Project, record_property: Any, machines: int) -> None:
    others = settle_others(cloud)
    project.variables = EVERYTHING | {"ec2_count": machines}

    def step(playbook: str, *options: str) -> int:
        """Run a playbook, which must end well and leave alone what is foreign; return how many tasks changed."""
        cloud.faults()
        run = project.play(playbook, *options)
        assert run.code == 0, run.output
        calls, mutating = len(cloud.calls()), len(cloud.mutating())
        record_property(
            "AWS", f"{machines} machine(s): {playbook:9} {run.seconds:4.0f} s, {calls} calls, {mutating} mutating"
        )
        assert same(others, cloud.holdings())
        return run.changed

    assert step("provision") > 0
    CALLS[machines] = len(cloud.calls())
    assert_whole(project, machines, others)
    made = addresses(cloud, others)

    assert step("provision") == 0
    assert cloud.mutating() == []

    assert step("stop") > 0
    mine = [item for key, item in cloud.holdings().items() if key not in others]
    assert {item["State"]["Name"] for item in mine if "InstanceType" in item} == {"stopped"}
    assert step("stop") == 0
    assert cloud.mutating() == []

    assert step("start") > 0
    assert addresses(cloud, others) == made
    assert_whole(project, machines, others)

    removal = ("-e", "confirm=yes", "-e", "ec2_remove_bucket=true")
    assert step("teardown", *removal) > 0
    assert set(cloud.holdings()) == set(others)
    assert step("teardown", *removal) == 0
    assert cloud.mutating() == []


def test_calls_grow_slower_than_machines() -> None:
    """Looks at the two lives above."""
    if set(CALLS) != {1, 5}:
        pytest.skip("it compares the lives of 1 and of 5 machines, and they were not both run")
    assert CALLS[5] < 5 * CALLS[1]


def test_a_look_before_tells_the_cost_and_changes_nothing(cloud: Cloud, project: Project) -> None:
    project.variables = EVERYTHING | {"ec2_count": 2}
    run = project.make("--check")
    assert (run.code, run.changed) == (0, 0), run.output
    assert cloud.mutating() == []
    assert cloud.holdings() == {}
    # Two machines, four addresses, 20 GB and 10 GB: 2 x 0.0104 + 4 x 0.005 + 30 x 0.08 / 730 dollars an hour
    total = next(line for line in run.output.splitlines() if "- total" in line)
    assert [float(number) for number in total.split()[-2:]] == pytest.approx([0.0441, 32.18], rel=0.01)
    assert not (project.folder / ".secrets").exists()


def test_nothing_is_removed_unasked(cloud: Cloud, project: Project) -> None:
    assert project.make().code == 0
    before = cloud.holdings()
    cloud.faults()
    run = project.play("teardown")
    assert run.code != 0
    assert "confirm=yes" in run.text
    assert cloud.mutating() == []
    assert same(before, cloud.holdings())


def test_what_is_named_like_ours_is_not_taken_for_ours(cloud: Cloud, project: Project) -> None:
    """A key, a group and a bucket of exactly our names, without our tags: the run says so and touches none of them."""
    project.variables = dict(EVERYTHING)
    cloud.ec2.create_key_pair(KeyName="lab", KeyType="ed25519")
    cloud.ec2.create_security_group(GroupName="lab", Description="another's")
    cloud.s3.create_bucket(Bucket="lab-data", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    before = cloud.holdings()
    cloud.faults()
    run = project.make()
    assert run.code != 0
    assert "security group lab" in run.text
    assert "key pair lab" in run.text
    assert "LABSERVER_PROJECT" in run.text
    assert "bucket lab-data" in run.text
    assert cloud.mutating() == []
    assert project.remove().code == 0
    assert same(before, cloud.holdings())
