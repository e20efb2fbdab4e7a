"""After an upgrade with two sessions open, a run cut off before the restart, and new passwords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

URL = "http://127.0.0.1:8788"
Browse = Callable[..., list[dict[str, Any]]]


def test_the_next_version_is_there(host: Host, component: Callable[..., Any]) -> None:
    assert host.check_output("rstudio-server version").startswith("0.0.2+standin")
    record = component("rstudio_server")
    assert record["details"]["version"] == "0.0.2+standin"
    assert record["unavailable"] == {}


@pytest.mark.parametrize(("user", "values"), [("student", '{"x": "42"}'), ("teacher", '{"y": "43"}')])
def test_the_sessions_are_still_there(sign_in: Browse, user: str, values: str) -> None:
    """By the cookie from before: nobody was signed out either."""
    assert values in sign_in(user, "/session", url=URL, cookie=f"secrets/{user}.cookie")[-1]["text"]


def test_the_server_has_read_the_configuration_that_it_was_not_told_of(host: Host) -> None:
    assert host.socket("tcp://0.0.0.0:8788").is_listening
    assert not host.socket("tcp://0.0.0.0:8787").is_listening


def test_a_wrong_option_is_not_in_the_configuration(host: Host) -> None:
    assert "nonsense" not in host.file("/etc/rstudio/rserver.conf").content_string


def test_the_memory_is_what_the_machine_can_spare(host: Host) -> None:
    total = host.ansible("setup", "filter=ansible_memtotal_mb")["ansible_facts"]["ansible_memtotal_mb"]
    spared = max(total * 3 // 4, total - 1024)
    assert host.check_output("systemctl show rstudio-server --property=MemoryMax") == f"MemoryMax={spared << 20}"


@pytest.mark.parametrize("user", ["student", "teacher"])
def test_another_password_holds_and_the_old_one_does_not(sign_in: Browse, user: str) -> None:
    assert "error" not in sign_in(user, url=URL)[1]["headers"]["Location"]
    assert "error" in sign_in(user, url=URL, password=f"{user}.old")[1]["headers"]["Location"]


def test_one_who_was_locked_out_is_in_again_with_the_password_from_before(sign_in: Browse) -> None:
    assert "error" not in sign_in("sleeper", url=URL)[1]["headers"]["Location"]
