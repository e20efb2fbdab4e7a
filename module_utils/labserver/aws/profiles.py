"""The instance profile by which Session Manager reaches machines, and its role of the same name.

IAM is one for all regions: the name has the project and the region, and a tag has the region. The profile is made first
and deleted last, for a survey finds it and not the role.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Callable

from ..errors import LabError
from .errors import ClientError, error_code
from .resources import PROJECT, TAG, Resource, new_resource, tags_of

PATH = "/labserver/"
REGION = TAG + "region"
# By which AWS's agent on a machine may talk to Session Manager
_POLICY = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_GONE, _THERE = "NoSuchEntity", "EntityAlreadyExists"


def ensure_profile(iam: Any, name: str, tags: Mapping[str, str], *, check_mode: bool) -> bool:
    """Make what is missing of profile and role; return whether anything was. Raises LabError where one is not ours."""
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    profile = _find(iam.get_instance_profile, "InstanceProfile", tags, InstanceProfileName=name)
    role = _find(iam.get_role, "Role", tags, RoleName=name)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] if role else []
    steps: list[Callable[[], object]] = []
    if profile is None:
        steps.append(partial(iam.create_instance_profile, InstanceProfileName=name, Path=PATH, Tags=pairs))
    if role is None:
        trust = json.dumps(_TRUST)
        steps.append(partial(iam.create_role, RoleName=name, Path=PATH, AssumeRolePolicyDocument=trust, Tags=pairs))
    if all(one["PolicyArn"] != _POLICY for one in attached):
        steps.append(partial(iam.attach_role_policy, RoleName=name, PolicyArn=_POLICY))
    if profile is None or not profile["Roles"]:
        steps.append(partial(iam.add_role_to_instance_profile, InstanceProfileName=name, RoleName=name))
    if not check_mode:
        for step in steps:
            _once(step)
    return bool(steps)


def delete_profile(iam: Any, name: str) -> None:
    """Delete role and profile, as far as they are there."""

    def remove_role() -> None:
        profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        for role in profile["Roles"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])

    _unless_gone(remove_role)
    _unless_gone(lambda: iam.detach_role_policy(RoleName=name, PolicyArn=_POLICY))
    _unless_gone(lambda: iam.delete_role(RoleName=name))
    _unless_gone(lambda: iam.delete_instance_profile(InstanceProfileName=name))


def list_profiles(iam: Any, regions: Sequence[str], project: str | None, now: datetime) -> Iterable[Resource]:
    """Yield ours: those below our path, with our tags, for machines of these regions."""
    for page in iam.get_paginator("list_instance_profiles").paginate(PathPrefix=PATH):
        for listed in page["InstanceProfiles"]:
            name = listed["InstanceProfileName"]
            profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]  # a listing has no tags
            tags = tags_of(profile)
            if tags.get(REGION) in regions and tags.get(PROJECT, "") in (project or tags.get(PROJECT),):
                yield new_resource("instance_profile", name, tags[REGION], {**tags, "Name": name}, now)


def _find(get: Any, key: str, tags: Mapping[str, str], **name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = get(**name)[key]
    except ClientError as error:
        if error_code(error) != _GONE:
            raise
        return None
    if tags_of(found).get(PROJECT) != tags[PROJECT]:
        raise LabError(
            f"the {' '.join(name.values())} of IAM is not ours: it lacks our tags, and is left alone. Set"
            " LABSERVER_PROJECT to another name, or ec2_instance_profile to a profile of yours"
        )
    return found


def _once(call: Callable[[], object]) -> None:
    """Make a call; that it was made before, and its answer lost, is no failure."""
    try:
        call()
    except ClientError as error:
        if error_code(error) not in (_THERE, "LimitExceeded"):  # the latter where the profile has its one role
            raise


def _unless_gone(call: Callable[[], object]) -> None:
    try:
        call()
    except ClientError as error:
        if error_code(error) != _GONE:
            raise
