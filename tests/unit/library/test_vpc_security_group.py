"""vpc_security_group: created, updated and deleted, against moto in this process."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients

from tests.support.aws import HERE, answers, ec2, refusal
from tests.support.modules import RunModule

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture
def request_() -> dict[str, Any]:
    vpc = ec2().describe_vpcs()["Vpcs"][0]["VpcId"]
    ingress = [{"port": 22, "cidrs": ["203.0.113.5/32"]}, {"port": 80, "cidrs": ["0.0.0.0/0"]}]
    return {"region": HERE, "name": "lab", "vpc": vpc, "ingress": ingress, "tags": {"part": "group"}}


def open_ports(group: str) -> set[tuple[int, str]]:
    [found] = ec2().describe_security_groups(GroupIds=[group])["SecurityGroups"]
    rules = found["IpPermissions"]
    return {(rule["FromPort"], source["CidrIp"]) for rule in rules for source in rule["IpRanges"]}


def test_a_group_lives_from_its_creation_to_its_deletion(run_module: RunModule, request_: dict[str, Any]) -> None:
    assert run_module("vpc_security_group", check=True, **request_)["changed"]
    made = run_module("vpc_security_group", **request_)
    assert made["changed"]
    assert open_ports(made["id"]) == {(22, "203.0.113.5/32"), (80, "0.0.0.0/0")}
    assert not run_module("vpc_security_group", **request_)["changed"]
    # Other rules than those asked for go, and other tags stay; host bits are no difference
    ec2().create_tags(Resources=[made["id"]], Tags=[{"Key": "theirs", "Value": "x"}])
    everyone = {"UserIdGroupPairs": [{"GroupId": made["id"]}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    ec2().authorize_security_group_ingress(GroupId=made["id"], IpPermissions=[{"IpProtocol": "-1", **everyone}])
    request_["ingress"] = [{"port": 22, "cidrs": ["203.0.113.9/24"]}]
    request_["tags"] = {"part": "group", "bucket": "data"}
    assert run_module("vpc_security_group", check=True, **request_)["changed"]
    assert (22, "203.0.113.5/32") in open_ports(made["id"])
    assert run_module("vpc_security_group", **request_)["changed"]
    [found] = ec2().describe_security_groups(GroupIds=[made["id"]])["SecurityGroups"]
    assert open_ports(made["id"]) == {(22, "203.0.113.0/24")}
    assert len(found["IpPermissions"]) == 1
    assert {tag["Key"] for tag in found["Tags"]} == {"part", "bucket", "theirs"}
    assert not run_module("vpc_security_group", **request_)["changed"]
    gone: dict[str, Any] = {"region": HERE, "id": made["id"], "state": "absent"}
    assert run_module("vpc_security_group", check=True, **gone)["changed"]
    assert run_module("vpc_security_group", **gone)["changed"]
    assert not run_module("vpc_security_group", **gone)["changed"]


def test_members_reach_each_other_and_nobody_else(run_module: RunModule, request_: dict[str, Any]) -> None:
    request_["ingress"] = [{"port": 7077, "last": 7096, "members": True}]
    made = run_module("vpc_security_group", **request_)
    [found] = ec2().describe_security_groups(GroupIds=[made["id"]])["SecurityGroups"]
    [rule] = found["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"]) == (7077, 7096, [])
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [made["id"]]
    assert not run_module("vpc_security_group", **request_)["changed"]
    request_["ingress"] = []
    assert run_module("vpc_security_group", **request_)["changed"]
    assert ec2().describe_security_groups(GroupIds=[made["id"]])["SecurityGroups"][0]["IpPermissions"] == []
    assert run_module("vpc_security_group", region=HERE, id=made["id"], state="absent")["changed"]


def test_rules_of_other_ports_stay_where_asked(run_module: RunModule, request_: dict[str, Any]) -> None:
    made = run_module("vpc_security_group", **request_)
    renewed: dict[str, Any] = {
        "region": HERE,
        "id": made["id"],
        "ingress": [{"port": 22, "cidrs": ["198.51.100.9/32"]}],
        "keep_other_ports": True,
    }
    assert run_module("vpc_security_group", check=True, **renewed)["changed"]
    assert (22, "203.0.113.5/32") in open_ports(made["id"])
    assert run_module("vpc_security_group", **renewed)["changed"]
    assert open_ports(made["id"]) == {(22, "198.51.100.9/32"), (80, "0.0.0.0/0")}
    assert not run_module("vpc_security_group", **renewed)["changed"]


def test_why_aws_refused_is_told_with_its_fix(
    run_module: RunModule, request_: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = AwsClients.client

    def client(self: AwsClients, service: str) -> Any:
        answers(self, "ec2.CreateSecurityGroup", lambda _: (400, refusal("SecurityGroupLimitExceeded")))
        return stock(self, service)

    monkeypatch.setattr(AwsClients, "client", client)
    result = run_module("vpc_security_group", **request_)
    assert result["failed"]
    assert "(SecurityGroupLimitExceeded)" in result["msg"]
    assert "remove groups that nobody uses" in result["msg"]


@pytest.mark.parametrize("options", [{}, {"state": "absent"}])
def test_what_is_missing_is_told(run_module: RunModule, options: dict[str, Any]) -> None:
    result = run_module("vpc_security_group", region=HERE, **options)
    assert result["failed"]
    assert "missing" in result["msg"]
