"""The same file in another size; swap that is unavailable is recorded; nothing is left, and of others nothing lost."""

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


def test_it_was_moved(host: Host, swaps: dict[str, int]) -> None:
    assert not [path for path in swaps if "my\\040molecule" in path]
    assert "my\\040molecule" not in host.file("/etc/fstab").content_string
    own = str(host.ansible.get_variables()["swap_path"]).removeprefix("/srv/")
    assert set(host.file("/srv").listdir()) == {"data", "theirs.swap", own}


def test_what_is_not_ours_is_as_it_was(host: Host) -> None:
    assert host.file("/srv/data/thesis.txt").content_string == "x\n"
    assert host.file("/srv/theirs.swap").size == 4 * 1024 * 1024
    assert "/srv/theirs.swap none swap sw,noauto 0 0\n" in host.file("/etc/fstab").content_string
