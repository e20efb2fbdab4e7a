"""Elastic IPs of the user's own: used, and left as they were."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.aws.cloud import Cloud, Project


def addresses(cloud: Cloud) -> dict[str, Any]:
    return {one["AllocationId"]: one for one in cloud.ec2.describe_addresses()["Addresses"]}


@pytest.mark.full
def test_an_elastic_ip_of_the_users_own_is_used_and_stays(cloud: Cloud, project: Project) -> None:
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "Name", "Value": "precious"}]}]
    mine = cloud.ec2.allocate_address(Domain="vpc", TagSpecifications=tags)
    identity = mine["AllocationId"]
    before = addresses(cloud)[identity]

    # Something else uses it
    subnet = cloud.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    other = cloud.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    association = cloud.ec2.associate_address(AllocationId=identity, NetworkInterfaceId=other)["AssociationId"]
    project.variables = {"ec2_elastic_ip_ids": [identity]}
    cloud.faults()
    run = project.make()
    assert run.code != 0
    assert f"is in use by {other}: disassociate it" in run.text, run.output
    project.variables = {"ec2_elastic_ip_ids": ["203.0.113.77"]}
    assert "has no Elastic IP 203.0.113.77" in project.make("--check").text
    assert cloud.mutating() == []
    cloud.ec2.disassociate_address(AssociationId=association)
    cloud.ec2.delete_network_interface(NetworkInterfaceId=other)

    # One machine has one that was allocated for it, and then the user's in its place
    project.variables = {}
    assert project.make().code == 0
    (allocated,) = set(addresses(cloud)) - {identity}
    project.variables = {"ec2_elastic_ip_ids": [mine["PublicIp"]], "ec2_count": 2}
    run = project.make()
    assert run.code != 0
    assert "set -e confirm=yes" in run.text
    run = project.make("-e", "confirm=yes")
    assert run.code == 0, run.output
    found = addresses(cloud)
    assert allocated not in found
    assert len(found) == 2
    assert found[identity]["InstanceId"] != next(one["InstanceId"] for key, one in found.items() if key != identity)
    assert found[identity]["Tags"] == before["Tags"]
    cloud.faults()
    run = project.make()
    assert (run.code, run.changed, cloud.mutating()) == (0, 0, []), run.output
    for playbook in ("stop", "start"):
        assert project.play(playbook).code == 0

    run = project.remove()
    assert run.code == 0, run.output
    assert f"which stay and cost as before: {mine['PublicIp']}" in run.text
    assert addresses(cloud) == {identity: before}
    assert set(cloud.holdings()) == {identity}
