"""ec2_machine: launches one instance with its tags, once, against moto in this process."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.labserver.aws import machines
from botocore.exceptions import ClientError

from tests.support.aws import HERE, IMAGE, ec2
from tests.support.modules import RunModule

pytestmark = pytest.mark.usefixtures("account", "naps")


@pytest.fixture
def options() -> dict[str, Any]:
    ec2().create_key_pair(KeyName="lab")
    return {
        "region": HERE,
        "tags": {"labserver:project": "lab", "labserver:part": "instance", "labserver:index": "1", "Name": "lab-1"},
        "image": IMAGE,
        "instance_type": "t3.micro",
        "key": "lab",
        "group": ec2().create_security_group(GroupName="lab", Description="lab")["GroupId"],
        "subnet": ec2().describe_subnets()["Subnets"][0]["SubnetId"],
        "device": "/dev/xvda",
        "volume_gb": 12,
        "volume_type": "gp3",
    }


def instances() -> list[dict[str, Any]]:
    return [one for each in ec2().describe_instances()["Reservations"] for one in each["Instances"]]


def test_one_is_launched_once_with_its_tags(run_module: RunModule, options: dict[str, Any]) -> None:
    assert run_module("ec2_machine", check=True, **options)["changed"]
    assert instances() == []
    made = run_module("ec2_machine", **options)
    (instance,) = instances()
    assert (made["changed"], made["instance_ids"]) == (True, [instance["InstanceId"]])
    (volume,) = ec2().describe_volumes()["Volumes"]
    for one in (instance, volume):
        assert {tag["Key"]: tag["Value"] for tag in one["Tags"]} == options["tags"]
    assert (volume["Size"], volume["Encrypted"]) == (12, True)
    again = run_module("ec2_machine", **options)
    assert (again["changed"], again["instance_ids"]) == (False, made["instance_ids"])
    other = {**options, "tags": {**options["tags"], "labserver:index": "2"}}
    assert run_module("ec2_machine", **other)["changed"]
    assert len(instances()) == 2


def test_a_spot_instance_is_asked_for_by_a_request_with_tags(
    run_module: RunModule, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    stock = machines._request

    def request(given: dict[str, Any]) -> dict[str, Any]:
        asked.append(stock(given))
        return asked[0]

    monkeypatch.setattr(machines, "_request", request)
    run_module("ec2_machine", **options, spot=True, cpu_credits="standard")
    assert asked[0]["InstanceMarketOptions"]["SpotOptions"]["InstanceInterruptionBehavior"] == "stop"
    assert "spot-instances-request" in {one["ResourceType"] for one in asked[0]["TagSpecifications"]}
    assert instances()[0]["InstanceLifecycle"] == "spot"


def test_a_refusal_is_told_with_its_fix(
    run_module: RunModule, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise ClientError({"Error": {"Code": "MaxSpotInstanceCountExceeded", "Message": "Too many"}}, "RunInstances")

    monkeypatch.setattr(machines, "_request", refuse)
    assert "quota of Spot Instances" in run_module("ec2_machine", **options)["msg"]
