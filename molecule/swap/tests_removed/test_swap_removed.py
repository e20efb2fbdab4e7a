"""After the removal there is no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def test_no_trace_is_left(host: Host, swaps: dict[str, int], component: Callable[..., Any]) -> None:
    path = str(host.ansible.get_variables()["swap_path"])
    assert path not in swaps
    assert not host.file(path).exists
    assert "x-labserver" not in host.file("/etc/fstab").content_string
    assert sorted(host.file("/srv").listdir()) == ["data", "theirs.swap"]
    assert component("swap") == {}
