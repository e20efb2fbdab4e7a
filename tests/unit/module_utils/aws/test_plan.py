"""What is planned, and what it would cost."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.labserver.aws.plan import plan
from ansible.module_utils.labserver.aws.prices import Prices, total
from ansible.module_utils.labserver.aws.tables import plan_table
from ansible.module_utils.labserver.errors import LabError

from tests.support.aws import HERE


def test_a_plan() -> None:
    planned = [
        {"type": "instance", "instance_type": "t3.micro", "count": 5, "name": "machines"},
        {"type": "volume", "size_gb": "10", "count": "5"},  # as Ansible's templates give numbers
        {"type": "volume", "size_gb": 10, "volume_type": "gp2"},
        {"type": "address", "count": 5},
        {"type": "key_pair"},
        {"type": "bucket"},
        {"type": "instance", "instance_type": "t3.micro", "region": "eu-west-1", "count": 0},
        {"type": "instance", "instance_type": "z9.huge", "count": 2},
    ]
    things = plan(planned, HERE, Prices())
    assert [thing["monthly_usd"] for thing in things] == [37.96, 4.0, 1.0, 18.25, 0, 0, 0, None]
    assert total(things, "monthly_usd") == 61.21
    assert total(things, "hourly_usd") == pytest.approx(61.21 / 730, abs=1e-4)
    lines = plan_table(things, Prices())
    assert len({len(line) for line in lines[:10]}) == 1  # columns
    assert lines[1].split() == ["instance", "machines", "5", "t3.micro", HERE, "0.0520", "37.96"]
    assert lines[9].split() == ["total", "0.0838", "61.21"]  # 61.21 / 730 = 0.083849
    assert "lacks what has no known price: z9.huge" in lines[10]
    assert plan([], HERE, Prices()) == []
    assert plan_table([], Prices()) == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "entry 2: type is None: set it to one of spot_request, instance"),
        ({"type": "server"}, "entry 2: type is 'server'"),
        ({"type": "instance"}, "entry 2: a planned instance needs instance_type"),
        ({"type": "volume"}, "a planned volume needs size_gb"),
        ({"type": "address", "number": 2}, "unknown key 'number': use type, name"),
        ({"type": "address", "count": "two"}, "count is 'two': set it to a number"),
        ({"type": "address", "count": -1}, "count is -1"),
        ({"type": "volume", "size_gb": "ten"}, "size_gb is 'ten'"),
        ({"type": "volume", "size_gb": -1}, "size_gb is -1"),
    ],
)
def test_wrong_plans(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError) as failure:
        plan([{"type": "address"}, entry], HERE, Prices())
    assert message in str(failure.value)
    assert str(failure.value).startswith("planned: ")
