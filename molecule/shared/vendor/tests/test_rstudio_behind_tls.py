"""RStudio's stand-in behind Apache, which speaks TLS, on every system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host

Browse = Callable[..., list[dict[str, Any]]]
URL = "https://127.0.0.1/rstudio"


def test_the_server_listens_on_the_loopback_alone(host: Host) -> None:
    listening = [name for name in host.socket.get_listening_sockets() if name.endswith(":8787")]
    assert listening == ["tcp://127.0.0.1:8787"]


def test_signing_in_works_below_the_path(sign_in: Browse) -> None:
    form, signed_in, page, echo = sign_in("student", "/", "ws:/echo", url=URL)
    assert "Sign in" in form["text"]
    assert signed_in["headers"]["Location"] == f"{URL}/"
    assert "Path=/rstudio/; HttpOnly; Secure" in signed_in["headers"]["Set-Cookie"]
    assert "Signed in as student" in page["text"]
    # a WebSocket passes
    assert (echo["status"], echo["text"]) == (101, "hello")


def test_the_certificate_is_that_of_the_site_and_not_the_distributions(host: Host) -> None:
    client = "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -subject"
    name = host.check_output("hostname --fqdn")
    assert host.check_output(client).replace(" ", "").endswith(f"CN={name}")


def test_without_tls_nobody_is_asked_for_a_password(sign_in: Browse) -> None:
    form = sign_in("student", url="http://127.0.0.1/rstudio")[0]
    assert form["status"] == 307
    assert form["headers"]["Location"] == f"{URL}/auth-sign-in"
