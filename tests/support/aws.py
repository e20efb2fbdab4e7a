"""What the tests of AWS share: an account that moto stands in for, filled by hand, and answers put before moto's.

moto gives every machine an automatic address but calls it the account's own, and cuts no answer into pages: where these
matter, the test changes moto's answer on its way through botocore.
"""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.resources import Resource
from botocore.awsrequest import AWSResponse

HERE = "us-west-2"
IMAGE = "ami-12c6146b"
PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-12-31T00:00:00Z"


def tags(project: str = "lab", **more: str) -> list[dict[str, str]]:
    ours = [{"Key": f"labserver:{key}", "Value": value} for key, value in {"project": project, **more}.items()]
    return [*ours, {"Key": "Name", "Value": f"{project}-thing"}]


def tagged(*kinds: str, **given: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags(**given)} for kind in kinds]


def ec2(region: str = HERE) -> Any:
    return boto3.client("ec2", region_name=region)


def machines(count: int = 1, region: str = HERE, **given: str) -> list[str]:
    made = ec2(region).run_instances(
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=count,
        MaxCount=count,
        TagSpecifications=tagged("instance", "volume", **given),
    )
    return [machine["InstanceId"] for machine in made["Instances"]]


def bucket(name: str, region: str = HERE, given: list[dict[str, str]] | None = None) -> Any:
    s3 = boto3.client("s3", region_name=region)
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **place)
    if given is not None:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": given})
    return s3


def everything(**given: str) -> dict[str, str]:
    """One of every type; their ids by type."""
    aws = ec2()
    [machine] = machines(1, HERE, **given)
    subnet = aws.describe_subnets()["Subnets"][0]["SubnetId"]
    disk = aws.create_volume(
        AvailabilityZone="us-west-2a", Size=20, VolumeType="gp3", TagSpecifications=tagged("volume", **given)
    )["VolumeId"]
    address = aws.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", **given))["AllocationId"]
    interface = aws.create_network_interface(SubnetId=subnet, TagSpecifications=tagged("network-interface", **given))[
        "NetworkInterface"
    ]["NetworkInterfaceId"]
    snapshot = aws.create_snapshot(VolumeId=disk, TagSpecifications=tagged("snapshot", **given))["SnapshotId"]
    group = aws.create_security_group(
        GroupName="lab-group", Description="x", TagSpecifications=tagged("security-group", **given)
    )["GroupId"]
    key = aws.create_key_pair(KeyName="lab-key", TagSpecifications=tagged("key-pair", **given))["KeyPairId"]
    bucket("lab-bucket", given=tags(**given)).put_object(Bucket="lab-bucket", Key="x", Body=b"x" * 1000)
    return {
        "instance": machine,
        "volume": disk,
        "address": address,
        "interface": interface,
        "snapshot": snapshot,
        "security_group": group,
        "key_pair": key,
        "bucket": "lab-bucket",
    }


def ids(things: list[Resource]) -> set[str]:
    return {thing["id"] for thing in things}


Answer = Callable[[Any], tuple[int, str] | None]


def answers(clients: AwsClients, call: str, answer: Answer) -> Counter[str]:
    """Let the service answer as told, before moto does; None leaves it to moto. Counts the attempts."""
    attempts: Counter[str] = Counter()
    lock = threading.Lock()

    def send(request: Any, **_: object) -> AWSResponse | None:
        with lock:
            attempts["all"] += 1
            told = answer(request)
        if told is None:
            return None
        raw = io.BytesIO(told[1].encode())
        raw.stream = lambda: iter([raw.getvalue()])  # type: ignore[attr-defined]  # what botocore reads
        return AWSResponse(request.url, told[0], {}, raw)

    clients.session.events.register_first(f"before-send.{call}", send)
    return attempts


def refusal(code: str, message: str = "no") -> str:
    return f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"


def closed(_: object) -> tuple[int, str]:
    return 403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
