"""Whether SSH answers, on several machines side by side."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

_CONNECT = 5  # seconds
_PAUSE = 2.0


def silent_hosts(addresses: Sequence[str], port: int, seconds: float) -> list[str]:
    """Wait until a server of SSH answers at each address; return those where none does in so many seconds."""
    if not addresses:
        return []
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(len(addresses)) as pool:
        answering = list(pool.map(lambda address: _answers_until(address, port, end), addresses))
    return [address for address, answers in zip(addresses, answering) if not answers]


def _answers_until(address: str, port: int, end: float) -> bool:
    while not _answers(address, port):
        if time.monotonic() + _PAUSE > end:
            return False
        time.sleep(_PAUSE)
    return True


def _answers(address: str, port: int) -> bool:
    """Whether it says SSH's first word: a port alone may be open while the machine still boots."""
    try:
        with socket.create_connection((address, port), timeout=_CONNECT) as connection:
            connection.settimeout(_CONNECT)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
