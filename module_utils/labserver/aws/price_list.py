"""Prices of today by AWS's Price List API, for what a project uses; nothing where it does not answer at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

from .client import AwsClients
from .errors import AwsError, BotoCoreError, ClientError

REGION = "us-east-1"  # the API has few endpoints; this one knows the prices of all regions
# A price is worth no wait: each question is asked once, all at the same time
_SECONDS = 2
_INSTANCE = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
}

Prices = dict[str, Any]


def current_prices(clients: AwsClients, region: str, resources: Iterable[Mapping[str, Any]]) -> Prices:
    """Return the prices of these resources in a region, in the form of the overrides of `Prices`; empty without answer.

    All or nothing: a total of old and new prices would be neither.
    """
    questions = list(_questions(list(resources)))
    try:
        pricing = clients.client("pricing", REGION, seconds=_SECONDS)
        with ThreadPoolExecutor(len(questions) or 1) as pool:
            answers = list(pool.map(lambda question: _ask(pricing, region, *question[2:]), questions))
    except (AwsError, BotoCoreError, ClientError, KeyError, ValueError):
        return {}  # not allowed, out of reach, or in another form than it had
    if not answers or None in answers:
        return {}
    prices: Prices = {}
    for (kind, name, *_), price in zip(questions, answers):
        if name:
            prices.setdefault(kind, {})[name] = price
        else:
            prices[kind] = price
    return {"date": f"{datetime.now(timezone.utc):%Y-%m-%d}, by AWS's price list", "regions": {region: prices}}


def _questions(resources: list[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, dict[str, str], str]]:
    """Yield kind, name, service, attributes, and what the type of usage has to end with, for each price."""
    for name in sorted({one["instance_type"] for one in resources if one["type"] == "instance"}):
        yield "instance", name, "AmazonEC2", {**_INSTANCE, "instanceType": name}, f"BoxUsage:{name}"
    for name in sorted({one["volume_type"] for one in resources if one["type"] == "volume"}):
        storage = {"productFamily": "Storage", "volumeApiName": name}
        yield "volume", name, "AmazonEC2", storage, f"VolumeUsage.{name}" if name != "standard" else "VolumeUsage"
    if any(one["type"] in ("instance", "address") for one in resources):
        yield "address", "", "AmazonVPC", {"group": "VPCPublicIPv4Address"}, "PublicIPv4:InUseAddress"
    if any(one["type"] == "bucket" for one in resources):
        yield "bucket", "", "AmazonS3", {"productFamily": "Storage", "volumeType": "Standard"}, "TimedStorage-ByteHrs"


def _ask(pricing: Any, region: str, service: str, attributes: Mapping[str, str], usage: str) -> float | None:
    """Return the price of the product of this usage; of the first of its steps, where it is cheaper in bulk."""
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in {"regionCode": region, **attributes}.items()
    ]
    answer = pricing.get_products(ServiceCode=service, Filters=filters, MaxResults=100)
    for text in answer["PriceList"]:
        product = json.loads(text)
        if not product["product"]["attributes"]["usagetype"].endswith(usage):
            continue
        for term in product["terms"].get("OnDemand", {}).values():
            for step in term["priceDimensions"].values():
                if step.get("beginRange", "0") == "0" and "USD" in step["pricePerUnit"]:
                    return float(step["pricePerUnit"]["USD"])
    return None
