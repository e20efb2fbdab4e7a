"""After a run that found something interrupted or changed."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from testinfra.host import Host


def test_the_file_system_has_grown_with_what_was_on_it(host: Host) -> None:
    if not host.file("/dev/lab").exists:
        pytest.skip(f"this container may not use loop devices: {host.file('/srv/loop.log').content_string}")
    assert host.file("/srv/data/kept").content_string == "keep\n"
    assert int(host.check_output("df --output=size --block-size=1M /srv/data | tail -n 1")) > 500


def test_the_lost_address_is_back(host: Host, servers: dict[str, Any]) -> None:
    first = host.ansible.get_variables()["inventory_hostname"] == "molecule-debian12"
    spare = servers["spare"][:2] if first else servers["spare"][4:6]
    assert set(spare) <= set(host.interface("eth0").addresses)


def test_only_what_differs_was_transferred(host: Host, servers: dict[str, Any]) -> None:
    name = host.ansible.get_variables()["inventory_hostname"]
    session = boto3.Session("test", "test", region_name="us-west-2")
    bucket = session.resource("s3", endpoint_url=servers["environment"]["AWS_ENDPOINT_URL"]).Bucket(servers["bucket"])
    times = {entry.key.removeprefix(f"results/{name}/"): entry.last_modified for entry in bucket.objects.all()}
    assert times["one.html"] > times["deep/a b+ü.json"]
    assert bucket.Object(f"results/{name}/one.html").get()["Body"].read() == b"other\n"
    assert bucket.Object(f"results/{name}/kept").get()["Body"].read() == b"keep\n"


def test_the_damaged_file_is_right_and_the_rest_was_left(host: Host) -> None:
    assert host.file("/srv/sets/reviews.json").content_string == '{"reviewText": "good"}\n'
    assert host.file("/srv/sets/mine").content_string == "mine\n"
    assert not host.file("/srv/sets/.reviews.json.part").exists
