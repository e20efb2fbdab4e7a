"""Prices by AWS's Price List API: what is asked, and that a run never depends on the answer."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.price_list import current_prices
from ansible.module_utils.labserver.aws.prices import Prices
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

pytestmark = pytest.mark.usefixtures("account")
HERE = "us-west-2"
MACHINE = {"type": "instance", "region": HERE, "instance_type": "t3.micro"}
DISK = {"type": "volume", "region": HERE, "volume_type": "gp3", "size_gb": 10}
BUCKET = {"type": "bucket", "region": HERE, "size_gb": 1}
PRICES = {
    "BoxUsage:t3.micro": [("0", "0.0111")],
    "EBS:VolumeUsage.gp3": [("0", "0.0888")],
    "PublicIPv4:InUseAddress": [("0", "0.006")],
    "TimedStorage-ByteHrs": [("51200", "0.022"), ("0", "0.025")],
}


def product(usage: str, steps: list[tuple[str, str]]) -> str:
    dimensions = {
        f"sku.{begin}": {"unit": "Hrs", "beginRange": begin, "pricePerUnit": {"USD": price}} for begin, price in steps
    }
    offer = {"OnDemand": {"sku.term": {"priceDimensions": dimensions}}}
    return json.dumps({"product": {"attributes": {"usagetype": f"USW2-{usage}"}}, "terms": offer})


class Pricing:
    """Answers in the place of the API, with everything that it knows; or fails."""

    def __init__(self, error: Exception | None = None, prices: dict[str, Any] | None = None) -> None:
        self.error = error
        self.prices = PRICES if prices is None else prices
        self.asked: list[dict[str, str]] = []

    def get_products(self, ServiceCode: str, Filters: list[dict[str, str]], **_: Any) -> Any:  # noqa: N803
        self.asked.append({"service": ServiceCode} | {one["Field"]: one["Value"] for one in Filters})
        if self.error:
            raise self.error
        return {"PriceList": [product(usage, steps) for usage, steps in self.prices.items()]}


def ask(monkeypatch: pytest.MonkeyPatch, pricing: Any, *resources: dict[str, Any]) -> dict[str, Any]:
    monkeypatch.setattr(AwsClients, "client", lambda *_a, **_k: pricing)
    found: dict[str, Any] = current_prices(AwsClients(HERE), HERE, resources)
    return found


def test_todays_prices_take_the_place_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    pricing = Pricing()
    found = ask(monkeypatch, pricing, MACHINE, DISK, BUCKET)
    assert found["regions"] == {
        HERE: {"instance": {"t3.micro": 0.0111}, "volume": {"gp3": 0.0888}, "address": 0.006, "bucket": 0.025}
    }
    assert {one["regionCode"] for one in pricing.asked} == {HERE}
    prices = Prices(found)
    assert prices.hourly({**MACHINE, "automatic_addresses": 1}) == pytest.approx(0.0171)
    assert prices.date.endswith("by AWS's price list")
    assert Prices(found, {"regions": {HERE: {"instance": {"t3.micro": 1}}}}).hourly(MACHINE) == 1


@pytest.mark.parametrize(
    "pricing",
    [
        Pricing(ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetProducts")),
        Pricing(ReadTimeoutError(endpoint_url="https://pricing.example")),
        Pricing(prices={}),
        Pricing(prices={"BoxUsage:t3.micro": [("0", "cheap")]}),
        Pricing(prices={key: one for key, one in PRICES.items() if "IPv4" not in key}),
    ],
    ids=["denied", "too slow", "unknown", "another form", "not all of them"],
)
def test_without_all_of_them_the_table_stays(monkeypatch: pytest.MonkeyPatch, pricing: Pricing) -> None:
    assert ask(monkeypatch, pricing, MACHINE, DISK) == {}


def test_nothing_is_asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pricing = Pricing()
    assert ask(monkeypatch, pricing) == {}
    assert pricing.asked == []


def test_the_question_is_one_that_the_api_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("pricing", "us-east-1")
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": [product("TimedStorage-ByteHrs", [("0", "0.023")])]})
        assert ask(monkeypatch, client, BUCKET)["regions"] == {HERE: {"bucket": 0.023}}


def test_an_endpoint_that_is_silent_delays_for_seconds_only() -> None:
    config = AwsClients(HERE).client("pricing", seconds=2).meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (2, 2, 1)
