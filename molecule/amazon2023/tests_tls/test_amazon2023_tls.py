"""After httpd was told to speak TLS, and to have RStudio Server behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host

Browse = Callable[..., list[dict[str, Any]]]
URL = "https://127.0.0.1/rstudio"


def test_rstudio_is_behind_httpd_and_there_only(host: Host, sign_in: Browse) -> None:
    _form, signed_in, page = sign_in("student", "/", url=URL)
    assert "Path=/rstudio/; HttpOnly; Secure" in signed_in["headers"]["Set-Cookie"]
    assert "Signed in as student" in page["text"]
    listening = [name for name in host.socket.get_listening_sockets() if name.endswith(":8787")]
    assert listening == ["tcp://127.0.0.1:8787"]


def test_a_websocket_passes(sign_in: Browse) -> None:
    assert sign_in("student", "ws:/echo", url=URL)[-1]["text"] == "hello"


def test_the_certificate_is_that_of_the_site_and_not_the_distributions(host: Host) -> None:
    shown = host.check_output(
        "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -subject"
    )
    assert shown.endswith(f"CN = {host.check_output('hostname --fqdn')}")


def test_without_tls_everyone_is_sent_there(sign_in: Browse) -> None:
    form = sign_in("student", url="http://127.0.0.1/rstudio")[0]
    assert form["status"] == 307
    assert form["headers"]["Location"] == f"{URL}/auth-sign-in"
