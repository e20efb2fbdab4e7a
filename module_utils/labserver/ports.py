"""Which programs listen on which TCP ports, as the kernel knows it."""

from __future__ import annotations

import ipaddress
import pwd
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

ANY = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_LISTEN = "0A"  # the state TCP_LISTEN in /proc/net/tcp


def canonical(address: str) -> str:
    """Return the one spelling of an address: Java's sockets of IPv4 are such of IPv6."""
    try:
        found = ipaddress.ip_address("127.0.0.1" if address == "localhost" else address)
    except ValueError:  # another name
        return address
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


@dataclass(frozen=True)
class Listener:
    """A listening socket; `program`, `pid` and `unit` are empty for a process that is not seen from here."""

    address: str
    port: int
    program: str
    pid: str
    unit: str
    uid: int = -1  # of the user, which is seen of every process

    def meets(self, address: str) -> bool:
        """Whether one who binds this port to `address` meets this listener; IPv6's any is IPv4's too."""
        mine, other = canonical(self.address), canonical(address)
        return mine in ANY or other in ANY or mine == other

    def __str__(self) -> str:
        """Name it for a message."""
        return f"{self.program} (pid {self.pid})" if self.pid else "a program that cannot be seen from here"


def listeners(proc: Path = Path("/proc")) -> list[Listener]:
    """Return the listening TCP sockets."""
    sockets = [found for name in ("tcp", "tcp6") for found in _sockets(proc, name)]
    owners = _owners(proc, {inode for *_, inode in sockets}) if sockets else {}
    return [Listener(address, port, *owners.get(inode, ("", "", "")), uid) for address, port, uid, inode in sockets]


def check_ports(ports: Mapping[str, int], ours: Sequence[str], address: str = ANY[0], user: str = "") -> None:
    """Raise a LabError for a port that cannot be used; the keys are the variables that set them.

    `ours` are the units of systemd, and `user` the user, whose programs may have it already.
    """
    for variable, port in ports.items():
        if not (isinstance(port, int) and 1 <= port <= 65535):
            raise LabError(f"{variable} is {port}, which is no port: set it to 1 to 65535")
        same = [name for name, other in ports.items() if other == port and name != variable]
        if same:
            raise LabError(f"{variable} and {same[0]} are both {port}: set one of them to another port")
    found = listeners()
    uids = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_name == user]
    others = [one for one in found if one.unit not in ours and one.uid not in uids]
    problems = []
    for variable, port in ports.items():
        met = (one for one in others if one.port == port and one.meets(address))
        taken = next(met, None)
        if taken:
            problems.append(f"port {port} is taken by {taken}: set {variable} to another port, or end that program")
    if problems:
        raise LabError("; ".join(problems))


def _sockets(proc: Path, name: str) -> Iterator[tuple[str, int, int, str]]:
    with suppress(OSError):
        for line in (proc / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                address, _, port = fields[1].partition(":")
                yield _address(address), int(port, 16), int(fields[7]), fields[9]


def _address(hexadecimal: str) -> str:
    words = re.findall("........", hexadecimal)  # of the machine's byte order, which is little-endian
    packed = b"".join(bytes.fromhex(word)[::-1] for word in words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


def _owners(proc: Path, inodes: set[str]) -> dict[str, tuple[str, str, str]]:
    """Return program, process and unit by the inode of a socket; of a server and its workers the oldest process."""
    owners: dict[str, tuple[str, str, str]] = {}
    for process in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):  # it may end at any moment
            for handle in (process / "fd").iterdir():
                with suppress(OSError):
                    match = re.fullmatch(r"socket:\[(\d+)\]", str(handle.readlink()))
                    if match and match[1] in inodes and match[1] not in owners:
                        units = re.findall(r"([^/\n]+)\.service$", (process / "cgroup").read_text(), re.MULTILINE)
                        program = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                        owners[match[1]] = (program, process.name, units[0] if units else "")
    return owners
