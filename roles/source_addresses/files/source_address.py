"""Bind Python's outgoing connections to one address of this host.

A host with several addresses (several Elastic IPs on one machine, say) normally uses the first for all its
connections. This makes it use another:

    with source_address.bound("10.0.0.5"):          # the whole process, all its threads
        urllib.request.urlopen("https://example.org/")

    with source_address.bound_here("10.0.0.5"):     # this thread, or asyncio task, alone
        requests.get("https://example.org/")

    source_address.bind("10.0.0.5")                 # from here on, until unbind()

or, for a program that knows nothing of it:

    python -m source_address 10.0.0.5 script.py its arguments
    python -m source_address 10.0.0.5 -m module its arguments

It holds for all that connects through Python's own sockets (urllib, http.client, requests, asyncio, ftplib, ...) by
TCP over IPv4. What is left alone: sockets that listen, UDP (names are resolved as always), Unix sockets, connections
to this host itself (127.0.0.0/8, ::1), and sockets that the program has bound to an address of its own choice. A
connection over IPv6 is refused, for it would show another address than the chosen one; a client that knows several
addresses of a server then goes on with IPv4, as all of the above do. Not reached are other programs that are started,
and libraries that bring connections of their own (pycurl, uvloop, grpc). Behind a proxy, the proxy's address is shown.

`bound` and `bind` hold for the process, so there can be one at a time: two threads that want two addresses use
`bound_here`, which takes precedence. Threads that are started inside `bound_here` do not inherit it, and tasks should
be awaited inside.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import ipaddress
import json
import runpy
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Linux's number, for Pythons that have no name for it. The port is then chosen when the destination is known, so that
# the number of connections is limited for each destination, and not for all together.
_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)


@dataclass
class _State:
    process: str | None = None  # the address that `bind` set
    users: int = 0  # of the patch


_state = _State()
_lock = threading.Lock()
_context: ContextVar[str | None] = ContextVar("source_address", default=None)


class SourceAddressError(ValueError):
    """An address that connections of this host cannot leave from, or a second one for the same process."""


def addresses() -> list[str]:
    """Return the IPv4 addresses of this host, without its loopback."""
    shown = subprocess.run(["ip", "-json", "-4", "address"], capture_output=True, text=True, check=True).stdout
    found = [entry["local"] for link in json.loads(shown) for entry in link["addr_info"] if "local" in entry]
    return [address for address in found if not ipaddress.ip_address(address).is_loopback]


def checked(address: str) -> str:
    """Return the address if connections can leave from it. Raises SourceAddressError."""
    try:
        ipaddress.IPv4Address(address)
    except ValueError as error:
        raise SourceAddressError(f"{address!r} is not an IPv4 address; {_choice()}") from error
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise SourceAddressError(f"{address} is not an address of this host; {_choice()}") from error
    return address


def _choice() -> str:
    try:
        return f"give one of {', '.join(addresses())}"
    except (OSError, subprocess.SubprocessError):
        return "give one of those that `ip address` lists"


def bind(address: str) -> None:
    """Bind all connections of the process to the address, until `unbind`. Raises SourceAddressError."""
    checked(address)
    with _lock:
        if _state.process is not None:
            raise SourceAddressError(
                f"the connections of this process leave from {_state.process} already: call unbind() first, or use "
                f"bound_here({address!r}) for one thread"
            )
        _state.process = address
        _install()


def unbind() -> None:
    """Undo `bind`, if there was one."""
    with _lock:
        if _state.process is not None:
            _state.process = None
            _uninstall()


@contextlib.contextmanager
def bound(address: str) -> Iterator[None]:
    """Bind all connections of the process to the address. Raises SourceAddressError."""
    bind(address)
    try:
        yield
    finally:
        unbind()


@contextlib.contextmanager
def bound_here(address: str) -> Iterator[None]:
    """Bind the connections of this thread or asyncio task to the address. Raises SourceAddressError."""
    token = _context.set(checked(address))
    with _lock:
        _install()
    try:
        yield
    finally:
        with _lock:
            _uninstall()
        _context.reset(token)


def _connect(self: socket.socket, address: Any, /) -> None:
    _base(self).connect(_prepared(self, address))


def _connect_ex(self: socket.socket, address: Any, /) -> Any:
    try:
        target = _prepared(self, address)
    except socket.gaierror:  # raised by the original too
        raise
    except OSError as error:
        return error.errno
    return _base(self).connect_ex(target)


_METHODS = {"connect": _connect, "connect_ex": _connect_ex}


# A method is looked up in the class each time it is called, so that sockets that exist already, and subclasses such as
# ssl.SSLSocket, take part, while the class itself stays what it is. Python inherits both from C: to restore them is to
# delete ours.
def _install() -> None:
    _state.users += 1
    if _state.users == 1:
        for name, method in _METHODS.items():
            setattr(socket.socket, name, method)


def _uninstall() -> None:
    _state.users -= 1
    if _state.users == 0:
        for name in _METHODS:
            delattr(socket.socket, name)


def _base(sock: socket.socket) -> Any:
    return super(socket.socket, sock)


def _prepared(sock: socket.socket, destination: Any) -> Any:
    """Bind the socket if it is one of ours to bind; return where it is to connect."""
    source = _context.get() or _state.process
    if source is None or sock.type != socket.SOCK_STREAM or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return destination
    if not isinstance(destination, tuple) or not destination:
        return destination  # wrong, and the original has the better message
    # Resolved here, for the original would resolve a name again, and perhaps to another address
    host = socket.getaddrinfo(destination[0] or None, None, sock.family)[0][4][0]
    target = (host, *destination[1:])
    remote = ipaddress.ip_address(str(host).partition("%")[0])
    if remote.is_loopback or remote.is_unspecified:
        return target
    name, port = sock.getsockname()[:2]
    if port or not ipaddress.ip_address(name.partition("%")[0]).is_unspecified:
        return target
    if sock.family == socket.AF_INET6:
        raise OSError(
            errno.EADDRNOTAVAIL,
            f"a connection to {host} cannot leave from the IPv4 address {source}, which source_address was asked for: "
            "use the server's IPv4 address, or connect outside of it",
        )
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source, 0))
    return target


def seen_as(address: str, url: str, timeout: float = 10) -> str:
    """Return the address that `url` shows of its client. Raises OSError, ValueError."""
    # A proxy would show its own address
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with bound_here(address), direct.open(url, timeout=timeout) as answer:
        text = answer.read(100).decode("utf-8", "replace").strip()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ValueError(f"{url} answered {text[:40]!r}, and not an address") from error


def _answer(address: str, url: str, timeout: float) -> dict[str, str]:
    try:
        return {"address": address, "seen": seen_as(address, url, timeout)}
    except (OSError, ValueError) as error:
        return {"address": address, "error": str(getattr(error, "reason", error))}


def main(arguments: list[str] | None = None) -> None:
    """Run a program from an address, or print as which address others see it."""
    parser = argparse.ArgumentParser(prog="python -m source_address", description="Connect from one address.")
    parser.add_argument(
        "--seen-as", metavar="URL", help="request URL from each of the addresses that follow, print JSON"
    )
    parser.add_argument("--timeout", type=float, default=10, help="seconds to wait for URL")
    parser.add_argument("address", help="an address of this host")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="script.py | -m module", help="and its arguments")
    options = parser.parse_args(arguments)
    if options.seen_as:
        with ThreadPoolExecutor(max_workers=16) as pool:
            answers = pool.map(
                lambda one: _answer(one, options.seen_as, options.timeout), [options.address, *options.rest]
            )
            print(json.dumps(list(answers)))
        return
    program = options.rest[1:] if options.rest[:1] == ["-m"] else options.rest
    if not program:
        parser.error("name the program to run: script.py, or -m module")
    try:
        bind(options.address)
    except SourceAddressError as error:
        parser.error(str(error))
    sys.argv = program
    if options.rest[0] == "-m":
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
    elif Path(program[0]).is_file():
        sys.path[0] = str(Path(program[0]).resolve().parent)
        runpy.run_path(program[0], run_name="__main__")
    else:
        parser.error(f"there is no file {program[0]}: give the path of a Python program")


if __name__ == "__main__":
    # Under its own name, or the program that is run would import, and bind, a second copy
    importlib.import_module("source_address").main()
