"""The IAM policy that scripts/aws_policy prints, against what Ansible calls.

That it misses nothing is looked at after every test (fixture `cloud`). That it allows nothing else, here, after a life
in which a project wants ever something else. What moto cannot show: that AWS takes resources and conditions as meant.
"""

from __future__ import annotations

import sys
from typing import Any

from ansible.module_utils.labserver.aws.policy import OPTIONS, UNSEEN, allowed

from tests.integration.aws.cloud import ROOT, Cloud, Project, command_output
from tests.integration.aws.estate import EVERYTHING, install_session_programs, ports, tags_of
from tests.integration.aws.permissions import permissions

BUDGET = {"ec2_budget_usd": 20, "ec2_budget_email": "ada@example.org"}


def test_nothing_is_allowed_that_nobody_calls(cloud: Cloud, project: Project) -> None:
    install_session_programs(project)

    def make(**variables: Any) -> dict[str, Any]:
        project.variables |= variables
        run = project.make()
        assert run.code == 0, run.output
        return cloud.holdings()

    made = make(**EVERYTHING, ec2_spot=True, ec2_session_manager=True, **BUDGET)
    data = next(key for key, one in made.items() if tags_of(one).get("labserver:part") == "data")
    cloud.ec2.create_snapshot(
        VolumeId=data,
        Description="ours",
        TagSpecifications=[
            {"ResourceType": "snapshot", "Tags": [{"Key": "labserver:project", "Value": project.name}]},
        ],
    )
    cloud.s3.put_object(Bucket="lab-data", Key="data", Body=b"data")
    # More of all, another system, and no end
    made = make(ec2_count=2, ec2_system="ubuntu2404", ec2_data_volume_gb=6, ec2_expires="never")
    assert (made[data]["Size"], cloud.count()["i"]) == (6, 2)
    # Less of all, from another network, with an end
    made = make(
        ec2_count=1,
        ec2_data_volume_gb=0,
        ec2_addresses=0,
        ec2_own_cidr="203.0.113.9",
        httpd_tls="self_signed",
        ec2_expires="2099-01-01",
        ec2_session_manager=False,
        ec2_budget_usd=30,
        confirm=True,
    )
    assert (cloud.count()["i"], cloud.count()["vol"], cloud.count()["eipalloc"]) == (1, 1, 1)
    group = next(one for one in made.values() if one.get("GroupName") == project.name)
    assert ports(group) == {(22, "203.0.113.9/32"), (80, "0.0.0.0/0"), (443, "0.0.0.0/0")}
    assert tags_of(group)["labserver:expires"] == "2099-01-01T23:59:59Z"
    for playbook in ("stop", "start"):
        assert project.play(playbook).code == 0
    audit = [sys.executable, str(ROOT / "scripts" / "aws_audit"), "--all-regions"]
    assert project.name in command_output(audit, project.environment())
    run = project.remove("-e", "ec2_remove_bucket_content=true", "-e", "ec2_remove_snapshots=true")
    assert run.code == 0, run.output
    assert cloud.holdings() == {}

    called = permissions(cloud.actions())
    superfluous = allowed(OPTIONS) - called - set(UNSEEN)
    assert not superfluous, "take these out of module_utils/labserver/aws/policy.py, or give the reason in UNSEEN"
    assert not called & set(UNSEEN), "these are called: take them out of UNSEEN"
