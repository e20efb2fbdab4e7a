"""Connections leave from the chosen address, as the server sees it, and nothing else is touched."""

from __future__ import annotations

import asyncio
import errno
import http.client
import importlib
import ipaddress
import json
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

FOLDER = Path(__file__).resolve().parents[3] / "roles" / "source_addresses" / "files"
sys.path.insert(0, str(FOLDER))
source_address: Any = importlib.import_module("source_address")

# Every address of 127.0.0.0/8 is this host's, so that a connection can leave from any of them
ONE, TWO = "127.0.0.71", "127.0.0.72"
UNTOUCHED = ("connect", "connect_ex")


class ClientAddress(BaseHTTPRequestHandler):
    """Answers with the address of the client."""

    def do_GET(self) -> None:
        text = self.client_address[0] if self.path == "/" else "no address"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=us-ascii")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is named there
        pass


@pytest.fixture(scope="module")
def own() -> str:
    """Return an address of this host that is not its loopback, which the module leaves alone."""
    try:
        found = source_address.addresses()
    except OSError:
        found = []
    if not found:
        pytest.skip("this machine has no IPv4 address besides its loopback")
    return str(found[0])


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve on all addresses of this host."""
    with ThreadingHTTPServer(("", 0), ClientAddress) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def url(own: str, port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("NO_PROXY", "*")
    return f"http://{own}:{port}/"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Nothing may stay of what a test did."""
    yield
    source_address.unbind()
    assert not [name for name in UNTOUCHED if name in vars(socket.socket)]


def by_urllib(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def by_http_client(url: str) -> str:
    host, port = url.removeprefix("http://").strip("/").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request("GET", "/")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def by_requests(url: str) -> str:
    return requests.get(url, timeout=5).text


def by_asyncio(url: str) -> str:
    async def ask() -> str:
        host, port = url.removeprefix("http://").strip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        text = (await reader.read()).decode()
        writer.close()
        return text.split("\r\n\r\n")[1]

    return asyncio.run(ask())


def by_connect_ex(url: str) -> str:
    host, port = url.removeprefix("http://").strip("/").split(":")
    with socket.socket() as sock:
        assert sock.connect_ex((host, int(port))) == 0
        return str(sock.getsockname()[0])


@pytest.mark.parametrize("ask", [by_urllib, by_http_client, by_requests, by_asyncio, by_connect_ex])
def test_a_connection_leaves_from_the_address(ask: Any, url: str, own: str) -> None:
    assert ask(url) == own
    with source_address.bound(ONE):
        assert ask(url) == ONE
    assert ask(url) == own


def test_tls_takes_part(own: str, port: int) -> None:
    # a subclass, which asks its parent to connect; there is nobody to shake hands with
    context = ssl.create_default_context()
    with (
        source_address.bound(ONE),
        socket.socket() as plain,
        context.wrap_socket(plain, server_hostname="x", do_handshake_on_connect=False) as wrapped,
    ):
        wrapped.connect((own, port))
        assert wrapped.getsockname()[0] == ONE


def test_all_threads_of_the_process_take_part(url: str) -> None:
    with source_address.bound(ONE), ThreadPoolExecutor(4) as pool:
        assert set(pool.map(by_urllib, [url] * 8)) == {ONE}


def test_each_thread_may_have_its_own(url: str) -> None:
    def ask(address: str) -> str:
        with source_address.bound_here(address):
            return by_urllib(url)

    addresses = [ONE, TWO] * 20
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, addresses)) == addresses


def test_other_threads_are_left_alone(url: str, own: str) -> None:
    with source_address.bound_here(ONE), ThreadPoolExecutor(1) as pool:
        assert pool.submit(by_urllib, url).result() == own


def test_each_task_may_have_its_own(own: str, port: int) -> None:
    async def ask(address: str) -> str:
        with source_address.bound_here(address):
            _, writer = await asyncio.open_connection(own, port)
            await asyncio.sleep(0.01)
            writer.close()
            return str(writer.get_extra_info("sockname")[0])

    async def both() -> list[str]:
        return list(await asyncio.gather(ask(ONE), ask(TWO), ask(ONE)))

    assert asyncio.run(both()) == [ONE, TWO, ONE]


def test_the_nearest_one_holds(url: str) -> None:
    with source_address.bound(ONE):
        with source_address.bound_here(TWO):
            assert by_urllib(url) == TWO
        assert by_urllib(url) == ONE


def test_it_ends_also_after_an_error(url: str, own: str) -> None:
    with pytest.raises(ZeroDivisionError), source_address.bound(ONE):
        1 / 0  # noqa: B018
    assert by_urllib(url) == own


def test_a_second_one_for_the_process_is_refused(url: str) -> None:
    with source_address.bound(ONE):
        with pytest.raises(source_address.SourceAddressError, match=r"leave from 127\.0\.0\.71 already.*bound_here"):
            source_address.bind(TWO)
        assert by_urllib(url) == ONE


def test_an_address_of_another_host_is_refused(own: str) -> None:
    for work in (source_address.bind, lambda a: source_address.bound_here(a).__enter__()):
        with pytest.raises(source_address.SourceAddressError, match="is not an address of this host") as caught:
            work("198.51.100.7")
        assert own in str(caught.value)


@pytest.mark.parametrize("wrong", ["", "example.org", "::1", "10.0.0.300"])
def test_what_is_no_ipv4_address_is_refused(wrong: str) -> None:
    with pytest.raises(source_address.SourceAddressError, match="is not an IPv4 address"):
        source_address.bind(wrong)


def test_the_loopback_is_left_alone(port: int) -> None:
    with source_address.bound(ONE):
        assert by_urllib(f"http://127.0.0.1:{port}/") == "127.0.0.1"
        assert by_urllib(f"http://localhost:{port}/") == "127.0.0.1"


def test_an_address_of_the_program_s_own_choice_holds(own: str, port: int) -> None:
    with source_address.bound(ONE), socket.create_connection((own, port), source_address=(TWO, 0)) as sock:
        assert sock.getsockname()[0] == TWO


def test_listening_udp_and_unix_sockets_are_left_alone(own: str, tmp_path: Path) -> None:
    with source_address.bound(ONE):
        with socket.create_server(("", 0)) as server:
            assert ipaddress.ip_address(server.getsockname()[0]).is_unspecified
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect((own, 53))
            assert udp.getsockname()[0] == own
        path = str(tmp_path / "unix")
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(path)
            server.listen()
            client.connect(path)


def test_ipv6_is_refused_and_clients_go_on_with_ipv4(own: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (own, port)),
    ]
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        return found if host == "both.example.org" else real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with source_address.bound(ONE):
        assert by_urllib(f"http://both.example.org:{port}/") == ONE
        with socket.socket(socket.AF_INET6) as sock:
            with pytest.raises(OSError, match="cannot leave from the IPv4 address") as caught:
                sock.connect(("2001:db8::1", port, 0, 0))
            assert caught.value.errno == errno.EADDRNOTAVAIL
            assert sock.connect_ex(("2001:db8::1", port, 0, 0)) == errno.EADDRNOTAVAIL


def test_errors_stay_what_they_are(own: str) -> None:
    with socket.create_server((own, 0)) as free:
        closed = free.getsockname()[1]
    with source_address.bound(ONE), socket.socket() as sock:
        with pytest.raises(ConnectionRefusedError):
            sock.connect((own, closed))
        with pytest.raises(TypeError):
            sock.connect("nonsense")
        with pytest.raises(socket.gaierror):
            sock.connect_ex(("name.invalid", 80))


def test_a_socket_without_waiting_connects(own: str, port: int) -> None:
    with source_address.bound(ONE), socket.socket() as sock:
        sock.settimeout(0)
        assert sock.connect_ex((own, port)) in (0, errno.EINPROGRESS)
        assert sock.getsockname()[0] == ONE


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the module as a command."""
    command = [sys.executable, "-m", "source_address", *arguments]
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "beside.py").write_text("NAME = 'beside'\n")
    (tmp_path / "ask.py").write_text(
        "import sys, urllib.request, beside, source_address\n"
        "opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))\n"
        "print(__name__, sys.argv[1:], beside.NAME, opener.open(sys.argv[1]).read().decode())\n"
    )
    return str(tmp_path / "ask.py")


def test_a_program_that_knows_nothing_of_it_is_run(script: str, url: str) -> None:
    result = run(ONE, script, url, "--its=own")
    assert result.stdout == f"__main__ ['{url}', '--its=own'] beside {ONE}\n", result.stderr


def test_a_module_is_run() -> None:
    result = run(ONE, "-m", "json.tool", "--help")
    assert "usage" in result.stdout


def test_the_command_says_what_is_wrong(script: str) -> None:
    for arguments, message in (
        (("198.51.100.7", script), "is not an address of this host; give one of"),
        ((ONE,), "name the program to run"),
        ((ONE, "missing.py"), "there is no file missing.py"),
    ):
        result = run(*arguments)
        assert result.returncode == 2
        assert message in result.stderr


def test_it_prints_as_what_others_see_each(url: str, own: str) -> None:
    answers = json.loads(run("--seen-as", url, "--timeout", "5", ONE, "198.51.100.7", TWO).stdout)
    assert answers[0] == {"address": ONE, "seen": ONE}
    assert "is not an address of this host" in answers[1]["error"]
    assert answers[2] == {"address": TWO, "seen": TWO}
    (answer,) = json.loads(run("--seen-as", f"http://{own}:1/", ONE).stdout)
    assert "refused" in answer["error"]
    (answer,) = json.loads(run("--seen-as", f"{url}page", ONE).stdout)
    assert "answered 'no address', and not an address" in answer["error"]
