"""Who may sign in to RStudio's stand-in, on every system. No test prints a password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

Browse = Callable[..., list[dict[str, Any]]]


def test_the_right_password_lets_in(sign_in: Browse) -> None:
    form, signed_in, page = sign_in("student", "/")
    assert form["status"] == 200
    assert signed_in["headers"]["Location"] == "http://127.0.0.1:8787/"
    assert "Signed in as student" in page["text"]


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("student", "teacher"),  # another's
        ("sleeper", ""),  # right, but the account is locked
        ("outsider", ""),  # right, but not of the group
        ("nobody", "student"),
    ],
)
def test_nobody_else_gets_in(sign_in: Browse, user: str, password: str) -> None:
    _form, refused, page = sign_in(user, "/", password=password)
    assert "error=1" in refused["headers"]["Location"]
    assert "Set-Cookie" not in refused["headers"]
    assert page["headers"]["Location"].endswith("/auth-sign-in")


def test_the_server_read_its_configuration_at_its_first_start(host: Host) -> None:
    starts = host.check_output("journalctl --unit=rstudio-server --output=cat | grep listening").splitlines()
    assert starts == ["listening on 0.0.0.0:8787, group rstudio-users"]


def test_it_starts_at_boot(host: Host) -> None:
    service = host.service("rstudio-server")
    assert service.is_running
    assert service.is_enabled


def test_the_signature_was_checked(component: Callable[..., Any]) -> None:
    record = component("rstudio_server")
    assert record["state"] == "ready"
    assert record["unavailable"] == {}
    assert record["details"]["version"] == "0.0.1+standin"
