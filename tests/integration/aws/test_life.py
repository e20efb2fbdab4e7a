"""The whole life of a project's machines, against moto.

What moto cannot show: machines run, stop and end at once (AWS takes minutes, and the modules wait); nothing boots, so
no host key is on the console and no SSH answers (test_configure has a machine that does); attaching an address or a
volume never has to wait; prices are the table's, not the bill's.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.aws.cloud import Cloud, Project, Run
from tests.integration.aws.estate import EVERYTHING, addresses, assert_whole, same, settle_others

# How many calls it took to make the machines, by their number
CALLS: dict[int, int] = {}


@pytest.mark.parametrize(
    "machines", [2, pytest.param(1, marks=pytest.mark.full), pytest.param(5, marks=pytest.mark.full)]
)
def test_the_whole_life(cloud: Cloud, project: Project, record_property: Any, machines: int) -> None:
    others = settle_others(cloud)
    project.variables = EVERYTHING | {"ec2_count": machines}

    def step(playbook: str, *options: str, code: int = 0) -> Run:
        """Run a playbook, which must end as said and leave alone what is foreign."""
        cloud.faults()
        run = project.play(playbook, *options)
        assert run.code == code, run.output
        calls, mutating = len(cloud.calls()), len(cloud.mutating())
        record_property(
            "AWS", f"{machines} machine(s): {playbook:9} {run.seconds:4.0f} s, {calls} calls, {mutating} mutating"
        )
        assert same(others, cloud.holdings())
        return run

    # A look before tells the cost and changes nothing
    run = step("provision", "--check")
    assert (run.changed, cloud.mutating(), set(cloud.holdings())) == (0, [], set(others))
    assert not (project.folder / ".secrets").exists()
    # A machine, two addresses, 10 GB and 5 GB: 0.0104 + 2 x 0.005 + 15 x 0.08 / 730 dollars an hour
    total = next(line for line in run.output.splitlines() if line.startswith("total "))
    hourly = machines * (0.0104 + 2 * 0.005 + 15 * 0.08 / 730)
    assert [float(number) for number in total.split()[-2:]] == pytest.approx([hourly, hourly * 730], rel=0.01)

    assert step("provision").changed > 0
    CALLS[machines] = len(cloud.calls())
    assert_whole(project, machines, others)
    made = addresses(cloud, others)
    assert step("provision").changed == 0
    assert cloud.mutating() == []

    assert step("stop").changed > 0
    mine = [item for key, item in cloud.holdings().items() if key not in others]
    assert {item["State"]["Name"] for item in mine if "InstanceType" in item} == {"stopped"}
    assert step("stop").changed == 0
    assert cloud.mutating() == []
    assert step("start").changed > 0
    assert addresses(cloud, others) == made
    assert_whole(project, machines, others)

    # Nothing is removed unasked
    assert "confirm=yes" in step("teardown", code=2).text
    assert cloud.mutating() == []
    assert_whole(project, machines, others)
    removal = ("-e", "confirm=yes", "-e", "ec2_remove_bucket=true")
    assert step("teardown", *removal).changed > 0
    assert set(cloud.holdings()) == set(others)
    assert step("teardown", *removal).changed == 0
    assert cloud.mutating() == []


@pytest.mark.full
def test_calls_grow_slower_than_machines() -> None:
    """Looks at the lives above."""
    if not {1, 5} <= set(CALLS):
        pytest.skip("it compares the lives of 1 and of 5 machines, and they were not both run")
    assert CALLS[5] < 5 * CALLS[1]


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
