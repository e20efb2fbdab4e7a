"""Behind Apache, which speaks TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host

Browse = Callable[..., list[dict[str, Any]]]
URL = "https://127.0.0.1/rstudio"


def test_the_server_listens_on_the_loopback_alone(host: Host) -> None:
    listening = [name for name in host.socket.get_listening_sockets() if name.endswith(":8789")]
    assert listening == ["tcp://127.0.0.1:8789"]


def test_signing_in_works_below_the_path(sign_in: Browse) -> None:
    form, signed_in, page = sign_in("student", "/", url=URL)
    assert "Sign in" in form["text"]
    assert signed_in["headers"]["Location"] == f"{URL}/"
    assert "Path=/rstudio/; HttpOnly; Secure" in signed_in["headers"]["Set-Cookie"]
    assert "Signed in as student" in page["text"]


def test_a_websocket_passes(sign_in: Browse) -> None:
    answer = sign_in("student", "ws:/echo", url=URL)[-1]
    assert answer["status"] == 101
    assert answer["text"] == "hello"


def test_the_rules_of_static_pages_are_theirs_alone(sign_in: Browse) -> None:
    page = sign_in("student", "/../page.html", url=URL)[-1]
    assert page["text"] == "A static page"
    assert "default-src 'none'" in page["headers"]["Content-Security-Policy"]
    form = sign_in("student", url=URL)[0]
    assert "Content-Security-Policy" not in form["headers"]
    assert form["headers"]["X-Frame-Options"] == "SAMEORIGIN"
    assert form["headers"]["Referrer-Policy"] == "same-origin"


def test_without_tls_nobody_is_asked_for_a_password(sign_in: Browse) -> None:
    form = sign_in("student", url="http://127.0.0.1/rstudio")[0]
    assert form["status"] == 307
    assert form["headers"]["Location"] == f"{URL}/auth-sign-in"


def test_the_path_without_its_slash_leads_there_too(sign_in: Browse) -> None:
    assert sign_in("student", "", url=URL)[-1]["headers"]["Location"] == f"{URL}/"


def test_one_who_was_locked_out_is_out_at_once(host: Host, sign_in: Browse) -> None:
    assert host.run("pgrep --exact rsession --uid teacher").rc == 1
    page = sign_in("teacher", "/", url=URL, cookie="secrets/teacher.cookie")[-1]
    assert page["headers"]["Location"].endswith("/auth-sign-in")


def test_one_who_was_to_go_is_gone(host: Host) -> None:
    assert not host.user("sleeper").exists
    assert host.file("/home/sleeper").is_directory
