"""What a project has in an account: what to expect of it, and what others have beside it."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.integration.aws.cloud import OWN_ADDRESS, REGION, Cloud, Project

# Some of everything
EVERYTHING = {"ec2_data_volume_gb": 5, "ec2_addresses": 1, "ec2_bucket": "lab-data", "ec2_cluster": True}


def install_session_programs(project: Project) -> None:
    """Put what Session Manager needs on the controller into its PATH; none of it is started without a machine."""
    folder = project.folder / "bin"
    folder.mkdir()
    for name in ("aws", "session-manager-plugin"):
        program = folder / name
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    project.extra_environment["PATH"] = f"{folder}:{os.environ['PATH']}"


def tags_of(item: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a thing."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}


def is_ours(item: dict[str, Any], name: str = "lab") -> bool:
    """Whether a thing can be found again: by its tags, as part of a machine, or as the bucket that the group names."""
    return (
        tags_of(item).get("labserver:project") == name
        or "MacAddress" in item
        or item.get("Name") == EVERYTHING["ec2_bucket"]
    )


def ports(group: dict[str, Any]) -> set[tuple[int, str]]:
    """Return which ports a group opens, and to whom."""
    return {(rule["FromPort"], whom["CidrIp"]) for rule in group["IpPermissions"] for whom in rule["IpRanges"]}


def assert_whole(project: Project, machines: int = 1, others: dict[str, Any] | None = None) -> None:
    """Check that the account holds EVERYTHING for so many machines, wired as it should be, and nothing more."""
    holdings = {key: item for key, item in project.cloud.holdings().items() if key not in (others or {})}
    each = {"i": 1, "eni": 1, "vol": 2, "eipalloc": 2}
    once = {"key": 1, "sg": 1, "bucket": 1}
    assert project.cloud.count(holdings) == {kind: number * machines for kind, number in each.items()} | once

    def kind(prefix: str) -> list[dict[str, Any]]:
        return [item for key, item in holdings.items() if key.startswith(f"{prefix}-")]

    for item in holdings.values():
        assert is_ours(item, project.name)
    (key,), (group,) = kind("key"), kind("sg")
    assert key["PublicKey"].split()[1] in (project.folder / ".secrets" / f"{project.name}_ed25519.pub").read_text()
    assert ports(group) == {(22, OWN_ADDRESS), (8787, OWN_ADDRESS), (80, "0.0.0.0/0")}
    # Spark's, to the machines of the project alone
    between = [rule for rule in group["IpPermissions"] if rule["UserIdGroupPairs"]]
    assert [(rule["FromPort"], rule["ToPort"], rule["IpRanges"]) for rule in between] == [(7077, 7096, [])]
    assert [pair["GroupId"] for pair in between[0]["UserIdGroupPairs"]] == [group["GroupId"]]
    instances = {item["InstanceId"]: item for item in kind("i")}
    assert {tags_of(item)["labserver:index"] for item in instances.values()} == {str(n + 1) for n in range(machines)}
    for item in instances.values():
        assert item["State"]["Name"] == "running"
        assert item["KeyName"] == key["KeyName"]
        assert [one["GroupId"] for one in item["SecurityGroups"]] == [group["GroupId"]]
        assert item["MetadataOptions"]["HttpTokens"] == "required"
    for volume in kind("vol"):
        assert (volume["VolumeType"], volume["Encrypted"]) == ("gp3", True)
        (place,) = volume["Attachments"]
        data = tags_of(volume)["labserver:part"] == "data"
        assert (volume["Size"], place["Device"]) == ((5, "/dev/sdf") if data else (10, "/dev/xvda"))
        machine = instances[place["InstanceId"]]
        assert tags_of(volume)["labserver:index"] == tags_of(machine)["labserver:index"]
    places = set()
    for address in kind("eipalloc"):
        machine = instances[address["InstanceId"]]
        assert tags_of(address)["labserver:index"] == tags_of(machine)["labserver:index"]
        primary = address["PrivateIpAddress"] == machine["PrivateIpAddress"]
        assert tags_of(address)["labserver:part"] == ("address" if primary else "extra-address")
        places.add(address["PrivateIpAddress"])
    assert len(places) == 2 * machines, "each address leads to a place of its own"
    bucket = holdings[project.variables["ec2_bucket"]]
    assert tags_of(bucket)["labserver:project"] == project.name
    assert bucket["Encryption"]["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(bucket["Public"].values()) == {True}


def settle_others(cloud: Cloud) -> dict[str, Any]:
    """Put things into the account that are not the project's, however like it they look; return how they look now."""
    ec2 = cloud.ec2
    images = ec2.describe_images(Filters=[{"Name": "name", "Values": ["al2023-ami-2023*-x86_64"]}])["Images"]
    another = {"labserver:project": "lab2", "labserver:part": "instance", "labserver:index": "1"}
    for number, (name, more) in enumerate({"lab-old": {"project": "lab"}, "lab2": another}.items()):
        tags = [{"Key": key, "Value": value} for key, value in ({"Name": "lab-1"} | more).items()]

        def tagged(kind: str, tags: list[dict[str, str]] = tags) -> list[dict[str, Any]]:
            return [{"ResourceType": kind, "Tags": tags}]

        ec2.create_key_pair(KeyName=name, KeyType="ed25519", TagSpecifications=tagged("key-pair"))
        group = ec2.create_security_group(
            GroupName=name, Description="another's", TagSpecifications=tagged("security-group")
        )["GroupId"]
        instance = ec2.run_instances(
            ImageId=images[0]["ImageId"],
            InstanceType="t3.micro",
            KeyName=name,
            SecurityGroupIds=[group],
            MinCount=1,
            MaxCount=1,
            TagSpecifications=tagged("instance") + tagged("volume"),
        )["Instances"][0]["InstanceId"]
        # One volume and one address in use, and one of each that waits to be taken
        volumes = [
            ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=5, TagSpecifications=tagged("volume"))["VolumeId"]
            for _ in "12"
        ]
        ec2.attach_volume(VolumeId=volumes[0], InstanceId=instance, Device="/dev/sdf")
        ec2.create_snapshot(VolumeId=volumes[0], Description="another's", TagSpecifications=tagged("snapshot"))
        free = [
            ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"] for _ in "12"
        ]
        ec2.associate_address(AllocationId=free[0], InstanceId=instance)
        bucket = f"lab-data-{number}"
        cloud.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        cloud.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        cloud.s3.put_object(Bucket=bucket, Key="precious", Body=b"data")
    cloud.faults()
    return cloud.holdings()


def same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether what was there before is there still, byte for byte."""
    kept = {one: after.get(one) for one in before}
    return json.dumps(kept, sort_keys=True, default=str) == json.dumps(before, sort_keys=True, default=str)


def addresses(cloud: Cloud, others: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return which of the project's addresses leads where."""
    return {
        one["PublicIp"]: (one["InstanceId"], one["PrivateIpAddress"])
        for one in cloud.ec2.describe_addresses()["Addresses"]
        if one["AllocationId"] not in others
    }
