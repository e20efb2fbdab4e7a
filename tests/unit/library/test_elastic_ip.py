"""elastic_ip: allocated with its tags, associated by its allocation, released, against moto in this process."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.labserver.aws import addresses
from ansible.module_utils.labserver.aws.client import AwsClients

from tests.support.aws import HERE, Answer, answers, ec2, machines, refusal
from tests.support.modules import RunModule

pytestmark = pytest.mark.usefixtures("account", "naps")


def refusing(codes: list[str]) -> Answer:
    return lambda _: (400, refusal(codes.pop(0))) if codes else None


def faults(monkeypatch: pytest.MonkeyPatch, **told: list[str]) -> None:
    """Let each call answer with these codes first; every client is new."""
    stock = AwsClients.client

    def client(self: AwsClients, service: str) -> Any:
        for call, codes in told.items():
            answers(self, f"ec2.{call}", refusing(codes))
        return stock(self, service)

    monkeypatch.setattr(AwsClients, "client", client)


def interface(instance: str) -> dict[str, Any]:
    found = ec2().describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return dict(found["NetworkInterfaces"][0])


def test_an_address_lives_from_its_allocation_to_its_release(run_module: RunModule) -> None:
    one = interface(machines()[0])
    assert run_module("elastic_ip", check=True, region=HERE)["changed"]
    assert not ec2().describe_addresses()["Addresses"]
    made = run_module("elastic_ip", region=HERE, tags={"Name": "lab-1"})
    [address] = ec2().describe_addresses(AllocationIds=[made["id"]])["Addresses"]
    assert (made["changed"], made["public_ip"]) == (True, address["PublicIp"])
    assert address["Tags"] == [{"Key": "Name", "Value": "lab-1"}]
    target = {"interface": one["NetworkInterfaceId"], "private_ip": one["PrivateIpAddress"]}
    for check in (True, False):
        assert run_module("elastic_ip", check=check, region=HERE, id=made["id"], **target)["changed"]
    assert not run_module("elastic_ip", region=HERE, id=made["id"], **target)["changed"]
    [address] = ec2().describe_addresses()["Addresses"]
    assert address["NetworkInterfaceId"] == one["NetworkInterfaceId"]
    for check in (True, False):
        assert run_module("elastic_ip", check=check, region=HERE, id=made["id"], state="absent")["changed"]
    assert not ec2().describe_addresses()["Addresses"]
    assert not run_module("elastic_ip", region=HERE, id=made["id"], state="absent")["changed"]


@pytest.mark.parametrize("times", [1, 5])
def test_one_that_is_not_found_yet_is_waited_for_and_no_other_allocated(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    one = interface(machines()[0])
    late = ["InvalidAllocationID.NotFound"] * times
    faults(monkeypatch, DescribeAddresses=list(late), AssociateAddress=list(late))
    made = run_module(
        "elastic_ip", region=HERE, interface=one["NetworkInterfaceId"], private_ip=one["PrivateIpAddress"]
    )
    assert made["changed"]
    [address] = ec2().describe_addresses()["Addresses"]
    assert (address["AllocationId"], address["NetworkInterfaceId"]) == (made["id"], one["NetworkInterfaceId"])


def test_one_of_the_users_own_is_not_taken_from_what_uses_it(run_module: RunModule) -> None:
    used, free = (interface(name) for name in machines(2))
    made = run_module("elastic_ip", region=HERE)
    options = {"region": HERE, "id": made["id"], "reassociate": False}
    first = {"interface": used["NetworkInterfaceId"], "private_ip": used["PrivateIpAddress"]}
    assert run_module("elastic_ip", **options, **first)["changed"]
    second = {"interface": free["NetworkInterfaceId"], "private_ip": free["PrivateIpAddress"]}
    assert "disassociate it there" in run_module("elastic_ip", **options, **second)["msg"]
    [address] = ec2().describe_addresses()["Addresses"]
    assert address["NetworkInterfaceId"] == used["NetworkInterfaceId"]


def test_an_association_whose_answer_was_lost_is_no_failure(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = interface(machines()[0])
    made = run_module("elastic_ip", region=HERE)
    target = {"interface": one["NetworkInterfaceId"], "private_ip": one["PrivateIpAddress"]}
    ec2().associate_address(
        AllocationId=made["id"], NetworkInterfaceId=one["NetworkInterfaceId"], PrivateIpAddress=one["PrivateIpAddress"]
    )
    stock, seen = addresses._find, []

    def find(client: Any, identity: str) -> dict[str, Any]:
        seen.append(identity)
        return {} if len(seen) == 1 else stock(client, identity)

    monkeypatch.setattr(addresses, "_find", find)
    faults(monkeypatch, AssociateAddress=["Resource.AlreadyAssociated"])
    assert run_module("elastic_ip", region=HERE, id=made["id"], reassociate=False, **target)["changed"]


@pytest.mark.parametrize("lost", [False, True])
def test_a_further_private_address_is_assigned_first(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    one = interface(machines()[0])
    free = one["PrivateIpAddress"].rpartition(".")[0] + ".77"
    target = {"NetworkInterfaceId": one["NetworkInterfaceId"], "PrivateIpAddresses": [free]}

    def repeated(_: object) -> tuple[int, str]:
        ec2().assign_private_ip_addresses(**target)
        return 400, refusal("InvalidParameterValue", "already assigned")

    def the_one_named(parsed: dict[str, Any], **_: object) -> None:
        for address in parsed["Addresses"]:
            address["PrivateIpAddress"] = free  # to moto it is the primary one

    faults(monkeypatch, DescribeNetworkInterfaces=["InvalidNetworkInterfaceID.NotFound"] * 5)
    stock = AwsClients.client

    def client(self: AwsClients, service: str) -> Any:
        if lost:
            answers(self, "ec2.AssignPrivateIpAddresses", repeated)
        made = stock(self, service)
        made.meta.events.register("after-call.ec2.DescribeAddresses", the_one_named)
        return made

    monkeypatch.setattr(AwsClients, "client", client)
    allocated = run_module("elastic_ip", region=HERE)
    options = {"region": HERE, "id": allocated["id"], "interface": one["NetworkInterfaceId"], "private_ip": free}
    assert run_module("elastic_ip", **options)["changed"]
    [found] = ec2().describe_network_interfaces(NetworkInterfaceIds=[one["NetworkInterfaceId"]])["NetworkInterfaces"]
    assert [item["PrivateIpAddress"] for item in found["PrivateIpAddresses"]] == [one["PrivateIpAddress"], free]
    assert not run_module("elastic_ip", **options)["changed"]


@pytest.mark.parametrize("code", ["AuthFailure", "InvalidIPAddress.InUse"])
def test_what_aws_has_not_let_go_of_is_released_in_the_end(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    made = run_module("elastic_ip", region=HERE)
    faults(monkeypatch, ReleaseAddress=[code] * 5)
    assert run_module("elastic_ip", region=HERE, id=made["id"], state="absent")["changed"]
    assert not ec2().describe_addresses()["Addresses"]


def test_what_aws_refuses_is_told_with_its_fix(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    faults(monkeypatch, AllocateAddress=["AddressLimitExceeded"])
    result = run_module("elastic_ip", region=HERE)
    assert result["failed"]
    assert "lower ec2_count or ec2_addresses" in result["msg"]
    faults(monkeypatch, ReleaseAddress=["AuthFailure"] * 50)
    made = run_module("elastic_ip", region=HERE)
    assert run_module("elastic_ip", region=HERE, id=made["id"], state="absent")["failed"]
