"""With a certificate that was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def test_the_certificate_is_the_one_that_was_given(host: Host) -> None:
    client = "openssl s_client -connect 127.0.0.1:8443 </dev/null 2>/dev/null | openssl x509 -noout -subject"
    assert "given.example.org" in host.check_output(client)


def test_browsers_are_told_to_insist_on_tls(ask: Callable[[str], Any]) -> None:
    assert ask("https://127.0.0.1:8443/").headers["Strict-Transport-Security"] == "max-age=86400"


def test_the_key_is_of_root_alone(host: Host) -> None:
    assert host.file("/etc/ssl/private/labserver-given.pem").mode == 0o600
