"""What carries our tags on AWS, as moto shows it, and scripts/aws_audit.

moto gives every machine an automatic address but calls it the account's own, and cuts no answer into pages: where these
matter, the test changes moto's answer on its way through botocore.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from ansible.module_utils.labserver import aws_resources
from ansible.module_utils.labserver.aws_prices import Prices
from ansible.module_utils.labserver.aws_resources import (
    AwsError,
    Resource,
    overdue,
    plan,
    plan_table,
    survey,
    table,
    total,
    unpriced,
)
from ansible.module_utils.labserver.errors import LabError
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "aws_audit"
HERE = "us-west-2"
IMAGE = "ami-12c6146b"
LOADER = botocore.loaders.create_loader()
REGIONS = (HERE, "us-east-1", "eu-west-1", "sa-east-1")
PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-12-31T00:00:00Z"


@pytest.fixture(autouse=True)
def account(throw_away_keys: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001 - comes first
    """Have an empty account."""
    # Reading the model of EC2 takes longer than most tests: every session shares one reader
    monkeypatch.setattr(botocore.session, "create_loader", lambda _: LOADER)
    # In every region that is looked at moto makes a network
    few = [region for region in RegionsAndZonesBackend.regions if region.name in REGIONS]
    monkeypatch.setattr(RegionsAndZonesBackend, "regions", few)
    with mock_aws():
        yield


@pytest.fixture
def session() -> boto3.session.Session:
    return boto3.session.Session()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long botocore would have waited between its attempts."""
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken


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


def answers(session: boto3.session.Session, call: str, answer: Answer) -> Counter[str]:
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

    session.events.register_first(f"before-send.{call}", send)
    return attempts


def refusal(code: str, message: str = "no") -> str:
    return f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"


# --- survey ---


def test_every_type_is_found_with_its_price_and_its_tags(session: boto3.session.Session) -> None:
    made = everything(owner="ada", index="3", part="data", expires=FUTURE)
    things = survey(session, HERE)
    # the machine's own root volume is tagged, too
    assert Counter(thing["type"] for thing in things) == Counter([*made, "volume"])
    by_id = {thing["id"]: thing for thing in things}
    for kind, name in made.items():
        thing = by_id[name]
        assert thing["type"] == kind
        assert {key: thing[key] for key in ("project", "owner", "index", "part", "region", "expired", "tagged")} == {
            "project": "lab",
            "owner": "ada",
            "index": 3,
            "part": "data",
            "region": HERE,
            "expired": False,
            "tagged": True,
        }
        assert thing["expires"] == FUTURE
    prices = {kind: by_id[name]["monthly_usd"] for kind, name in made.items()}
    assert prices == {
        "instance": 7.592,
        "volume": 1.6,
        "address": 3.65,
        "interface": 0,
        "snapshot": 1.0,
        "security_group": 0,
        "key_pair": 0,
        "bucket": 0.0,
    }
    assert by_id[made["address"]]["hourly_usd"] == 0.005
    assert by_id[made["address"]]["state"] == "idle"
    assert by_id["lab-bucket"]["size_gb"] == pytest.approx(1000 / (1 << 30), abs=1e-6)
    # what other calls take as their name, not the tag
    assert by_id[made["security_group"]]["name"] == "lab-group"
    assert by_id[made["key_pair"]]["name"] == "lab-key"
    assert by_id[made["instance"]]["name"] == "lab-thing"
    json.dumps(things)


def test_what_lacks_our_tag_or_is_anothers_is_never_listed(session: boto3.session.Session) -> None:
    aws = ec2()
    foreign = [{"Key": "project", "Value": "lab"}, {"Key": "Name", "Value": "lab"}]
    specification = [{"ResourceType": "instance", "Tags": foreign}]
    aws.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)
    aws.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=specification)
    aws.create_volume(AvailabilityZone="us-west-2a", Size=20)
    aws.allocate_address(Domain="vpc")
    aws.create_key_pair(KeyName="foreign")
    bucket("without-tags")
    bucket("with-other-tags", given=foreign)
    assert survey(session, HERE, untagged=True) == []
    everything()
    others = machines(project="lab2")
    assert len(survey(session, HERE, "lab")) == 9
    assert others[0] in ids(survey(session, HERE, "lab2"))
    assert not ids(survey(session, HERE, "lab2")) & ids(survey(session, HERE, "lab"))
    assert survey(session, HERE, "lab*") == []  # no wild cards
    assert survey(session, HERE, "la?") == []
    assert len(survey(session, HERE)) == 11


def test_a_machine_that_is_gone_is_not_listed_and_one_that_is_stopped_costs_its_disk(
    session: boto3.session.Session,
) -> None:
    gone, stopped = machines(2)
    ec2().terminate_instances(InstanceIds=[gone])
    ec2().stop_instances(InstanceIds=[stopped])
    things = survey(session, HERE)
    assert {(thing["type"], thing["state"]) for thing in things} == {("instance", "stopped"), ("volume", "in-use")}
    assert [thing["monthly_usd"] for thing in things] == [0, 0.8]  # 8 GB of gp2
    assert things[1]["attached_to"] == stopped


def test_an_address_tells_what_it_hangs_on(session: boto3.session.Session) -> None:
    [machine] = machines()
    address = ec2().allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
    ec2().associate_address(AllocationId=address["AllocationId"], InstanceId=machine)
    [thing] = [thing for thing in survey(session, HERE) if thing["type"] == "address"]
    assert (thing["attached_to"], thing["state"]) == (machine, "associated")
    assert thing["public_ip"] == address["PublicIp"]


def test_automatic_addresses_are_part_of_the_machines_price(session: boto3.session.Session) -> None:
    machines()

    def amazons(parsed: dict[str, Any], **_: object) -> None:
        for reservation in parsed["Reservations"]:
            for address in reservation["Instances"][0]["NetworkInterfaces"][0]["PrivateIpAddresses"]:
                address["Association"]["IpOwnerId"] = "amazon"

    session.events.register("after-call.ec2.DescribeInstances", amazons)
    things = survey(session, HERE)
    assert things[0]["hourly_usd"] == 0.0154
    assert "t3.micro + 1 public IPv4" in "\n".join(table(things, Prices()))


def test_an_interface_that_goes_with_its_machine_is_not_listed(session: boto3.session.Session) -> None:
    [machine] = machines()
    aws = ec2()
    subnet = aws.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = aws.create_network_interface(SubnetId=subnet, TagSpecifications=tagged("network-interface"))
    name = interface["NetworkInterface"]["NetworkInterfaceId"]
    assert name in ids(survey(session, HERE))
    aws.attach_network_interface(NetworkInterfaceId=name, InstanceId=machine, DeviceIndex=1)

    def delete_on_termination(parsed: dict[str, Any], **_: object) -> None:
        for found in parsed["NetworkInterfaces"]:
            found["Attachment"]["DeleteOnTermination"] = True  # moto does not keep it

    assert name in ids(survey(session, HERE))
    session.events.register("after-call.ec2.DescribeNetworkInterfaces", delete_on_termination)
    assert name not in ids(survey(session, HERE))


def test_what_hangs_on_our_machine_without_a_tag_is_told_where_asked(session: boto3.session.Session) -> None:
    [machine] = machines(expires=PAST)
    aws = ec2()
    disk = aws.create_volume(AvailabilityZone="us-west-2a", Size=20, VolumeType="gp3")["VolumeId"]
    aws.attach_volume(VolumeId=disk, InstanceId=machine, Device="/dev/sdf")
    address = aws.allocate_address(Domain="vpc")["AllocationId"]
    aws.associate_address(AllocationId=address, InstanceId=machine)
    assert not ids(survey(session, HERE)) & {disk, address}
    things = {thing["id"]: thing for thing in survey(session, HERE, "lab", untagged=True)}
    assert set(things) >= {disk, address, machine}
    for name, price in ((disk, 1.6), (address, 3.65)):
        thing = things[name]
        assert (thing["tagged"], thing["project"], thing["expired"]) == (False, "lab", False)
        assert thing["monthly_usd"] == price
    assert "no tag of ours" in "\n".join(table(list(things.values()), Prices()))
    assert survey(session, HERE, "lab2", untagged=True) == []


def test_regions(session: boto3.session.Session) -> None:
    here, there = machines(), machines(region="eu-west-1")
    bucket("there", "eu-west-1", tags())
    bucket("oldest", "us-east-1", tags())
    assert ids(survey(session, HERE)) & {*here, *there, "there"} == {*here}
    assert ids(survey(session, "eu-west-1")) >= {*there, "there"}
    both = survey(session, [HERE, "eu-west-1", HERE])
    assert ids(both) >= {*here, *there, "there"}
    assert len(both) == len(ids(both)) == 5
    assert ids(survey(session, ["us-east-1"])) == {"oldest"}
    assert ids(survey(session, "all")) == ids(survey(session, [HERE, "all"])) == ids(both) | {"oldest"}
    # every region has its own price
    assert {thing["region"]: thing["monthly_usd"] for thing in both if thing["type"] == "instance"} == {
        HERE: 7.592,
        "eu-west-1": 8.3512,
    }


@pytest.mark.parametrize("regions", ["", [], [""], [HERE, ""]])
def test_without_a_region_it_says_so(session: boto3.session.Session, regions: str | list[str]) -> None:
    with pytest.raises(LabError, match="no region is given: set one"):
        survey(session, regions)


NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expires", "expired", "readable"),
    [
        ("2026-12-01T12:00:00Z", True, True),
        ("2026-12-01T12:00:01Z", False, True),
        ("2026-12-01T13:30:00+02:00", True, True),
        ("2026-12-01T12:00:00", True, True),  # without a zone: UTC
        ("2026-12-01", True, True),
        ("2026-12-02", False, True),
        (" 2026-12-01T00:00:00z ", True, True),
        ("", False, True),  # never
        ("tomorrow", False, False),
        ("01.12.2026", False, False),
        ("30d", False, False),
    ],
)
def test_expiry(session: boto3.session.Session, expires: str, expired: bool, readable: bool) -> None:  # noqa: FBT001
    machines(expires=expires)
    things = survey(session, HERE, now=NOW)
    assert {(thing["expired"], thing["expires_readable"]) for thing in things} == {(expired, readable)}
    # what nobody can read may be past: it is no reason to remove, but one to look
    assert bool(overdue(things)) == (expired or not readable)
    lines = "\n".join(table(things, Prices()))
    assert ("PAST" in lines) == expired
    assert (f"unreadable: {expires}" in lines) == (not readable)


def test_what_costs_nothing_is_never_overdue(session: boto3.session.Session) -> None:
    ec2().create_key_pair(KeyName="k", TagSpecifications=tagged("key-pair", expires=PAST))
    [machine] = machines(expires=PAST)
    things = survey(session, HERE)
    assert {thing["type"] for thing in overdue(things)} == {"instance", "volume"}
    ec2().stop_instances(InstanceIds=[machine])
    assert {thing["type"] for thing in overdue(survey(session, HERE))} == {"volume"}


def test_what_has_no_price_counts_as_costing(session: boto3.session.Session) -> None:
    ec2().create_volume(
        AvailabilityZone="us-west-2a",
        Size=20,
        VolumeType="io2",
        Iops=100,
        TagSpecifications=tagged("volume", expires=PAST),
    )
    things = survey(session, HERE)
    assert (things[0]["hourly_usd"], things[0]["monthly_usd"]) == (None, None)
    assert len(overdue(things)) == 1
    assert unpriced(things) == ["20 GB io2"]
    assert total(things, "monthly_usd") == 0
    lines = table(things, Prices())
    assert lines[2].count("unknown") == 2
    assert "The total lacks what has no known price: 20 GB io2. Tell it in `prices`." in lines
    told = Prices({"regions": {HERE: {"volume": {"io2": 0.125}}}})
    assert survey(session, HERE, prices=told)[0]["monthly_usd"] == 2.5


def test_an_index_that_is_no_number_is_none(session: boto3.session.Session) -> None:
    machines(index="first")
    assert {thing["index"] for thing in survey(session, HERE)} == {None}


def test_they_are_in_order(session: boto3.session.Session) -> None:
    for index in (10, 2, 1):
        machines(index=str(index))
    machines(project="a")
    found = [(t["project"], t["type"], t["index"]) for t in survey(session, HERE)]
    assert found == [
        ("a", "instance", None),
        ("a", "volume", None),
        *(("lab", kind, index) for kind in ("instance", "volume") for index in (1, 2, 10)),
    ]


def test_a_bucket_of_too_many_objects_is_not_counted(
    session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket("large", given=tags())

    def page(request: Any) -> tuple[int, str]:
        version = f"<Version><Key>a</Key><Size>{1 << 30}</Size></Version>"
        more = "key-marker" not in request.url
        last = f"<IsTruncated>{str(more).lower()}</IsTruncated><NextKeyMarker>a</NextKeyMarker>"
        return 200, f"<ListVersionsResult>{version}{last}</ListVersionsResult>"

    answers(session, "s3.ListObjectVersions", page)
    [thing] = survey(session, HERE)
    assert (thing["size_gb"], thing["monthly_usd"]) == (2, 0.046)
    monkeypatch.setattr(aws_resources, "_BUCKET_PAGES", 1)
    [thing] = survey(session, HERE)
    assert (thing["size_gb"], thing["monthly_usd"]) == (None, None)
    assert "size not counted" in "\n".join(table([thing], Prices()))


# --- how it asks ---


def test_the_number_of_calls_does_not_grow_with_the_machines(session: boto3.session.Session) -> None:
    calls: Counter[str] = Counter()
    session.events.register("before-call", lambda model, **_: calls.update([model.name]))
    everything()
    survey(session, HERE, "lab", untagged=True)
    few = +calls
    machines(20)
    calls.clear()
    assert len(survey(session, HERE, "lab", untagged=True)) == 49
    assert calls == few
    # seven types, what hangs on the machines, and the bucket
    assert sum(few.values()) == 7 + 2 + 4
    assert not [name for name in few if not name.startswith(("Describe", "List", "Get"))]


def test_more_machines_than_a_filter_takes(session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_resources, "_FILTER_VALUES", 2)
    disks = []
    for machine in machines(5):
        disk = ec2().create_volume(AvailabilityZone="us-west-2a", Size=1)["VolumeId"]
        ec2().attach_volume(VolumeId=disk, InstanceId=machine, Device="/dev/sdf")
        disks.append(disk)
    assert ids(survey(session, HERE, untagged=True)) >= {*disks}


def test_all_pages_are_read(session: boto3.session.Session) -> None:
    def page(request: Any) -> tuple[int, str]:
        number = 2 if "NextToken=more" in str(request.body) else 1
        tag = "<tagSet><item><key>labserver:project</key><value>lab</value></item></tagSet>"
        volume = (
            f"<item><volumeId>vol-{number}</volumeId><size>10</size><status>available</status>"
            f"<volumeType>gp3</volumeType>{tag}</item>"
        )
        more = "<nextToken>more</nextToken>" if number == 1 else ""
        return 200, f"<DescribeVolumesResponse><volumeSet>{volume}</volumeSet>{more}</DescribeVolumesResponse>"

    attempts = answers(session, "ec2.DescribeVolumes", page)
    assert ids(survey(session, HERE)) == {"vol-1", "vol-2"}
    assert attempts["all"] == 2


def test_throttling_is_waited_out(session: boto3.session.Session, naps: list[float]) -> None:
    made = machines()
    left = [3]

    def busy(_: object) -> tuple[int, str] | None:
        left[0] -= 1
        return (503, refusal("RequestLimitExceeded")) if left[0] >= 0 else None

    attempts = answers(session, "ec2.DescribeInstances", busy)
    assert made[0] in ids(survey(session, HERE))
    assert attempts["all"] == 4
    assert len(naps) == 3


def test_throttling_without_end_is_told(session: boto3.session.Session, naps: list[float]) -> None:
    attempts = answers(session, "ec2.DescribeInstances", lambda _: (503, refusal("RequestLimitExceeded")))
    with pytest.raises(LabError, match=r"refused DescribeInstances in us-west-2 6 times .* try again later"):
        survey(session, HERE)
    assert attempts["all"] == 6
    assert len(naps) == 5


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        (
            "ExpiredToken",
            400,
            "the AWS credentials have expired (ExpiredToken): run `aws sso login` or export new ones",
        ),
        ("RequestExpired", 400, "the AWS credentials have expired (RequestExpired)"),
        ("AuthFailure", 401, "whether the account has us-west-2 enabled"),
        ("UnrecognizedClientException", 403, "does not take these credentials in us-west-2"),
        ("OptInRequired", 401, "may not use us-west-2 (OptInRequired): enable the region"),
        ("UnauthorizedOperation", 403, "may not do DescribeSnapshots in us-west-2 (UnauthorizedOperation): allow it"),
        ("SomethingNew", 400, "AWS refused DescribeSnapshots in us-west-2: An error occurred (SomethingNew)"),
    ],
)
def test_what_aws_refuses_is_told_in_one_line(
    session: boto3.session.Session, code: str, status: int, message: str
) -> None:
    answers(session, "ec2.DescribeSnapshots", lambda _: (status, refusal(code, "You may\nnot. Encoded: x")))
    with pytest.raises(AwsError) as failure:
        survey(session, HERE)
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)
    assert failure.value.code == code


def test_one_forbidden_region_of_all_is_passed_over_and_told(session: boto3.session.Session) -> None:
    made = machines()
    answers(
        session,
        "ec2",
        lambda request: (403, refusal("UnauthorizedOperation")) if "sa-east-1" in request.url else None,
    )
    warnings: list[str] = []
    assert made[0] in ids(survey(session, "all", warn=warnings.append))
    assert len(warnings) == 1
    assert warnings[0].startswith("not looked at: these credentials may not do Describe")
    assert "sa-east-1" in warnings[0]
    # a region that was asked for by name must be seen
    with pytest.raises(LabError, match="sa-east-1"):
        survey(session, [HERE, "sa-east-1"])


def test_a_policy_that_forbids_it_in_every_region_is_an_error(session: boto3.session.Session) -> None:
    answers(session, "ec2.DescribeKeyPairs", lambda _: (403, refusal("UnauthorizedOperation")))
    with pytest.raises(LabError, match="may not do DescribeKeyPairs"):
        survey(session, "all")


def closed(_: object) -> tuple[int, str]:
    return 403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"


def test_without_rights_in_s3_the_rest_is_listed(session: boto3.session.Session) -> None:
    everything()
    answers(session, "s3.ListBuckets", closed)
    warnings: list[str] = []
    things = survey(session, HERE, warn=warnings.append)
    assert len(things) == 8
    assert len(warnings) == 1
    assert warnings[0].startswith("not looked at: these credentials may not do ListBuckets in S3 (AccessDenied): allow")


def test_buckets_that_may_not_be_read_are_told_once(session: boto3.session.Session) -> None:
    everything()
    for name in ("closed-1", "closed-2"):
        bucket(name)
    answers(session, "s3.GetBucketTagging", lambda request: closed(request) if "closed" in request.url else None)
    warnings: list[str] = []
    assert "lab-bucket" in ids(survey(session, HERE, warn=warnings.append))
    assert len(warnings) == 1
    assert "GetBucketTagging in some buckets" in warnings[0]


def test_a_bucket_whose_objects_may_not_be_listed_has_no_size(session: boto3.session.Session) -> None:
    everything()
    answers(session, "s3.ListObjectVersions", closed)
    [thing] = [thing for thing in survey(session, HERE) if thing["type"] == "bucket"]
    assert (thing["size_gb"], thing["monthly_usd"]) == (None, None)


@pytest.fixture
def no_credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:  # ends before moto does, which wants them back
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        yield


@pytest.mark.usefixtures("no_credentials")
def test_without_credentials() -> None:
    with pytest.raises(LabError, match=r"no AWS credentials .*: run `aws configure`"):
        survey(boto3.session.Session(), HERE)


def test_an_endpoint_that_does_not_answer(
    session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(LabError, match=r"out of reach .*127\.0\.0\.1:9.*AWS_ENDPOINT_URL"):
        survey(session, HERE)
    assert naps
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(LabError, match="Invalid endpoint"):
        survey(session, HERE)


def test_a_region_that_cannot_be(session: boto3.session.Session) -> None:
    with pytest.raises(LabError, match="'not a region' is no region: set one such as us-west-2"):
        survey(session, "not a region")


# --- what is planned ---


def test_a_plan() -> None:
    wishes = [
        {"type": "instance", "instance_type": "t3.micro", "count": 5, "name": "machines"},
        {"type": "volume", "size_gb": "10", "count": "5"},  # as Ansible's templates give numbers
        {"type": "volume", "size_gb": 10, "volume_type": "gp2"},
        {"type": "address", "count": 5},
        {"type": "key_pair"},
        {"type": "bucket"},
        {"type": "instance", "instance_type": "t3.micro", "region": "eu-west-1", "count": 0},
        {"type": "instance", "instance_type": "z9.huge", "count": 2},
    ]
    things = plan(wishes, HERE, Prices())
    assert [thing["monthly_usd"] for thing in things] == [37.96, 4.0, 1.0, 18.25, 0, 0, 0, None]
    assert total(things, "monthly_usd") == 61.21
    assert total(things, "hourly_usd") == pytest.approx(61.21 / 730, abs=1e-4)
    lines = plan_table(things, Prices())
    assert len({len(line) for line in lines[:10]}) == 1  # columns
    assert lines[1].split() == ["instance", "machines", "5", "t3.micro", HERE, "0.0520", "37.96"]
    assert lines[9].split() == ["total", "0.0839", "61.21"]
    assert "lacks what has no known price: z9.huge" in lines[10]
    assert plan([], HERE, Prices()) == []
    assert plan_table([], Prices()) == []


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({}, "entry 2: type is None: set it to one of instance, volume"),
        ({"type": "server"}, "entry 2: type is 'server'"),
        ({"type": "instance"}, "entry 2: a planned instance needs instance_type"),
        ({"type": "volume"}, "a planned volume needs size_gb"),
        ({"type": "address", "number": 2}, "unknown key 'number': use type, name"),
        ({"type": "address", "count": "two"}, "count is 'two': set it to a number"),
        ({"type": "address", "count": -1}, "count is -1"),
        ({"type": "volume", "size_gb": "ten"}, "size_gb is 'ten'"),
        ({"type": "volume", "size_gb": -1}, "size_gb is -1"),
    ],
)
def test_wrong_plans(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError) as failure:
        plan([{"type": "address"}, wish], HERE, Prices())
    assert message in str(failure.value)
    assert str(failure.value).startswith("planned: ")


# --- scripts/aws_audit ---


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = SourceFileLoader("aws_audit", str(SCRIPT))
    spec = spec_from_loader("aws_audit", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["aws_audit", *arguments])
        try:
            code = script.main()
        except SystemExit as stopped:
            code = stopped.code
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_audit_of_nothing(run: Run) -> None:
    assert run() == (0, "Nothing carries our tags.\n", "")


def test_audit_shows_a_table_and_its_code_tells_what_is_late(run: Run) -> None:
    machines(expires=FUTURE)
    code, out, err = run()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["TYPE", "NAME", "ID", "WHAT", "STATE", "EXPIRES", "$/HOUR", "$/MONTH"]
    assert lines[1] == "lab in us-west-2"
    assert lines[2].endswith("0.0104     7.59")
    assert lines[4].split() == ["total", "0.0115", "8.39"]
    assert "prices of 2026-11" in lines[5]
    machines(project="lab2", expires=PAST)
    code, out, err = run()
    assert (code, err) == (1, "")
    assert out.count("PAST") == 2
    assert run("--project", "lab")[0] == 0
    assert run("--project", "lab2")[0] == 1
    assert run("--region", "eu-west-1")[0] == 0
    assert run("--region", "eu-west-1", "--region", HERE)[0] == 1
    assert run("--all-regions")[0] == 1


def test_audit_as_json(run: Run) -> None:
    made = machines(expires=PAST)
    code, out, _ = run("--json")
    told = json.loads(out)
    assert code == 1
    assert set(told) == {
        "project",
        "regions",
        "prices_date",
        "resources",
        "hourly_usd",
        "monthly_usd",
        "unpriced",
        "overdue",
        "warnings",
    }
    assert told["regions"] == [HERE]
    assert made[0] in told["overdue"]
    assert told["monthly_usd"] == 8.392
    assert [thing["type"] for thing in told["resources"]] == ["instance", "volume"]
    assert json.loads(run("--json", "--region", "eu-west-1")[1])["resources"] == []


def test_the_region_is_that_of_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run("--json")[1])["regions"] == ["us-west-2"]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert json.loads(run("--json")[1])["regions"] == ["eu-west-2"]
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert json.loads(run("--json")[1])["regions"] == ["eu-west-3"]


def test_warnings_go_to_standard_error(run: Run, session: boto3.session.Session, script: ModuleType) -> None:
    machines()
    answers(session, "s3.ListBuckets", closed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script.boto3.session, "Session", lambda: session)
        code, out, err = run("--json")
    assert code == 0
    assert json.loads(out)["warnings"][0] in err


def test_prices_of_a_file(run: Run, tmp_path: Path) -> None:
    machines()
    file = tmp_path / "prices.yml"
    file.write_text("date: 2027-02\nregions: {us-west-2: {instance: {t3.micro: 1}}}\n")
    _, out, _ = run("--prices", str(file))
    assert "1.0000   730.00" in out
    assert "prices of 2027-02" in out
    file.write_text('{"regions": {"us-west-2": {"instance": {"t3.micro": 2}}}}')
    assert "2.0000  1460.00" in run("--prices", str(file))[1]
    file.write_text("")
    assert "0.0104     7.59" in run("--prices", str(file))[1]
    for content, message in (("[1]", "no mapping"), ("{a", "neither YAML nor JSON"), ("a: 1", "unknown key 'a'")):
        file.write_text(content)
        code, out, err = run("--prices", str(file))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    code, _, err = run("--prices", str(tmp_path / "absent"))
    assert code == 2
    assert "No such file" in err


@pytest.mark.parametrize(
    "arguments", [["--region", HERE, "--all-regions"], ["--yes"], ["--regions"], ["lab"], ["--prices"]]
)
def test_wrong_arguments(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage: aws_audit" in err


def test_an_unknown_profile_is_one_line_and_code_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    code, out, err = run()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "set AWS_PROFILE to a profile of ~/.aws/config" in err


@pytest.mark.usefixtures("no_credentials")
def test_audit_without_credentials_is_one_line_and_code_2(run: Run) -> None:
    code, out, err = run()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("aws_audit: no AWS credentials")


# --- --expire ---


class Playbook:
    """Stands in for the playbook: notes what it was given and removes the machines that are past their expiry."""

    def __init__(self, code: int = 0, *, removes: bool = True) -> None:
        self.given: list[dict[str, Any]] = []
        self._code = code
        self._removes = removes

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert Path(command[1]).name == "run_playbook.py"
        assert command[2:6] == ["--playbook", "playbooks/teardown.yml", "-i", os.devnull]
        assert options["env"]["PATH"].startswith(str(Path(sys.executable).parent))
        given = json.loads(command[7])
        self.given.append(given)
        if self._removes:
            things = survey(boto3.session.Session(), given["ec2_region"], given["ec2_project"])
            late = [thing["id"] for thing in things if thing["expired"] and thing["type"] == "instance"]
            ec2(given["ec2_region"]).terminate_instances(InstanceIds=late)
        return subprocess.CompletedProcess(command, self._code)


@pytest.fixture
def playbook(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Playbook]]:
    def use(code: int = 0, *, removes: bool = True) -> Playbook:
        stand_in = Playbook(code, removes=removes)
        monkeypatch.setattr(script.subprocess, "run", stand_in)
        return stand_in

    yield use
    monkeypatch.undo()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_expire_removes_by_project_and_region(run: Run, playbook: Callable[..., Playbook], tmp_path: Path) -> None:
    removal = playbook()
    machines(2, expires=PAST)
    machines(project="lab2", expires=PAST, region="eu-west-1")
    kept = machines(project="lab3", expires=FUTURE)
    prices = tmp_path / "prices.json"
    prices.write_text('{"date": "2027"}')
    code, out, err = run("--all-regions", "--expire", "--yes", "--prices", str(prices))
    common = {
        "labserver_provider": "ec2",
        "ec2_expired_only": True,
        "ec2_prices": {"date": "2027"},
        "confirm": "yes",
    }
    assert removal.given == [
        {**common, "ec2_project": "lab", "ec2_region": HERE},
        {**common, "ec2_project": "lab2", "ec2_region": "eu-west-1"},
    ]
    assert code == 0
    assert "PAST" in err  # what was removed
    assert "PAST" not in out  # what is left
    assert kept[0] in out


def test_expire_of_one_project_leaves_the_others(run: Run, playbook: Callable[..., Playbook]) -> None:
    removal = playbook()
    machines(expires=PAST)
    machines(project="lab2", expires=PAST)
    assert run("--project", "lab2", "--expire", "--yes")[0] == 0
    assert [given["ec2_project"] for given in removal.given] == ["lab2"]
    assert run()[0] == 1


def test_expire_with_nothing_late(run: Run, playbook: Callable[..., Playbook]) -> None:
    removal = playbook()
    machines(expires=FUTURE)
    machines(expires="soon")  # nobody can read it: told, but not removed
    code, _, err = run("--expire", "--yes")
    assert removal.given == []
    assert "Nothing is past its expiry." in err
    assert code == 1


def test_expire_asks(run: Run, playbook: Callable[..., Playbook], monkeypatch: pytest.MonkeyPatch) -> None:
    removal = playbook()
    machines(expires=PAST)
    for answer in ("n\n", "\n", "", "yesterday\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        code, out, err = run("--expire", "--json")
        assert "Remove these 2 things? [y/N] " in err
        assert "Nothing was removed." in err
        assert code == 1
        json.loads(out)
    assert removal.given == []
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run("--expire")[0] == 0
    assert len(removal.given) == 1


def test_expire_where_nobody_can_answer(run: Run, playbook: Callable[..., Playbook]) -> None:
    removal = playbook()
    machines(expires=PAST)
    code, out, err = run("--expire")
    assert (code, out, removal.given) == (2, "", [])
    assert "add --yes" in err


def test_expire_that_fails_or_is_interrupted(run: Run, playbook: Callable[..., Playbook]) -> None:
    machines(expires=PAST)
    playbook(4, removes=False)
    code, _, err = run("--expire", "--yes")
    assert code == 2
    assert "could not remove all of lab in us-west-2: see above, and run this again" in err
    playbook(130, removes=False)
    assert run("--expire", "--yes")[0] == 130


def test_expire_that_leaves_something_is_told_by_the_code(run: Run, playbook: Callable[..., Playbook]) -> None:
    machines(expires=PAST)
    playbook(removes=False)
    code, out, _ = run("--expire", "--yes")
    assert code == 1
    assert "PAST" in out


@pytest.mark.parametrize("project", ["", "{{ lookup('pipe', 'id') }}", "{% x %}"])
def test_a_tag_that_is_no_name_reaches_no_playbook(run: Run, playbook: Callable[..., Playbook], project: str) -> None:
    removal = playbook()
    machines(project=project, expires=PAST)
    machines(project="lab", expires=PAST)
    code, _, err = run("--expire", "--yes")
    assert code == 2
    assert f"{project!r}, a tag labserver:project in us-west-2, is no name: remove its things by hand" in err
    assert [given["ec2_project"] for given in removal.given] == ["lab"]  # the others cost as well


def test_expire_runs_the_playbook_itself(
    run: Run, script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "ansible.cfg", tmp_path)
    (tmp_path / "playbooks").mkdir()
    play = [
        {
            "name": "Remove",
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                {
                    "name": "Note what was given",
                    "ansible.builtin.copy": {
                        "dest": str(tmp_path / "given"),
                        "mode": "0600",
                        "content": "{{ [ec2_project, ec2_region,"
                        " ec2_expired_only, confirm | bool, ansible_playbook_python] | to_json }}",
                    },
                }
            ],
        }
    ]
    (tmp_path / "playbooks" / "teardown.yml").write_text(json.dumps(play))
    monkeypatch.setattr(script, "ROOT", tmp_path)
    machines(project="lab 1: a=b", expires=PAST)
    code, out, err = run("--expire", "--yes")
    assert code == 1, out + err
    assert "PAST" in out
    assert json.loads((tmp_path / "given").read_text()) == ["lab 1: a=b", HERE, True, True, sys.executable]


def test_help_and_any_python(tmp_path: Path) -> None:
    def execute(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
        # -S: a Python without boto3
        return subprocess.run(
            [sys.executable, "-I", *options, path, "--help"], capture_output=True, text=True, check=False, timeout=60
        )

    told = execute(SCRIPT)
    assert told.returncode == 0
    assert "exit codes: 0 nothing costs money" in told.stdout
    if (ROOT / ".venv").exists():
        assert execute(SCRIPT, "-S").stdout == told.stdout
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    told = execute(tmp_path / "scripts" / "aws_audit", "-S")
    assert told.returncode == 2
    assert "run scripts/up or scripts/test first" in told.stderr
