"""What scripts/status tells: what runs, where, whether it answers, and what is in the way."""

from __future__ import annotations

import fcntl
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import docker_engine
import environment
import machine
import pytest
import status
from ansible.module_utils.labserver.ports import listeners


def container(name: str, port: int, state: str = "running", project: str = "labserver") -> dict[str, Any]:
    """Describe a sandbox host as `docker inspect` does."""
    times = {"StartedAt": "2026-11-27T12:46:05.123456789Z", "FinishedAt": "2026-11-26T09:00:00.5Z"}
    return {
        "Name": f"/{name}",
        "State": {"Status": state, **times},
        "Config": {"Labels": {"labserver.project": project}},
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}},
    }


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let an engine answer, with the hosts in this list."""
    hosts: list[dict[str, Any]] = []

    def output(*command: str) -> str:
        return json.dumps(hosts) if command[1] == "inspect" else " ".join(host["Name"] for host in hosts)

    monkeypatch.setattr("sys.argv", ["status.py"])
    monkeypatch.setattr(machine, "output", output)
    monkeypatch.setattr(docker_engine, "answers", lambda: True)
    monkeypatch.setattr(environment, "STATE", tmp_path)
    monkeypatch.setattr(status, "REPORT", tmp_path / "site.json")
    monkeypatch.setattr(status, "listeners", list)
    return hosts


@pytest.fixture
def site() -> Iterator[int]:
    """Serve a page, and nothing below /broken."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500 if self.path.startswith("/broken") else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def rows(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], str]:
    """Return the lines of the table by host, and what follows it."""
    table, _, after = capsys.readouterr().out.partition("\n\n")
    return {line.split()[0]: line for line in table.splitlines()[1:]}, after


def test_before_the_first_host_it_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert status.main() == 0
    assert capsys.readouterr().out == "There is no host yet. scripts/up makes one.\n\nNothing is in the way.\n"


def test_a_host_that_runs_is_asked_for_its_page(
    engine: list[dict[str, Any]], site: int, capsys: pytest.CaptureFixture[str]
) -> None:
    engine += [container("labserver-1", site), container("labserver-2", closed_port())]
    assert status.main() == 0
    hosts, after = rows(capsys)
    assert " running  2026-11-27 " in hosts["labserver-1"]
    assert f"http://127.0.0.1:{site}/  yes" in hosts["labserver-1"]
    assert hosts["labserver-2"].split()[5] == "no"
    assert after == "Nothing is in the way.\n"


def test_a_host_that_stands_still_is_in_the_way(
    engine: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    engine += [container("labserver-1", closed_port(), state="exited")]
    assert status.main() == 1
    hosts, after = rows(capsys)
    assert " exited  2026-11-26 " in hosts["labserver-1"]
    assert "labserver-1 is exited: scripts/up starts it, scripts/down removes it" in after


def test_hosts_elsewhere_are_known_by_the_last_report(
    tmp_path: Path, site: int, capsys: pytest.CaptureFixture[str]
) -> None:
    components = [{"name": "httpd", "state": "ready"}, {"name": "rstudio_server", "state": "unavailable"}]
    hosts = [
        {"host": "lab", "url": f"http://127.0.0.1:{site}/", "components": components},
        {"host": "broken", "url": f"http://127.0.0.1:{site}/broken", "components": []},
        {"host": "bare", "url": "", "components": []},
    ]
    (tmp_path / "site.json").write_text(json.dumps({"hosts": hosts}))
    assert status.main() == 0
    found, _ = rows(capsys)
    assert found["lab"].endswith(": 1 ready, rstudio_server unavailable")
    assert "  yes  " in found["lab"]
    assert "  with error 500  " in found["broken"]
    assert found["bare"].split()[1:5] == ["-", "-", "-", "-"]


@pytest.mark.parametrize("report", ["", "[]", '{"hosts": [{}]}', '{"hosts": 3}'])
def test_a_report_that_is_none_is_passed_over(report: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.json").write_text(report)
    assert status.main() == 0
    assert "There is no host yet" in capsys.readouterr().out


def test_a_program_on_a_port_is_in_the_way_of_the_first_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "listeners", listeners)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(status, "PORTS", {"sandbox_http_port": port})
        found = list(status.obstacles([container("other-1", port, project="other")]))
        assert [f"-e sandbox_http_port={port + 10}" in one and "(pid " in one for one in found] == [True]
        assert list(status.obstacles([container("labserver-1", port)])) == []


def test_an_engine_that_cannot_be_had_is_in_the_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docker_engine, "answers", lambda: False)
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    assert status.main() == 1
    assert "no Docker engine answers at DOCKER_HOST=tcp://192.0.2.1:2375" in capsys.readouterr().out


def test_a_run_at_work_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "lock").open("w") as lock:
        lock.write("another scripts/up (pid 7, since 12:00)")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert status.main() == 1
    assert "another scripts/up (pid 7, since 12:00) is at work" in capsys.readouterr().out
    assert status.main() == 0
