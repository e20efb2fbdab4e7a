"""After plays that could not have the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def test_nothing_is_installed(host: Host) -> None:
    assert not host.package("rstudio-server").is_installed
    for path in ("/usr/lib/rstudio-server", "/etc/rstudio"):
        assert not host.file(path).exists


def test_the_reason_is_recorded(component: Callable[..., Any]) -> None:
    record = component("rstudio_server")
    assert record["state"] == "unavailable"
    assert "wrong checksum" in record["reason"]


def test_the_users_are_there_all_the_same(host: Host) -> None:
    assert host.user("student").shell == "/bin/bash"
    assert host.file("/home/student").user == "student"


def test_an_account_of_the_system_was_not_touched(host: Host) -> None:
    assert host.user("daemon").exists
