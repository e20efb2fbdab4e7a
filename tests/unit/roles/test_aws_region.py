"""Lookup plugin aws_region, as Ansible runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.usefixtures("throw_away_keys")


def looked_up(*options: str, **environment: str) -> str:
    """Return what Ansible says of the lookup."""
    done = subprocess.run(
        ["ansible", "localhost", "-m", "ansible.builtin.debug", "-a", "msg={{ lookup('aws_region') }}", *options],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return " ".join((done.stdout + done.stderr).split())


def test_the_command_line_comes_before_the_environment() -> None:
    assert "msg: us-west-2" in looked_up()
    assert "msg: eu-west-2" in looked_up(AWS_DEFAULT_REGION="eu-west-2")
    assert "msg: sa-east-1" in looked_up("-e", "ec2_region=sa-east-1", AWS_REGION="eu-west-2")


def test_a_profile_that_does_not_exist_is_told() -> None:
    assert "set AWS_PROFILE to a profile of ~/.aws/config" in looked_up(AWS_PROFILE="absent")
