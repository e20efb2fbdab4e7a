"""What is past its expiry and still costs, and what has no known price."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.prices import Prices, overdue, total
from ansible.module_utils.labserver.aws.survey import survey
from ansible.module_utils.labserver.aws.tables import table, unpriced

from tests.support.aws import HERE, PAST, ec2, machines, tagged

pytestmark = pytest.mark.usefixtures("account")


NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expires", "expired", "readable"),
    [
        ("2026-12-01T12:00:00Z", True, True),
        ("2026-12-01T12:00:01Z", False, True),
        ("2026-12-01T13:30:00+02:00", True, True),
        ("2026-12-01T12:00:00", True, True),  # without a zone: UTC
        ("2026-12-01", True, True),
        ("2026-12-02", False, True),
        (" 2026-12-01T00:00:00z ", True, True),
        ("", False, True),  # never
        ("tomorrow", False, False),
        ("01.12.2026", False, False),
        ("30d", False, False),
    ],
)
def test_expiry(clients: AwsClients, expires: str, expired: bool, readable: bool) -> None:  # noqa: FBT001
    machines(expires=expires)
    things = survey(clients, HERE, now=NOW)
    assert {(thing["expired"], thing["expires_readable"]) for thing in things} == {(expired, readable)}
    # what nobody can read may be past: it is no reason to remove, but one to look
    assert bool(overdue(things)) == (expired or not readable)
    lines = "\n".join(table(things, Prices(), [HERE]))
    assert ("PAST" in lines) == expired
    assert (f"unreadable: {expires}" in lines) == (not readable)


def test_what_costs_nothing_is_never_overdue(clients: AwsClients) -> None:
    ec2().create_key_pair(KeyName="k", TagSpecifications=tagged("key-pair", expires=PAST))
    [machine] = machines(expires=PAST)
    things = survey(clients, HERE)
    assert {thing["type"] for thing in overdue(things)} == {"instance", "volume"}
    ec2().stop_instances(InstanceIds=[machine])
    assert {thing["type"] for thing in overdue(survey(clients, HERE))} == {"volume"}


def test_what_has_no_price_counts_as_costing(clients: AwsClients) -> None:
    ec2().create_volume(
        AvailabilityZone="us-west-2a",
        Size=20,
        VolumeType="io2",
        Iops=100,
        TagSpecifications=tagged("volume", expires=PAST),
    )
    things = survey(clients, HERE)
    assert (things[0]["hourly_usd"], things[0]["monthly_usd"]) == (None, None)
    assert len(overdue(things)) == 1
    assert unpriced(things) == ["20 GB io2"]
    assert total(things, "monthly_usd") == 0
    lines = table(things, Prices(), [HERE])
    assert lines[2].count("unknown") == 2
    assert "The total lacks what has no known price: 20 GB io2. Tell it in `prices`." in lines
    told = Prices({"regions": {HERE: {"volume": {"io2": 0.125}}}})
    assert survey(clients, HERE, prices=told)[0]["monthly_usd"] == 2.5
