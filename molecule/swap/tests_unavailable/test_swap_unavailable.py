"""Swap that cannot be had is reported with its reason, and nothing is left of the attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def test_the_reason_is_recorded(component: Callable[..., Any]) -> None:
    record = component("swap")
    assert record["state"] == "unavailable"
    assert "overlay" in record["reason"]


def test_nothing_is_left_of_it(host: Host) -> None:
    assert not host.file("/var/swap.1").exists
    assert "/var/swap.1" not in host.file("/etc/fstab").content_string
