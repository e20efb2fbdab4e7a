"""ssh_wait: waits for several machines side by side, and names the silent ones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from ansible.module_utils.labserver import ssh as ssh_module

from tests.support.modules import RunModule


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def greet(listening: socket.socket, *words: bytes) -> threading.Thread:
    """Answer one connection after another with these words."""

    def answer() -> None:
        for word in words:
            with listening.accept()[0] as connection:
                connection.sendall(word)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return thread


def test_an_answer_is_waited_for(run_module: RunModule, server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_module, "_PAUSE", 0.01)
    thread = greet(server, b"HTTP/1.1 400", b"", b"SSH-2.0-OpenSSH_9.9\r\n")
    done = run_module("ssh_wait", addresses=["127.0.0.1"], port=server.getsockname()[1], timeout=60)
    assert (done["changed"], done["answering"]) == (False, ["127.0.0.1"])
    thread.join(timeout=60)


def test_those_that_are_silent_are_named_and_what_to_do(run_module: RunModule, server: socket.socket) -> None:
    port = server.getsockname()[1]
    greet(server, b"SSH-2.0-x")
    failed = run_module("ssh_wait", addresses=["127.0.0.1", "127.0.0.9"], port=port, timeout=0, advice="Run start.")
    assert failed["failed"]
    assert failed["msg"] == f"Nothing answers as SSH at port {port} of 127.0.0.9 after 0 s. Run start."
    assert run_module("ssh_wait", check=True, addresses=["127.0.0.9"], port=port)["answering"] == []


def test_without_machines_nothing_is_waited_for(run_module: RunModule) -> None:
    assert run_module("ssh_wait", addresses=[], timeout=60)["answering"] == []
