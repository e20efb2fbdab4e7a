"""What carries our tags on AWS, as moto shows it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import boto3
import pytest
from ansible.module_utils.labserver.aws import survey as survey_module
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.prices import Prices
from ansible.module_utils.labserver.aws.survey import not_as_expected, survey
from ansible.module_utils.labserver.aws.tables import table
from ansible.module_utils.labserver.errors import LabError
from botocore import exceptions

from tests.support.aws import (
    FUTURE,
    HERE,
    IMAGE,
    PAST,
    answers,
    bucket,
    closed,
    ec2,
    everything,
    ids,
    machines,
    refusal,
    tagged,
    tags,
)

INDEX = "resource-groups-tagging-api.GetResources"

pytestmark = pytest.mark.usefixtures("account")


def test_every_type_is_found_with_its_price_and_its_tags(clients: AwsClients) -> None:
    made = everything(owner="ada", index="3", part="data", expires=FUTURE)
    things = survey(clients, HERE)
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


def test_what_lacks_our_tag_or_is_anothers_is_never_listed(clients: AwsClients) -> None:
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
    assert survey(clients, HERE, untagged=True) == []
    everything()
    others = machines(project="lab2")
    assert len(survey(clients, HERE, "lab")) == 9
    assert others[0] in ids(survey(clients, HERE, "lab2"))
    assert not ids(survey(clients, HERE, "lab2")) & ids(survey(clients, HERE, "lab"))
    assert survey(clients, HERE, "lab*") == []  # no wild cards
    assert survey(clients, HERE, "la?") == []
    assert len(survey(clients, HERE)) == 11


def test_a_machine_that_is_gone_is_not_listed_and_one_that_is_stopped_costs_its_disk(
    clients: AwsClients,
) -> None:
    gone, stopped = machines(2)
    ec2().terminate_instances(InstanceIds=[gone])
    ec2().stop_instances(InstanceIds=[stopped])
    things = survey(clients, HERE)
    assert {(thing["type"], thing["state"]) for thing in things} == {("instance", "stopped"), ("volume", "in-use")}
    assert [thing["monthly_usd"] for thing in things] == [0, 0.8]  # 8 GB of gp2
    assert things[1]["attached_to"] == stopped


def test_an_address_tells_what_it_hangs_on(clients: AwsClients) -> None:
    [machine] = machines()
    address = ec2().allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
    ec2().associate_address(AllocationId=address["AllocationId"], InstanceId=machine)
    [thing] = [thing for thing in survey(clients, HERE) if thing["type"] == "address"]
    assert (thing["attached_to"], thing["state"]) == (machine, "associated")
    assert thing["public_ip"] == address["PublicIp"]


def test_automatic_addresses_are_part_of_the_machines_price(clients: AwsClients) -> None:
    machines()

    def amazons(parsed: dict[str, Any], **_: object) -> None:
        for reservation in parsed["Reservations"]:
            for address in reservation["Instances"][0]["NetworkInterfaces"][0]["PrivateIpAddresses"]:
                address["Association"]["IpOwnerId"] = "amazon"

    clients.session.events.register("after-call.ec2.DescribeInstances", amazons)
    things = survey(clients, HERE)
    assert things[0]["hourly_usd"] == 0.0154
    assert "t3.micro + 1 public IPv4" in "\n".join(table(things, Prices(), [HERE]))


def test_an_interface_that_goes_with_its_machine_is_not_listed(clients: AwsClients) -> None:
    [machine] = machines()
    aws = ec2()
    subnet = aws.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = aws.create_network_interface(SubnetId=subnet, TagSpecifications=tagged("network-interface"))
    name = interface["NetworkInterface"]["NetworkInterfaceId"]
    assert name in ids(survey(clients, HERE))
    aws.attach_network_interface(NetworkInterfaceId=name, InstanceId=machine, DeviceIndex=1)

    def delete_on_termination(parsed: dict[str, Any], **_: object) -> None:
        for found in parsed["NetworkInterfaces"]:
            found["Attachment"]["DeleteOnTermination"] = True  # moto does not keep it

    assert name in ids(survey(clients, HERE))
    clients.session.events.register("after-call.ec2.DescribeNetworkInterfaces", delete_on_termination)
    assert name not in ids(survey(clients, HERE))


def test_what_hangs_on_our_machine_without_a_tag_is_told_where_asked(clients: AwsClients) -> None:
    [machine] = machines(expires=PAST)
    aws = ec2()
    disk = aws.create_volume(AvailabilityZone="us-west-2a", Size=20, VolumeType="gp3")["VolumeId"]
    aws.attach_volume(VolumeId=disk, InstanceId=machine, Device="/dev/sdf")
    address = aws.allocate_address(Domain="vpc")["AllocationId"]
    aws.associate_address(AllocationId=address, InstanceId=machine)
    assert not ids(survey(clients, HERE)) & {disk, address}
    things = {thing["id"]: thing for thing in survey(clients, HERE, "lab", untagged=True)}
    assert set(things) >= {disk, address, machine}
    for name, price in ((disk, 1.6), (address, 3.65)):
        thing = things[name]
        assert (thing["tagged"], thing["project"], thing["expired"]) == (False, "lab", False)
        assert thing["monthly_usd"] == price
    assert "no tag of ours" in "\n".join(table(list(things.values()), Prices(), [HERE]))
    assert survey(clients, HERE, "lab2", untagged=True) == []


def test_regions(clients: AwsClients) -> None:
    here, there = machines(), machines(region="eu-west-1")
    bucket("there", "eu-west-1", tags())
    bucket("oldest", "us-east-1", tags())
    assert ids(survey(clients, HERE)) & {*here, *there, "there"} == {*here}
    assert ids(survey(clients, "eu-west-1")) >= {*there, "there"}
    both = survey(clients, [HERE, "eu-west-1", HERE])
    assert ids(both) >= {*here, *there, "there"}
    assert len(both) == len(ids(both)) == 5
    assert ids(survey(clients, ["us-east-1"])) == {"oldest"}
    assert ids(survey(clients, "all")) == ids(survey(clients, [HERE, "all"])) == ids(both) | {"oldest"}
    # every region has its own price
    assert {thing["region"]: thing["monthly_usd"] for thing in both if thing["type"] == "instance"} == {
        HERE: 7.592,
        "eu-west-1": 8.3512,
    }


@pytest.mark.parametrize("regions", ["", [], [""], [HERE, ""]])
def test_without_a_region_it_says_so(clients: AwsClients, regions: str | list[str]) -> None:
    with pytest.raises(LabError, match="no region is given: set one"):
        survey(clients, regions)


def test_an_index_that_is_no_number_is_none(clients: AwsClients) -> None:
    machines(index="first")
    assert {thing["index"] for thing in survey(clients, HERE)} == {None}


def test_what_is_expected_and_not_listed_so_is_named() -> None:
    listed = [{"id": "i-1", "attached_to": None}, {"id": "vol-1", "attached_to": "i-1"}]
    assert not_as_expected(listed, [{"id": "i-1"}, {"id": "vol-1", "attached_to": "i-1"}], ["eipalloc-1"]) == []
    assert not_as_expected(listed, [{"id": "vol-1", "attached_to": "i-2"}, {"id": "i-2"}], ["i-1"]) == [
        "vol-1 (attached_to is i-1, not i-2)",
        "i-2 (not listed)",
        "i-1 (listed still)",
    ]


def test_they_are_in_order(clients: AwsClients) -> None:
    for index in (10, 2, 1):
        machines(index=str(index))
    machines(project="a")
    found = [(t["project"], t["type"], t["index"]) for t in survey(clients, HERE)]
    assert found == [
        ("a", "instance", None),
        ("a", "volume", None),
        *(("lab", kind, index) for kind in ("instance", "volume") for index in (1, 2, 10)),
    ]


def test_a_bucket_of_too_many_objects_is_not_counted(clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket("large", given=tags())

    def page(request: Any) -> tuple[int, str]:
        version = f"<Version><Key>a</Key><Size>{1 << 30}</Size></Version>"
        more = "key-marker" not in request.url
        last = f"<IsTruncated>{str(more).lower()}</IsTruncated><NextKeyMarker>a</NextKeyMarker>"
        return 200, f"<ListVersionsResult>{version}{last}</ListVersionsResult>"

    answers(clients, "s3.ListObjectVersions", page)
    [thing] = survey(clients, HERE)
    assert (thing["size_gb"], thing["monthly_usd"]) == (2, 0.046)
    monkeypatch.setattr(survey_module, "_BUCKET_PAGES", 1)
    [thing] = survey(clients, HERE)
    assert (thing["size_gb"], thing["monthly_usd"]) == (None, None)
    assert "size not counted" in "\n".join(table([thing], Prices(), [HERE]))


def test_the_number_of_calls_does_not_grow_with_the_machines(clients: AwsClients) -> None:
    calls: Counter[str] = Counter()
    clients.session.events.register("before-call", lambda model, **_: calls.update([model.name]))
    everything()
    survey(clients, HERE, "lab", untagged=True)
    few = +calls
    machines(20)
    calls.clear()
    assert len(survey(clients, HERE, "lab", untagged=True)) == 49
    assert calls == few
    # eight types, instance profiles, account and budgets, what hangs on the machines, the index of tags, the bucket
    assert sum(few.values()) == 11 + 2 + 4
    assert not [name for name in few if not name.startswith(("Describe", "List", "Get"))]


def test_foreign_buckets_are_not_asked_one_by_one(clients: AwsClients) -> None:
    for number in range(60):
        bucket(f"foreign-{number}", given=[{"Key": "project", "Value": "lab"}])
    attempts = answers(clients, "s3", lambda _: None)
    assert survey(clients, HERE, "lab") == []
    assert attempts["all"] == 0
    bucket("ours", given=tags())
    attempts.clear()
    assert ids(survey(clients, HERE, "lab")) == {"ours"}
    assert attempts["all"] == 3  # its tags, its region, its size


def test_where_the_index_of_tags_may_not_be_read_the_buckets_of_the_region_are_asked(clients: AwsClients) -> None:
    bucket("ours", given=tags())
    bucket("foreign")
    for number in range(5):
        bucket(f"far-{number}", "eu-west-1", given=tags())
    answers(clients, INDEX, closed)
    attempts = answers(clients, "s3", lambda _: None)
    assert ids(survey(clients, HERE)) == {"ours"}
    assert attempts["all"] == 5  # the list, the tags of both, region and size of ours


def test_a_bucket_that_the_index_does_not_know_yet_is_found_by_the_group_that_names_it(clients: AwsClients) -> None:
    announced = tagged("security-group", bucket="young")
    ec2().create_security_group(GroupName="lab", Description="x", TagSpecifications=announced)
    bucket("young", given=tags())
    bucket("old", given=tags())
    answers(clients, INDEX, lambda _: (200, '{"ResourceTagMappingList": []}'))
    assert "young" in ids(survey(clients, HERE, "lab"))
    # The tag alone makes no bucket ours
    boto3.client("s3", region_name=HERE).delete_bucket_tagging(Bucket="young")
    assert "young" not in ids(survey(clients, HERE, "lab"))


@pytest.mark.parametrize("code", ["InternalError", "PermanentRedirect", "InvalidAccessKeyId"])
def test_an_error_of_one_bucket_is_a_warning(clients: AwsClients, naps: list[float], code: str) -> None:
    everything()
    bucket("broken", given=tags())
    text = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    answers(clients, "s3.GetBucketTagging", lambda request: (500, text) if "broken" in request.url else None)
    warnings: list[str] = []
    assert "lab-bucket" in ids(survey(clients, HERE, warn=warnings.append))
    assert len(warnings) == 1
    assert code in warnings[0]
    assert naps is not None


def test_more_machines_than_a_filter_takes(clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "_FILTER_VALUES", 2)
    disks = []
    for machine in machines(5):
        disk = ec2().create_volume(AvailabilityZone="us-west-2a", Size=1)["VolumeId"]
        ec2().attach_volume(VolumeId=disk, InstanceId=machine, Device="/dev/sdf")
        disks.append(disk)
    assert ids(survey(clients, HERE, untagged=True)) >= {*disks}


def test_all_pages_are_read(clients: AwsClients) -> None:
    def page(request: Any) -> tuple[int, str]:
        number = 2 if "NextToken=more" in str(request.body) else 1
        tag = "<tagSet><item><key>labserver:project</key><value>lab</value></item></tagSet>"
        volume = (
            f"<item><volumeId>vol-{number}</volumeId><size>10</size><status>available</status>"
            f"<volumeType>gp3</volumeType>{tag}</item>"
        )
        more = "<nextToken>more</nextToken>" if number == 1 else ""
        return 200, f"<DescribeVolumesResponse><volumeSet>{volume}</volumeSet>{more}</DescribeVolumesResponse>"

    attempts = answers(clients, "ec2.DescribeVolumes", page)
    assert ids(survey(clients, HERE)) == {"vol-1", "vol-2"}
    assert attempts["all"] == 2


def test_one_forbidden_region_of_all_is_passed_over_and_told(clients: AwsClients) -> None:
    made = machines()
    answers(
        clients,
        "ec2",
        lambda request: (403, refusal("UnauthorizedOperation")) if "sa-east-1" in request.url else None,
    )
    warnings: list[str] = []
    assert made[0] in ids(survey(clients, "all", warn=warnings.append))
    assert len(warnings) == 1
    assert warnings[0].startswith("not looked at: these credentials may not do Describe")
    assert "sa-east-1" in warnings[0]
    # a region that was asked for by name must be seen
    with pytest.raises(LabError, match="sa-east-1"):
        survey(clients, [HERE, "sa-east-1"])


def test_a_region_that_does_not_answer_or_take_the_token_is_passed_over_and_told(
    clients: AwsClients, naps: list[float]
) -> None:
    made = machines()

    def broken(request: Any) -> tuple[int, str] | None:
        if "sa-east-1" in request.url:
            raise exceptions.ConnectTimeoutError(endpoint_url=request.url)
        return (401, refusal("AuthFailure")) if "eu-west-1" in request.url else None

    answers(clients, "ec2", broken)
    warnings: list[str] = []
    assert made[0] in ids(survey(clients, "all", untagged=True, warn=warnings.append))
    assert len(warnings) == 2
    assert any("does not take these credentials in eu-west-1 (AuthFailure)" in text for text in warnings)
    assert any("out of reach" in text and "sa-east-1" in text for text in warnings)
    assert naps
    with pytest.raises(LabError, match="eu-west-1"):
        survey(clients, [HERE, "eu-west-1"])


def test_a_token_that_no_region_takes_is_an_error(clients: AwsClients) -> None:
    def all_but_the_list(request: Any) -> tuple[int, str] | None:
        return None if "DescribeRegions" in str(request.body) else (401, refusal("AuthFailure"))

    answers(clients, "ec2", all_but_the_list)
    with pytest.raises(LabError, match="AuthFailure"):
        survey(clients, "all")


def test_a_policy_that_forbids_it_in_every_region_is_an_error(clients: AwsClients) -> None:
    answers(clients, "ec2.DescribeKeyPairs", lambda _: (403, refusal("UnauthorizedOperation")))
    with pytest.raises(LabError, match="may not do DescribeKeyPairs"):
        survey(clients, "all")


def test_without_rights_in_s3_the_rest_is_listed(clients: AwsClients) -> None:
    everything()
    answers(clients, INDEX, closed)
    answers(clients, "s3.ListBuckets", closed)
    ec2().delete_security_group(GroupName="lab-group")
    warnings: list[str] = []
    things = survey(clients, HERE, warn=warnings.append)
    assert len(things) == 7
    assert len(warnings) == 1
    assert warnings[0].startswith("not looked at: these credentials may not do ListBuckets in S3 (AccessDenied): allow")


def test_buckets_that_may_not_be_read_are_told_once(clients: AwsClients) -> None:
    everything()
    for name in ("closed-1", "closed-2"):
        bucket(name)
    answers(clients, INDEX, closed)
    answers(clients, "s3.GetBucketTagging", lambda request: closed(request) if "closed" in request.url else None)
    warnings: list[str] = []
    assert "lab-bucket" in ids(survey(clients, HERE, warn=warnings.append))
    assert len(warnings) == 1
    assert "GetBucketTagging in some buckets" in warnings[0]


def test_a_bucket_whose_objects_may_not_be_listed_has_no_size(clients: AwsClients) -> None:
    everything()
    answers(clients, "s3.ListObjectVersions", closed)
    [thing] = [thing for thing in survey(clients, HERE) if thing["type"] == "bucket"]
    assert (thing["size_gb"], thing["monthly_usd"]) == (None, None)
