"""aws_failure: what other modules say of an error of AWS, with its fix."""

from __future__ import annotations

import pytest

from tests.support.modules import RunModule

REFUSED = "Failed to run instances: An error occurred (VcpuLimitExceeded) when calling RunInstances: no"


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        (["One or more items failed", REFUSED, REFUSED], f"{REFUSED}. To fix it: lower ec2_count"),
        (["Task failed: Module failed: gone"], "gone"),
        (["Task failed: x\nThe filter plugin 'ec2_expiry' failed: set ec2_expires"], "set ec2_expires"),
        (["", "a", "b"], "a; b"),
        ([""], "It never ends"),
    ],
)
def test_messages_are_joined_and_get_the_fix(run_module: RunModule, messages: list[str], told: str) -> None:
    for check in (False, True):
        result = run_module("aws_failure", check=check, messages=messages, region="us-west-2", fallback="It never ends")
        assert result["failed"]
        assert result["msg"].startswith(told)
