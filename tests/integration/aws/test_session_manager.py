"""Session Manager in place of port 22: what it needs is made, told and removed.

What moto cannot show: the agent of a machine, and SSH through a session with it.
"""

from __future__ import annotations

import pytest

from tests.integration.aws.cloud import Cloud, Project
from tests.integration.aws.estate import install_session_programs, is_ours, ports


# Made, changed and removed at every change by test_policy.py, with all the rest
@pytest.mark.full
def test_session_manager_takes_the_place_of_port_22(cloud: Cloud, project: Project) -> None:
    project.variables = {"ec2_session_manager": True}
    cloud.faults()
    run = project.make("-e", "ec2_system=debian12")
    assert run.code != 0
    assert "needs the program session-manager-plugin" in run.text, run.output
    assert "set ec2_system to amazon2023" in run.text
    assert cloud.mutating() == []

    install_session_programs(project)
    cloud.faults({"kind": "drop", "action": "CreateInstanceProfile"}, {"kind": "error-after", "action": "CreateRole"})
    assert project.make().code != 0
    assert all(is_ours(one) or "RoleName" in one or "InstanceProfileName" in one for one in cloud.holdings().values())
    cloud.faults()
    run = project.make()
    assert run.code == 0, run.output
    made = cloud.holdings()
    group = next(one for one in made.values() if one.get("GroupName") == "lab")
    assert 22 not in {port for port, _ in ports(group)}
    (profile,) = (one for one in made.values() if "InstanceProfileName" in one)
    assert [role["RoleName"] for role in profile["Roles"]] == [profile["InstanceProfileName"]] == ["lab-us-west-2"]
    policies = cloud.iam.list_attached_role_policies(RoleName="lab-us-west-2")["AttachedPolicies"]
    assert [one["PolicyName"] for one in policies] == ["AmazonSSMManagedInstanceCore"]
    cloud.faults()
    run = project.make()
    assert (run.code, run.changed, cloud.mutating()) == (0, 0, []), run.output

    cloud.faults({"kind": "error-before", "action": "DeleteRole", "times": 1000})
    run = project.remove()
    assert run.code != 0
    assert "allow the call in the policy" in run.text
    cloud.faults()
    run = project.remove()
    assert run.code == 0, run.output
    assert cloud.holdings() == {}
