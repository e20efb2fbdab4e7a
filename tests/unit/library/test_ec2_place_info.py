"""ec2_place_info: what a place offers, and what has the project's names there, against moto in this process."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from ansible.module_utils.labserver.aws.client import AwsClients

from tests.support.aws import answers, machines, refusal
from tests.support.modules import RunModule

HERE = "us-west-2"


pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture
def look(run_module: RunModule) -> Any:
    def look(**options: object) -> dict[str, Any]:
        given: dict[str, Any] = {"region": HERE, "instance_type": "t3.micro", "project": "lab", **options}
        result = run_module("ec2_place_info", **given)
        assert not result.get("changed")
        return result

    return look


def ec2() -> Any:
    return boto3.client("ec2", region_name=HERE)


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "labserver:project", "Value": "lab"}]}]


def test_an_empty_account(look: Any, run_module: RunModule) -> None:
    place = look()["place"]
    assert (place["architecture"], place["addresses"], place["burstable"]) == ("x86_64", 2, True)
    assert (place["group"], place["key"], place["bucket"], place["free"]) == (None, None, None, {})
    assert place["zone"] == "us-west-2a"
    assert set(place["subnets"]) > {"us-west-2a", "us-west-2b"}
    checked = run_module("ec2_place_info", check=True, region=HERE, instance_type="t3.micro", project="lab")
    assert checked["place"] == place


@pytest.mark.parametrize(
    ("kind", "architecture", "addresses"),
    [("t2.micro", "x86_64", 2), ("t4g.small", "arm64", 4), ("t3.small", "x86_64", 4), ("m5.large", "x86_64", 10)],
)
def test_types_differ(look: Any, kind: str, architecture: str, addresses: int) -> None:
    place = look(instance_type=kind)["place"]
    assert (place["architecture"], place["addresses"]) == (architecture, addresses)


def test_a_zone_comes_first_when_it_is_asked_for(look: Any) -> None:
    place = look(zone="us-west-2b")["place"]
    assert place["zone"] == "us-west-2b"
    assert "us-west-2a" in place["subnets"]


def test_what_has_our_names_is_told_with_its_tags(look: Any) -> None:
    ec2().create_key_pair(KeyName="lab", TagSpecifications=tagged("key-pair"))
    ec2().create_key_pair(KeyName="lab2")
    vpc = ec2().describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2().create_security_group(GroupName="lab", Description="theirs", VpcId=vpc)["GroupId"]
    boto3.client("s3", region_name=HERE).create_bucket(
        Bucket="lab-data", CreateBucketConfiguration={"LocationConstraint": HERE}
    )
    place = look(bucket="lab-data")["place"]
    assert place["key"]["tags"] == {"labserver:project": "lab"}
    assert (place["group"]["id"], place["group"]["tags"]) == (group, {})
    assert place["bucket"] == {"tags": {}}
    assert look(bucket="lab-data2")["place"]["bucket"] is None


def test_free_addresses_are_nobodys(look: Any) -> None:
    subnet = look()["place"]["subnets"]["us-west-2a"]
    ec2().create_network_interface(SubnetId=subnet, PrivateIpAddress="172.31.15.253")
    assert look(private_addresses=2)["place"]["free"]["us-west-2a"] == ["172.31.15.254", "172.31.15.252"]


def test_a_subnet_of_ones_own(look: Any) -> None:
    vpc = ec2().create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2().create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/28", AvailabilityZone="us-west-2c")["Subnet"]
    place = look(subnet=subnet["SubnetId"], private_addresses=20)["place"]
    assert (place["vpc"], place["zone"], place["subnets"]) == (vpc, "us-west-2c", {"us-west-2c": subnet["SubnetId"]})
    assert place["free"]["us-west-2c"][0] == "10.0.0.14"
    assert place["free"]["us-west-2c"][-1] == "10.0.0.4"
    result = look(subnet=subnet["SubnetId"], zone="us-west-2a")
    assert result["failed"]
    assert "leave ec2_zone out" in result["msg"]


def test_elastic_ips_of_ones_own_are_found_by_id_and_by_address(look: Any) -> None:
    one = ec2().allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
    other = ec2().allocate_address(Domain="vpc")
    found = look(elastic_ips=[one["AllocationId"], "", other["PublicIp"]])["place"]["elastic_ips"]
    assert [(each["index"], each["id"]) for each in found] == [(1, one["AllocationId"]), (3, other["AllocationId"])]
    assert [(each["project"], each["attached_to"]) for each in found] == [("lab", None), ("", None)]


def without_default_network() -> None:
    for subnet in ec2().describe_subnets()["Subnets"]:
        ec2().delete_subnet(SubnetId=subnet["SubnetId"])


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        ({"instance_type": "t99.huge"}, "set ec2_instance_type"),
        ({"zone": "us-west-2z"}, "set ec2_zone to one of us-west-2a"),
        ({"subnet": "subnet-0123456789abcdef0"}, "set ec2_subnet"),
    ],
)
def test_what_is_not_there_is_told_with_the_variable_to_set(look: Any, options: dict[str, str], fix: str) -> None:
    result = look(**options)
    assert result["failed"]
    assert fix in result["msg"]


def test_a_region_without_a_default_network_is_told(look: Any) -> None:
    without_default_network()
    result = look()
    assert result["failed"]
    assert "aws ec2 create-default-vpc --region us-west-2" in result["msg"]


def test_a_zone_that_does_not_offer_the_type_is_told(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offers = [{"Location": "us-west-2b"}]
    from moto.ec2.models import EC2Backend

    monkeypatch.setattr(EC2Backend, "describe_instance_type_offerings", lambda *_a, **_k: _with_type(offers))
    assert look()["place"]["zone"] == "us-west-2b"
    result = look(zone="us-west-2a")
    assert result["failed"]
    assert "set ec2_zone to one of us-west-2b" in result["msg"]
    offers.clear()
    assert "set ec2_instance_type or ec2_region" in look()["msg"]


def _with_type(offers: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"InstanceType": "t3.micro", "LocationType": "availability-zone", **offer} for offer in offers]


def test_a_bucket_of_somebody_else_is_told(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible.module_utils.labserver.aws.client import AwsClients
    from botocore.exceptions import ClientError

    class Theirs:
        def head_bucket(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    stock = AwsClients.client
    monkeypatch.setattr(
        AwsClients, "client", lambda self, service: Theirs() if service == "s3" else stock(self, service)
    )
    result = look(bucket="lab-data")
    assert result["failed"]
    assert "set ec2_bucket to another name" in result["msg"]


def test_without_credentials_it_says_how_to_log_in(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    result = look()
    assert result["failed"]
    assert "aws configure" in result["msg"]


def test_limits(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = look()["place"]["limits"]
    assert (limits["addresses_quota"], limits["addresses_used"], limits["vcpus"]) == (5, 0, 2)
    assert (limits["internet"], limits["public"], limits["free_plan"]) == (False, True, True)
    assert limits["vcpus_quota"] is limits["vcpus_used"] is None  # moto does not know them
    ec2().allocate_address(Domain="vpc")
    network = ec2().describe_vpcs()["Vpcs"][0]["VpcId"]
    gateway = ec2().create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2().attach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    out = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}
    ec2().create_route(RouteTableId=ec2().describe_route_tables()["RouteTables"][0]["RouteTableId"], **out)
    stock = AwsClients.client

    def client(self: AwsClients, service: str, **more: Any) -> Any:
        answers(self, "service-quotas.GetServiceQuota", lambda _: (200, '{"Quota": {"Value": 32.0}}'))
        return stock(self, service, **more)

    monkeypatch.setattr(AwsClients, "client", client)
    machines(2)

    def cores(parsed: dict[str, Any], **_: object) -> None:
        for reservation in parsed["Reservations"]:
            for instance in reservation["Instances"]:
                instance["CpuOptions"] = {"CoreCount": 1, "ThreadsPerCore": 2}
            reservation["Instances"][0]["InstanceLifecycle"] = "spot"

    stock_client = AwsClients.client

    def with_cores(self: AwsClients, service: str, **more: Any) -> Any:
        made = stock_client(self, service, **more)
        made.meta.events.register("after-call.ec2.DescribeInstances", cores)
        return made

    monkeypatch.setattr(AwsClients, "client", with_cores)
    limits = look()["place"]["limits"]
    assert (limits["addresses_used"], limits["internet"]) == (1, True)
    assert (limits["vcpus_quota"], limits["vcpus_used"]) == (32, 2)
    # A subnet with a table of its own, without a way out
    subnet = ec2().describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-west-2a"]}])["Subnets"][0]
    table = ec2().create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    ec2().associate_route_table(RouteTableId=table, SubnetId=subnet["SubnetId"])
    assert look()["place"]["limits"]["internet"] is False


def test_limits_that_may_not_be_read_are_none(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = AwsClients.client

    def client(self: AwsClients, service: str, **more: Any) -> Any:
        for call in ("DescribeAccountAttributes", "DescribeRouteTables"):
            answers(self, f"ec2.{call}", lambda _: (403, refusal("UnauthorizedOperation")))
        return stock(self, service, **more)

    monkeypatch.setattr(AwsClients, "client", client)
    limits = look()["place"]["limits"]
    assert limits["addresses_quota"] is limits["addresses_used"] is limits["internet"] is None
