"""The region where none is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients, usual_region
from ansible.module_utils.labserver.errors import LabError

pytestmark = pytest.mark.usefixtures("throw_away_keys")

CONFIG = """
[default]
region = eu-west-1
[profile far]
region = ap-south-1
[profile none]
output = json
"""


@pytest.mark.parametrize(
    ("environment", "region"),
    [
        ({}, "eu-west-1"),
        ({"AWS_PROFILE": "far"}, "ap-south-1"),
        ({"AWS_PROFILE": "none"}, "us-west-2"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_DEFAULT_REGION": "eu-west-2", "AWS_REGION": "eu-west-3", "AWS_PROFILE": "far"}, "eu-west-3"),
        ({"AWS_DEFAULT_REGION": "", "AWS_REGION": ""}, "eu-west-1"),
        ({"AWS_CONFIG_FILE": "/dev/null"}, "us-west-2"),
    ],
)
def test_one_rule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], region: str) -> None:
    (tmp_path / "config").write_text(CONFIG)
    for name, value in {"AWS_CONFIG_FILE": str(tmp_path / "config"), **environment}.items():
        monkeypatch.setenv(name, value)
    assert usual_region() == AwsClients().region == region
    assert AwsClients("sa-east-1").region == "sa-east-1"
    if "AWS_CONFIG_FILE" not in environment and "AWS_REGION" not in environment:
        assert AwsClients(profile_name="far").region == environment.get("AWS_DEFAULT_REGION", "ap-south-1")


def test_a_profile_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    with pytest.raises(LabError, match="set AWS_PROFILE to a profile of"):
        usual_region()
