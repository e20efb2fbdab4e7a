"""ebs_volume: created, attached, enlarged and deleted, against moto in this process."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients

from tests.support.aws import HERE, answers, ec2, machines, refusal
from tests.support.modules import RunModule

pytestmark = pytest.mark.usefixtures("account")


def test_a_volume_lives_from_its_creation_to_its_deletion(run_module: RunModule) -> None:
    [instance] = machines()
    zone = ec2().describe_instances()["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    new: dict[str, Any] = {"region": HERE, "instance": instance, "zone": zone, "size_gb": 5, "tags": {"Name": "data"}}
    assert run_module("ebs_volume", check=True, **new)["changed"]
    assert len(ec2().describe_volumes()["Volumes"]) == 1
    made = run_module("ebs_volume", **new)
    assert made["changed"]
    [volume] = ec2().describe_volumes(VolumeIds=[made["id"]])["Volumes"]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (5, "gp3", True)
    assert volume["Tags"] == [{"Key": "Name", "Value": "data"}]
    assert [(one["InstanceId"], one["Device"]) for one in volume["Attachments"]] == [(instance, "/dev/sdf")]
    known: dict[str, Any] = {"region": HERE, "instance": instance, "id": made["id"]}
    for size, changed in ((5, False), (4, False), (8, True)):
        assert run_module("ebs_volume", check=True, size_gb=size, **known)["changed"] == changed
        assert run_module("ebs_volume", size_gb=size, **known) | {"invocation": 0} == {
            "failed": False,
            "changed": changed,
            "id": made["id"],
            "invocation": 0,
        }
    assert ec2().describe_volumes(VolumeIds=[made["id"]])["Volumes"][0]["Size"] == 8
    gone: dict[str, Any] = {"region": HERE, "id": made["id"], "state": "absent"}
    assert run_module("ebs_volume", check=True, **gone)["changed"]
    assert run_module("ebs_volume", **gone)["changed"]
    assert len(ec2().describe_volumes()["Volumes"]) == 1
    assert not run_module("ebs_volume", **gone)["changed"]


def test_one_that_waits_is_attached(run_module: RunModule) -> None:
    [instance] = machines()
    zone = ec2().describe_instances()["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    waiting = ec2().create_volume(AvailabilityZone=zone, Size=5)["VolumeId"]
    assert run_module("ebs_volume", region=HERE, instance=instance, id=waiting, size_gb=5)["changed"]
    assert ec2().describe_volumes(VolumeIds=[waiting])["Volumes"][0]["Attachments"][0]["InstanceId"] == instance


def test_why_aws_refused_is_told_with_its_fix(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = AwsClients.client

    def client(self: AwsClients, service: str) -> Any:
        answers(self, "ec2.CreateVolume", lambda _: (400, refusal("VolumeLimitExceeded", "too many")))
        return stock(self, service)

    monkeypatch.setattr(AwsClients, "client", client)
    result = run_module("ebs_volume", region=HERE, instance="i-1", zone="us-west-2a")
    assert result["failed"]
    assert "(VolumeLimitExceeded)" in result["msg"]
    assert "lower ec2_data_volume_gb" in result["msg"]


@pytest.mark.parametrize("options", [{}, {"state": "absent"}])
def test_what_is_missing_is_told(run_module: RunModule, options: dict[str, Any]) -> None:
    result = run_module("ebs_volume", region=HERE, **options)
    assert result["failed"]
    assert "missing" in result["msg"]
