"""The IAM policy: what it is bound to, and that AWS takes it. Its actions are tested in tests/integration/aws."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import boto3
import pytest
from ansible.module_utils.labserver.aws.policy import OPTIONS, UNSEEN, allowed, policy

from tests.support.aws_audit import ROOT

# AWS takes no more in a managed policy, without spaces
MANAGED = 6144
CHANGING = re.compile("Describe|Get|List|View")


def statements(*projects: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy(projects or ["lab"], OPTIONS, bucket="lab-data")["Statement"]
    return found


def actions_of(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else action


def test_it_is_short_enough_to_paste() -> None:
    assert len(json.dumps(policy(["a-project-of-twenty"], OPTIONS, bucket="b" * 63), separators=(",", ":"))) < MANAGED


def test_its_statements_have_names_that_iam_takes() -> None:
    names = [one["Sid"] for one in statements()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9]+", name) for name in names)


def test_what_changes_machines_is_bound_to_the_project() -> None:
    free = ("MakeIn", "AddressInterfaces", "AssociateElasticIps")
    for one in statements():
        changing = [action for action in actions_of(one) if not CHANGING.match(action.partition(":")[2])]
        if changing and one["Sid"] not in free:
            bound = json.dumps([one.get("Condition"), one["Resource"]])
            assert any(
                words in bound
                for words in (
                    '"lab"',
                    "lab-data",
                    "spot.amazonaws.com",
                    "/labserver/",
                    "budget/labserver-",
                    "SSH",
                    "session",
                )
            ), one


def test_several_projects_and_a_bucket_are_named() -> None:
    text = json.dumps(statements("lab1", "lab2"))
    assert '{"aws:ResourceTag/labserver:project": ["lab1", "lab2"]}' in text
    assert "arn:aws:s3:::lab-data/*" in text
    assert "s3:CreateBucket" not in json.dumps(policy(["lab"]))


def test_the_actions_of_ec2_exist() -> None:
    operations = boto3.client("ec2", "us-west-2").meta.service_model.operation_names
    assert {one.removeprefix("ec2:") for one in allowed(OPTIONS) if one.startswith("ec2:")} <= set(operations)


def test_what_no_test_asks_for_is_allowed_and_has_its_reason() -> None:
    assert set(UNSEEN) <= allowed(OPTIONS)
    assert all(UNSEEN.values())


@pytest.mark.parametrize("arguments", [[], ["--project", "lab1", "--project", "lab2", "--bucket", "lab-data"]])
def test_the_command_prints_it_for_the_project_of_the_environment(arguments: list[str]) -> None:
    command = [sys.executable, "-I", str(ROOT / "scripts" / "aws_policy"), *arguments]
    done = subprocess.run(command, env={"LABSERVER_PROJECT": "lab"}, capture_output=True, text=True, check=True)
    given = (["lab1", "lab2"], "lab-data") if arguments else (["lab"], "")
    assert json.loads(done.stdout) == policy(given[0], bucket=given[1])
