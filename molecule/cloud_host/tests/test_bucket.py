"""What is in the bucket is on the host, and the other way round; and no secret stays there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from testinfra.host import Host


@pytest.fixture
def bucket(servers: dict[str, Any]) -> Any:
    session = boto3.Session("test", "test", region_name="us-west-2")
    return session.resource("s3", endpoint_url=servers["environment"]["AWS_ENDPOINT_URL"]).Bucket(servers["bucket"])


def test_what_was_pulled_is_the_same(host: Host, bucket: Any) -> None:
    for path in ("reviews.json", "more/ähnlich +1.txt"):
        there = bucket.Object(f"sets/{path}").get()
        here = host.file(f"/srv/sets/{path}")
        assert here.content == there["Body"].read()
        assert int(here.mtime.timestamp()) == int(there["LastModified"].timestamp())
        assert here.mode == 0o644


def test_what_was_pushed_is_the_same(host: Host, bucket: Any) -> None:
    name = host.ansible.get_variables()["inventory_hostname"]
    pushed = {
        entry.key: entry.get()["Body"].read().decode() for entry in bucket.objects.filter(Prefix=f"results/{name}/")
    }
    assert pushed == {
        f"results/{name}/{path}": f"the result {path} of {name}" for path in ("one.html", "deep/a b+ü.json")
    }


def test_no_credentials_and_no_signed_address_stay_on_the_host(host: Host) -> None:
    found = host.run("grep --recursive --files-with-matches X-Amz-Signature /srv /etc /root /tmp /var/log /home")
    assert not found.stdout
    assert not host.file("/root/.aws").exists


def test_it_is_reported(component: Callable[..., Any]) -> None:
    record = component("s3_sync")
    assert (record["state"], record["where"], record["unavailable"]) == ("ready", "s3://labserver-data", {})
