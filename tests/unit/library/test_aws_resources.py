"""aws_resources: all is tried, whatever is refused, against moto in this process."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients

from tests.support.aws import HERE, answers, bucket, ec2, everything, ids, machines, refusal, tagged, tags
from tests.support.modules import RunModule

pytestmark = pytest.mark.usefixtures("account", "naps")


def found(run_module: RunModule) -> list[dict[str, Any]]:
    return list(run_module("aws_resources_info", region=HERE, project="lab")["resources"])


def refuse(monkeypatch: pytest.MonkeyPatch, call: str, code: str, times: int = 10_000) -> None:
    stock = AwsClients.client
    left = [times]

    def answer(_: object) -> tuple[int, str] | None:
        left[0] -= 1
        return (400, refusal(code)) if left[0] >= 0 else None

    def client(self: AwsClients, service: str) -> Any:
        answers(self, f"ec2.{call}", answer)
        return stock(self, service)

    monkeypatch.setattr(AwsClients, "client", client)


def test_everything_goes(run_module: RunModule) -> None:
    made = everything(part="data")
    there = found(run_module)
    assert ids(there) >= set(made.values())
    options: dict[str, Any] = {"region": HERE, "resources": there, "state": "absent", "bucket_content": True}
    assert run_module("aws_resources", check=True, **options)["changed"]
    assert found(run_module) == there
    result = run_module("aws_resources", **options)
    assert (result["changed"], result["failures"]) == (True, [])
    assert found(run_module) == []
    # A second time, as where the first was cut off
    result = run_module("aws_resources", **options)
    assert (result["failed"], result["failures"]) == (False, [])


@pytest.mark.parametrize(
    ("call", "kind", "code"),
    [
        ("TerminateInstances", "instance", "OperationNotPermitted"),
        ("ReleaseAddress", "address", "UnauthorizedOperation"),
        ("DeleteVolume", "volume", "UnauthorizedOperation"),
        ("DeleteSnapshot", "snapshot", "InvalidSnapshot.InUse"),
        ("DeleteNetworkInterface", "interface", "UnauthorizedOperation"),
        ("DeleteSecurityGroup", "security_group", "UnauthorizedOperation"),
        ("DeleteKeyPair", "key_pair", "UnauthorizedOperation"),
    ],
)
def test_one_refusal_keeps_nothing_else(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, call: str, kind: str, code: str
) -> None:
    made = everything(part="data")
    there = found(run_module)
    with monkeypatch.context() as patch:
        refuse(patch, call, code)
        result = run_module("aws_resources", region=HERE, resources=there, state="absent", bucket_content=True)
    assert not result["failed"]
    assert made[kind] in ids(result["failures"])
    # Its root volume stays with a machine that stays
    staying = {kind, "volume"} if kind == "instance" else {kind}
    assert {one["type"] for one in result["failures"]} == staying
    assert code in result["failures"][0]["reason"]
    left = found(run_module)
    assert {one["type"] for one in left} <= staying
    result = run_module("aws_resources", region=HERE, resources=left, state="absent", bucket_content=True)
    assert result["failures"] == []
    assert found(run_module) == []


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("ReleaseAddress", "AuthFailure"),
        ("ReleaseAddress", "InvalidIPAddress.InUse"),
        ("DeleteVolume", "VolumeInUse"),
        ("DeleteSecurityGroup", "DependencyViolation"),
    ],
)
def test_what_aws_has_not_let_go_of_is_removed_in_the_end(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, call: str, code: str
) -> None:
    everything(part="data")
    there = found(run_module)
    refuse(monkeypatch, call, code, times=5)
    result = run_module("aws_resources", region=HERE, resources=there, state="absent", bucket_content=True)
    assert result["failures"] == []


def test_a_bucket_with_content_stays_unless_asked_for(run_module: RunModule) -> None:
    s3 = bucket("lab-bucket", given=tags())
    s3.put_bucket_versioning(Bucket="lab-bucket", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"old", b"new"):
        s3.put_object(Bucket="lab-bucket", Key="x", Body=body)
    s3.delete_object(Bucket="lab-bucket", Key="x")
    options: dict[str, Any] = {"region": HERE, "resources": found(run_module), "state": "absent"}
    result = run_module("aws_resources", **options)
    assert "BucketNotEmpty" in result["failures"][0]["reason"]
    assert run_module("aws_resources", **options, bucket_content=True)["failures"] == []
    assert s3.list_buckets()["Buckets"] == []


def test_an_untagged_address_on_a_machine_of_ours_is_seen(run_module: RunModule) -> None:
    [instance] = machines()
    one = ec2().describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]
    stranger = ec2().allocate_address(Domain="vpc")["AllocationId"]
    ec2().associate_address(AllocationId=stranger, NetworkInterfaceId=one["NetworkInterfaceId"])
    seen = run_module("aws_resources_info", region=HERE, project="lab", untagged=True)["resources"]
    assert [thing["id"] for thing in seen if not thing["tagged"] and thing["type"] == "address"] == [stranger]


def test_a_protected_machine_keeps_what_it_works_with(run_module: RunModule) -> None:
    [instance] = machines()
    aws = ec2()
    disk = aws.create_volume(
        AvailabilityZone=aws.describe_instances()["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"],
        Size=5,
        TagSpecifications=tagged("volume", part="data"),
    )["VolumeId"]
    aws.attach_volume(VolumeId=disk, InstanceId=instance, Device="/dev/sdf")
    aws.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
    there = found(run_module)
    result = run_module("aws_resources", region=HERE, resources=there, state="absent")
    assert ids(result["failures"]) == ids(there)
    reasons = {one["id"]: one["reason"] for one in result["failures"]}
    assert "take the termination protection off" in reasons[instance]
    assert f"stays with {instance}" in reasons[disk]
    assert aws.describe_volumes(VolumeIds=[disk])["Volumes"][0]["Attachments"][0]["State"] == "attached"
    aws.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    result = run_module("aws_resources", region=HERE, resources=there, state="absent")
    assert result["failures"] == []
    assert found(run_module) == []
