"""The instance profile of Session Manager, against moto in this process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from ansible.module_utils.labserver.aws.profiles import delete_profile, ensure_profile, list_profiles
from ansible.module_utils.labserver.errors import LabError
from moto import mock_aws

from tests.support.aws import HERE

TAGS = {"labserver:project": "lab", "labserver:region": HERE, "labserver:part": "profile"}
NAME = "lab-us-west-2"


@pytest.fixture
def iam() -> Iterator[Any]:
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        yield boto3.client("iam", HERE)


def names(iam: Any, regions: list[str], project: str | None = None) -> list[str]:
    return [one["id"] for one in list_profiles(iam, regions, project, datetime.now(UTC))]


def test_it_lives_from_its_creation_to_its_removal(iam: Any) -> None:
    assert ensure_profile(iam, NAME, TAGS, check_mode=True)
    assert names(iam, [HERE]) == []
    assert ensure_profile(iam, NAME, TAGS, check_mode=False)
    assert not ensure_profile(iam, NAME, TAGS, check_mode=False)
    assert names(iam, [HERE]) == names(iam, [HERE], "lab") == [NAME]
    assert names(iam, ["eu-west-1"]) == names(iam, [HERE], "lab2") == []
    role = iam.get_role(RoleName=NAME)["Role"]
    assert (role["Path"], "ec2.amazonaws.com" in str(role["AssumeRolePolicyDocument"])) == ("/labserver/", True)
    for _ in "12":
        delete_profile(iam, NAME)
    assert iam.list_roles()["Roles"] == iam.list_instance_profiles()["InstanceProfiles"] == []


def test_half_of_it_is_completed_and_half_of_it_is_removed(iam: Any) -> None:
    pairs = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    iam.create_instance_profile(InstanceProfileName=NAME, Path="/labserver/", Tags=pairs)
    assert names(iam, [HERE]) == [NAME]
    assert ensure_profile(iam, NAME, TAGS, check_mode=False)
    iam.remove_role_from_instance_profile(InstanceProfileName=NAME, RoleName=NAME)
    assert ensure_profile(iam, NAME, TAGS, check_mode=False)
    assert not ensure_profile(iam, NAME, TAGS, check_mode=False)
    iam.remove_role_from_instance_profile(InstanceProfileName=NAME, RoleName=NAME)
    delete_profile(iam, NAME)
    assert iam.list_roles()["Roles"] == []


def test_one_of_the_name_that_is_not_ours_is_left_alone(iam: Any) -> None:
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument="{}")
    with pytest.raises(LabError, match="is not ours"):
        ensure_profile(iam, NAME, TAGS, check_mode=False)
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
