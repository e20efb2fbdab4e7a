"""The same file in another size; and swap that is unavailable is recorded, with nothing left of the attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def test_it_has_the_new_size(host: Host, swaps: dict[str, int]) -> None:
    path = str(host.ansible.get_variables()["swap_path"])
    assert swaps[path] == 32
    assert host.file(path).size == 32 * 1024 * 1024
    assert host.file("/etc/fstab").content_string.count(path) == 1


def test_the_reason_is_recorded(component: Callable[..., Any]) -> None:
    record = component("swap")
    assert record["state"] == "unavailable"
    assert "overlay" in record["reason"]


def test_nothing_is_left_of_it(host: Host) -> None:
    assert not host.file("/var/swap.1").exists
    assert "/var/swap.1" not in host.file("/etc/fstab").content_string
