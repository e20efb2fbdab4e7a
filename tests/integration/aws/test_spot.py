"""Spot Instances: launched by persistent requests, which are ours as well, and go before their machines.

What moto cannot show: an interruption, prices that move, and when AWS starts a machine again.
"""

from __future__ import annotations

import pytest

from tests.integration.aws.cloud import Cloud, Project
from tests.integration.aws.estate import is_ours, tags_of


# Made, changed and removed at every change by test_policy.py, with all the rest
@pytest.mark.full
def test_the_life_of_a_spot_instance(cloud: Cloud, project: Project) -> None:
    project.variables = {"ec2_spot": True}
    run = project.make("--check")
    assert "t3.micro Spot, at most" in run.text
    # The answer to the launch is lost: it is asked for again, and nothing is launched twice
    cloud.faults({"kind": "drop", "action": "RunInstances"}, {"kind": "error-after", "action": "AttachVolume"})
    run = project.make()
    assert run.code == 0, run.output
    made = cloud.holdings()
    assert (cloud.count(made)["i"], cloud.count(made)["sir"]) == (1, 1)
    assert all(is_ours(one) for one in made.values())
    machine = next(one for one in made.values() if "InstanceType" in one)
    request = next(one for key, one in made.items() if key.startswith("sir-"))
    assert machine["InstanceLifecycle"] == "spot"
    assert tags_of(request)["labserver:index"] == "1"
    cloud.faults()
    run = project.make()
    assert (run.code, run.changed, cloud.mutating()) == (0, 0, []), run.output
    assert "set ec2_spot to true" in project.make("-e", "ec2_spot=false").text
    for playbook in ("stop", "start"):
        run = project.play(playbook)
        assert run.code == 0, run.output
    assert request["SpotInstanceRequestId"] in run.text

    # Somebody terminates the machine in the console, and the request launches another, without our tags
    cloud.ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    (other,) = (one for one in cloud.holdings().values() if "InstanceType" in one)
    assert not tags_of(other)
    run = project.make()
    assert run.code == 0, run.output
    made = cloud.holdings()
    assert other["InstanceId"] not in made
    assert (cloud.count(made)["i"], cloud.count(made)["sir"]) == (1, 1)
    assert all(is_ours(one) for one in made.values())

    # A teardown that cannot cancel the request says so; the next one removes all of it
    cloud.faults({"kind": "error-before", "action": "CancelSpotInstanceRequests", "times": 1000})
    run = project.remove()
    assert run.code != 0
    assert "allow the call in the policy" in run.text
    cloud.faults()
    run = project.remove()
    assert run.code == 0, run.output
    assert cloud.holdings() == {}


@pytest.mark.full
def test_a_lack_of_capacity_is_told(cloud: Cloud, project: Project) -> None:
    project.variables = {"ec2_spot": True}
    refusal = {"kind": "error-before", "action": "RunInstances", "code": "InsufficientInstanceCapacity", "times": 1000}
    cloud.faults(refusal)
    run = project.make()
    cloud.faults()
    assert run.code != 0
    assert "ec2_spot to false" in run.text, run.output
    assert project.remove().code == 0
    assert cloud.holdings() == {}
