"""What things on AWS cost, by the table and what is laid over it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.labserver.aws.prices import HOURS, PRICES, Prices
from ansible.module_utils.labserver.errors import LabError


def thing(kind: str, region: str = "us-west-2", **facts: object) -> dict[str, Any]:
    return {"type": kind, "region": region, **facts}


@pytest.mark.parametrize(
    ("what", "hourly"),
    [
        (thing("instance", instance_type="t3.micro", state="running"), 0.0104),
        (thing("instance", instance_type="t3.micro"), 0.0104),  # as planned
        (thing("instance", instance_type="t3.micro", state="stopped"), 0),
        (thing("instance", instance_type="t3.micro", state="running", automatic_addresses=2), 0.0204),
        (thing("instance", instance_type="t3.micro", state="stopped", automatic_addresses=2), 0),
        (thing("volume", volume_type="gp3", size_gb=10, iops=3000, throughput=125), 0.8 / HOURS),
        (thing("volume", volume_type="gp2", size_gb=100, iops=300), 10 / HOURS),
        (thing("snapshot", size_gb=10), 0.5 / HOURS),
        (thing("bucket", size_gb=1000), 23 / HOURS),
        (thing("bucket", size_gb=0), 0),
        (thing("address"), 0.005),
        (thing("address", "eu-central-1"), 0.005),  # the same everywhere
        (thing("instance", "us-east-1", instance_type="t3.micro"), 0.0104),
        (thing("instance", "eu-west-1", instance_type="t3.micro"), 0.0104 * 1.1),
        (thing("volume", "eu-west-1", volume_type="gp3", size_gb=10), 0.88 / HOURS),
        (thing("key_pair"), 0),
        (thing("security_group", "xx-none-1"), 0),
        (thing("interface"), 0),
    ],
)
def test_prices(what: dict[str, Any], hourly: float) -> None:
    assert Prices().hourly(what) == pytest.approx(hourly)


@pytest.mark.parametrize(
    "what",
    [
        thing("instance", instance_type="z9.huge"),
        thing("instance", "xx-none-1", instance_type="t3.micro"),
        thing("instance", "xx-none-1", instance_type="t3.micro", automatic_addresses=1),
        thing("volume", volume_type="io2", size_gb=10),
        thing("volume", volume_type="gp3", size_gb=10, iops=6000),  # the gigabytes are not all of its price
        thing("volume", volume_type="gp3", size_gb=10, throughput=500),
        thing("bucket", size_gb=None),
        thing("address", "xx-none-1"),
    ],
)
def test_what_nobody_told_is_unknown_and_not_free(what: dict[str, Any]) -> None:
    assert Prices().hourly(what) is None


def test_overrides_are_laid_over_the_table() -> None:
    prices = Prices(
        {
            "date": 2027,
            "regions": {
                "us-west-2": {"instance": {"z9.huge": "4.5"}, "address": 0.006},
                "eu-west-1": {"instance": {"t3.micro": 0.02}},
                "me-south-1": {"like": "us-west-2", "instance_factor": 2},
                "af-south-1": {"volume": {"gp3": 0.1}},
            },
        }
    )
    assert prices.date == "2027"
    assert prices.hourly(thing("instance", instance_type="z9.huge")) == 4.5
    assert prices.hourly(thing("instance", instance_type="t3.micro")) == 0.0104  # the rest stays
    assert prices.hourly(thing("address", "us-east-1")) == 0.006  # a region that is like it follows
    assert prices.hourly(thing("instance", "eu-west-1", instance_type="t3.micro")) == 0.02  # without the factor
    assert prices.hourly(thing("instance", "me-south-1", instance_type="t3.micro")) == pytest.approx(0.0208)
    assert prices.hourly(thing("volume", "af-south-1", volume_type="gp3", size_gb=73)) == pytest.approx(0.01)
    assert prices.hourly(thing("instance", "af-south-1", instance_type="t3.micro")) is None
    assert Prices().hourly(thing("instance", instance_type="z9.huge")) is None  # the table itself is untouched


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"t3.micro": 0.01}, "unknown key 't3.micro': use `date` and `regions`"),
        ({"regions": ["us-west-2"]}, "regions is no mapping"),
        ({"regions": {"us-west-2": 1}}, "regions.us-west-2 is no mapping"),
        ({"regions": {"us-west-2": {"instance": 1}}}, "regions.us-west-2.instance is no mapping"),
        (
            {"regions": {"us-west-2": {"instances": {}}}},
            "unknown key 'regions.us-west-2.instances': use one of instance",
        ),
        ({"regions": {"us-west-2": {"instance": {"t3.micro": "cheap"}}}}, "instance.t3.micro is 'cheap'"),
        ({"regions": {"us-west-2": {"address": -1}}}, "is -1, which is no price: write US dollars"),
        ({"regions": {"us-west-2": {"address": "nan"}}}, "is no price"),
        ({"regions": {"us-west-2": {"address": True}}}, "is no price"),
        ({"regions": {"us-west-2": {"address": None}}}, "is no price"),
        ({"regions": {"us-west-2": {"like": "us-west-2"}}}, "can be like us-west-2 only"),
        ({"regions": {"me-south-1": {"like": "eu-west-1"}}}, "can be like us-west-2 only"),
        ([1], "the prices is no mapping"),
    ],
)
def test_wrong_overrides_are_told_with_their_place(overrides: Any, message: str) -> None:
    with pytest.raises(LabError, match=r"^prices: ") as failure:
        Prices(overrides)
    assert message in str(failure.value)


def test_the_table_holds_what_the_role_offers() -> None:
    for kind in ("t2.micro", "t3.micro", "t3.small", "t4g.micro", "t4g.small"):
        for region in PRICES["regions"]:
            assert Prices().hourly(thing("instance", region, instance_type=kind)), (kind, region)
