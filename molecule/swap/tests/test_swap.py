"""The swap file is in use, is its owner's alone, and comes back at boot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def path(host: Host) -> str:
    """Return where the scenario's inventory wants the host's swap."""
    return str(host.ansible.get_variables()["swap_path"])


def test_it_is_in_use(host: Host, swaps: dict[str, int]) -> None:
    assert swaps[path(host)] == 64


def test_nobody_else_reads_it(host: Host) -> None:
    swap_file = host.file(path(host))
    assert (swap_file.user, swap_file.mode) == ("root", 0o600)


def test_the_boot_switches_it_on(host: Host) -> None:
    host.check_output("swapoff %s", path(host))
    assert path(host) not in host.check_output("cat /proc/swaps")
    host.check_output("swapon --all")
    assert path(host) in host.check_output("cat /proc/swaps")


def test_it_is_reported(host: Host, component: Callable[..., Any]) -> None:
    record = component("swap")
    assert record["state"] == "ready"
    assert path(host) in record["where"]
