"""Module ec2_price_info: by the table, without AWS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.modules import RunModule


@pytest.mark.parametrize(
    ("arguments", "hourly"),
    [
        ({"instance_type": "t3.micro", "region": "us-west-2"}, 0.0154),
        ({"instance_type": "t9.huge", "region": "us-west-2"}, None),
        (
            {
                "instance_type": "t3.micro",
                "region": "us-west-2",
                "prices": {"regions": {"us-west-2": {"instance": {"t3.micro": 1}}}},
            },
            1.005,
        ),
    ],
)
def test_the_address_counts(run_module: RunModule, arguments: dict[str, Any], hourly: float | None) -> None:
    result = run_module("ec2_price_info", **arguments)
    assert (result["changed"], result["hourly_usd"]) == (False, hourly)


def test_prices_that_are_none_are_named(run_module: RunModule) -> None:
    result = run_module("ec2_price_info", instance_type="a", region="b", prices={"regions": 1})
    assert result["failed"]
