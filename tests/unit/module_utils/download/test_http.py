"""Transfers: resumed, given up, through proxies, with passwords that nobody sees."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.download import http
from ansible.module_utils.labserver.download.connection import Network

from tests.support.downloads import DATA, SHA, leftovers, record
from tests.support.modules import Page, RunModule, Server


def test_a_broken_transfer_goes_on_where_it_stopped(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA, etag='"one"', cut=[200_000])
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")], sha256=SHA)
    assert not result["failed"]
    assert (tmp_path / "data").read_bytes() == DATA
    assert server.requests[1][1]["Range"] == "bytes=200000-"
    assert leftovers(tmp_path) == []


def test_an_interrupted_run_is_resumed_by_the_next(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA, etag='"one"', cut=[100_000, 50_000, 30_000])
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")]}
    failed = run_module("dataset_file", **options)
    assert failed["failed"]
    assert "early" in failed["msg"]
    assert leftovers(tmp_path) == [".data.part", ".data.part.json"]
    server.requests.clear()
    assert run_module("dataset_file", **options)["changed"]
    assert [headers.get("Range") for _, headers in server.requests] == ["bytes=180000-"]
    assert (tmp_path / "data").read_bytes() == DATA
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(
    run_module: RunModule, server: Server, tmp_path: Path, *, ranges: bool
) -> None:
    server.pages["/data"] = Page(DATA, etag='"one"', cut=[1000] * http.ATTEMPTS)
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")]}
    assert run_module("dataset_file", **options)["failed"]
    changed = DATA[::-1]
    server.pages["/data"] = Page(changed, etag='"two"', ranges=ranges)
    assert run_module("dataset_file", **options)["sha256"] == hashlib.sha256(changed).hexdigest()


def test_a_file_that_became_shorter_is_fetched_from_its_beginning(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/data"] = Page(DATA, etag='"one"', cut=[1000] * http.ATTEMPTS)
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")]}
    assert run_module("dataset_file", **options)["failed"]
    server.pages["/data"] = Page(b"short", etag='"one"')
    assert run_module("dataset_file", **options)["size"] == 5


def test_without_proof_of_sameness_nothing_is_resumed(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA, etag='W/"weak"', cut=[1000])
    assert run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")], sha256=SHA)["changed"]
    assert all("Range" not in headers for _, headers in server.requests)


def test_a_part_of_another_source_is_never_continued(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/one"] = Page(b"x" * 5000, etag='"same"', cut=[1000] * http.ATTEMPTS)
    server.pages["/two"] = Page(DATA, etag='"same"')
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/one"), server.url("/two")])
    assert result["sha256"] == SHA


def test_a_server_that_stalls_is_given_up(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        result = run_module("dataset_file", dest=tmp_path / "data", sources=[url])
    assert "timed out" in result["unavailable"][0]["reason"]


def test_a_server_that_drips_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SLOW_WINDOW", 0.2)
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            try:
                for _ in range(100):
                    connection.sendall(b".")
                    time.sleep(0.05)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener, (tmp_path / "out").open("w+b") as out:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        with pytest.raises(http.SourceError, match="fewer than"):
            http.fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/", out, Network())


def test_passwords_are_sent_and_never_shown(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA, status=302, location=server.url("/moved").replace("127.0.0.1", "localhost"))
    server.pages["/moved"] = Page(DATA)
    secret = f"http://ann:s3cr%40t@{server.address}"
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[f"{secret}/gone", f"{secret}/data"])
    assert not result["failed"]
    assert server.requests[0][1]["Authorization"] == "Basic YW5uOnMzY3JAdA=="
    assert "Authorization" not in server.requests[2][1]  # not to where it was redirected
    shown = json.dumps(result) + json.dumps(record(tmp_path / "data"))
    assert "s3cr" not in shown.replace(json.dumps(result.get("invocation", "")), "")
    assert result["source"] == f"http://***@{server.address}/data"


def test_a_redirect_leads_to_no_other_kind_of_address(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("private")
    server.pages["/data"] = Page(b"", status=302, location=(tmp_path / "private").as_uri())
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")])
    assert result["failed"]
    assert not (tmp_path / "data").exists()


def test_the_proxy_of_the_environment_is_used(
    run_module: RunModule, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["http://data.example.org/data"] = Page(DATA)
    monkeypatch.setenv("http_proxy", f"http://{server.address}")
    monkeypatch.setenv("no_proxy", "")
    result = run_module("dataset_file", dest=tmp_path / "data", sources=["http://data.example.org/data"], sha256=SHA)
    assert result["changed"]


def test_a_proxy_that_fails_is_named_and_not_the_server_alone(
    run_module: RunModule, server: Server, closed_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reason(proxy: str) -> str:
        monkeypatch.setenv("http_proxy", proxy)
        result = run_module("dataset_file", dest=tmp_path / "data", sources=["http://data.example.org/data"])
        return str(result["unavailable"][0]["reason"])

    monkeypatch.setenv("no_proxy", "")
    refused = reason(f"http://ann:s3cret@127.0.0.1:{closed_port}")
    assert refused == f"Connection refused, asked by way of the proxy of http_proxy, 127.0.0.1, port {closed_port}"
    assert "s3cret" not in reason(f"ann:s3cret@127.0.0.1:{closed_port}")
    server.pages["http://data.example.org/data"] = Page(b"", status=407)
    assert "of the proxy's address" in reason(f"http://{server.address}")
    monkeypatch.setenv("no_proxy", "example.org")
    assert "proxy" not in reason(f"http://127.0.0.1:{closed_port}")


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "user:password@"), (403, "let this host"), (404, "correct the address")]
)
def test_a_refusal_tells_what_helps(
    run_module: RunModule, server: Server, tmp_path: Path, status: int, advice: str
) -> None:
    server.pages["/data"] = Page(b"", status=status)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")])
    assert f"answered {status} " in result["msg"]
    assert advice in result["msg"]


def test_what_is_in_reach_and_wrong_is_not_to_be_made_reachable(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/data"] = Page(DATA)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")], sha256="0" * 64)
    assert "correct `sha256`" in result["msg"]
    assert "can reach" not in result["msg"]
    plain = server.url("/data").replace("http:", "https:")
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[plain])
    assert "speaks no TLS" in result["msg"]


def test_a_certificate_bundle_that_is_not_there_is_named(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "no.pem"))
    result = run_module("dataset_file", dest=tmp_path / "data", sources=["https://127.0.0.1:9/data"])
    assert "no.pem" in result["msg"]
