"""With a certificate of the host's own, which was about to expire when the role ran last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host

PEM = "/etc/ssl/private/labserver-self_signed.pem"
CLIENT = "openssl s_client -connect 127.0.0.1:8443 -servername lab.example.org %s </dev/null 2>&1"


def test_the_page_is_served_by_tls(ask: Callable[[str], Any]) -> None:
    answer = ask("https://127.0.0.1:8443/")
    assert answer.status == 200
    assert "labserver" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in answer.headers


def test_without_tls_one_is_sent_there(ask: Callable[[str], Any]) -> None:
    answer = ask("http://127.0.0.1:8081/page?x=1")
    assert answer.status == 307
    assert answer.headers["Location"] == "https://127.0.0.1:8443/page?x=1"


def test_only_the_new_ports_answer(host: Host) -> None:
    listening = host.socket.get_listening_sockets()
    assert not any(name.endswith((":80", ":443", ":8083")) for name in listening)


def test_old_protocols_are_refused(host: Host) -> None:
    for protocol in ("-tls1_2", "-tls1_3"):
        assert "BEGIN CERTIFICATE" in host.run(CLIENT % protocol).stdout
    for protocol in ("-tls1", "-tls1_1", "-tls1_2 -cipher AES128-SHA"):
        assert "BEGIN CERTIFICATE" not in host.run(CLIENT % protocol).stdout


def test_the_certificate_was_made_anew_and_is_served(host: Host) -> None:
    served = host.check_output(f"{CLIENT % ''} | openssl x509 -noout -subject -ext subjectAltName -checkend 31536000")
    assert "lab.example.org" in served
    assert "will not expire" in served
    assert "expiring" not in served


def test_the_key_is_of_root_alone(host: Host) -> None:
    file = host.file(PEM)
    assert (file.user, file.mode) == ("root", 0o600)
    assert "PRIVATE KEY" in file.content_string


def test_another_role_can_serve_something_there(ask: Callable[[str], Any]) -> None:
    assert ask("https://127.0.0.1:8443/other").status == 410
