"""What AWS would refuse half-way is told with the plan; and a class without Elastic IPs, beyond their quota.

What moto cannot show: the quota of vCPUs, and that a machine has another address after it was stopped.
"""

from __future__ import annotations

from tests.integration.aws.cloud import Cloud, Project

WITHOUT = {"ec2_elastic_ip": False, "ec2_count": 2}


def test_a_quota_and_a_closed_network_are_told_with_the_plan(cloud: Cloud, project: Project) -> None:
    project.variables = {"ec2_count": 2, "ec2_addresses": 1, "ec2_instance_type": "t3.large"}
    cloud.ask("/_quota", "3")
    [table] = cloud.ec2.describe_route_tables()["RouteTables"]
    cloud.ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    cloud.faults()
    run = project.make("--check")
    assert run.code != 0
    assert "2 t3.large us-west-2" in run.text  # the plan
    assert "is refused it (InvalidParameterCombination)" in run.text
    assert "may have 3 Elastic IPs and has 0, and 4 more are needed" in run.text, run.output
    assert "no route to an internet gateway" in run.text
    assert project.make().code != 0
    assert cloud.mutating() == []


def test_machines_without_elastic_ips(cloud: Cloud, project: Project) -> None:
    cloud.ask("/_quota", "0")
    project.variables = dict(WITHOUT)
    run = project.make()
    assert run.code == 0, run.output
    assert "eipalloc" not in cloud.count()
    assert (project.make().changed, cloud.count()["i"]) == (0, 2)
    lent = [one["PublicIpAddress"] for one in cloud.holdings().values() if one.get("PublicIpAddress")]
    assert len(lent) == 2
    assert all(one in project.inventory() for one in lent)
    for playbook in ("stop", "start"):
        run = project.play(playbook)
        assert run.code == 0, run.output
    # Switched on, where the quota allows it, and not off again
    cloud.ask("/_quota", "5")
    project.variables["ec2_elastic_ip"] = True
    assert project.make().code == 0
    assert cloud.count()["eipalloc"] == 2
    project.variables["ec2_elastic_ip"] = False
    run = project.make("-e", "confirm=yes")
    assert run.code != 0
    assert "make the machines anew" in run.text
    assert cloud.count()["eipalloc"] == 2
    assert project.remove().code == 0
    assert cloud.holdings() == {}
