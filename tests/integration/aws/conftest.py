"""Fixtures of the tests against AWS's stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.labserver.aws.policy import OPTIONS, allowed

# Its assertions are to say what they found, too
pytest.register_assert_rewrite("tests.integration.aws.estate")

from tests.integration.aws.cloud import Cloud, Project  # noqa: E402
from tests.integration.aws.permissions import permissions  # noqa: E402


@pytest.fixture(scope="session")
def started_cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.close()


@pytest.fixture
def cloud(started_cloud: Cloud) -> Iterator[Cloud]:
    """An empty account; its policy allows whatever Ansible calls in it."""
    started_cloud.reset()
    yield started_cloud
    missing = permissions(started_cloud.actions()) - allowed(OPTIONS)
    assert not missing, "allow these in module_utils/labserver/aws/policy.py"


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path) -> Project:
    """A project that has nothing yet."""
    return Project(cloud, tmp_path)
