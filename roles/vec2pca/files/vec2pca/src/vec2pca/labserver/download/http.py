"""Fetch a URL into an open file: proxies and authorities of the environment, redirects, waits, timeouts, resumption.

What is out of reach is distinguished from what is wrong: `OutOfReachError` from any other `SourceError`. No message
quotes an address, a header or an answer of the server as it is: they may hold a password.
"""

from __future__ import annotations

import datetime as dt
import email.message
import email.utils
import errno
import http.client
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import BinaryIO, Callable

from .address import PORTS, Address, AddressError, mask, parse, scrub
from .answer import (
    ADVICE,
    Beginning,
    OutOfReachError,
    SourceError,
    beginning_length,
    rest_length,
    validator,
    whole_length,
)
from .connection import READ_TIMEOUT, Network, Response, opener

SLOW_WINDOW = 60  # seconds in which at least SLOW_BYTES must arrive: a server that drips is a server that stalls
SLOW_BYTES = 16 << 10
LINGER = 0.5  # seconds in which bytes beyond the announced length are noticed, when the connection stays open
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # ours, not the server's
ATTEMPTS = 3  # of one URL, when the connection breaks after some bytes
REDIRECTS = 10  # one after another
WAIT_EACH = 30  # seconds, the longest wait that a server that is busy may ask for,
WAIT_TOTAL = 60  # and that for all of its waits together
PAUSES = 3  # where it does not say how long: of 1, 2 and 4 seconds
_BLOCK = 1 << 16
_REDIRECTING = (301, 302, 303, 307, 308)
BUSY = (http.client.TOO_MANY_REQUESTS, http.client.SERVICE_UNAVAILABLE)


class Backoff:
    """How long a server that is busy is waited for, within bounds."""

    def __init__(self) -> None:
        """Nothing was waited for yet."""
        self.waited = 0.0
        self.pauses = 0

    def wait(self, status: int, headers: email.message.Message) -> None:
        """Wait as long as an answer asks for, or else a little. Raises OutOfReachError where that is too long."""
        seconds = _retry_after(headers.get("Retry-After", ""))
        pause = max(seconds or 0.0, 2.0**self.pauses)
        self.pauses += 1
        busy = f"the server answered {status} {http.client.responses[status]}"
        if seconds is None and self.pauses > PAUSES:
            raise OutOfReachError(f"{busy} {self.pauses} times, within {self.waited:.0f} s")
        if pause > WAIT_EACH or self.waited + pause > WAIT_TOTAL:
            raise OutOfReachError(
                f"{busy} and wants a wait of {pause:.0f} s, after {self.waited:.0f} s: the longest is {WAIT_EACH} s, "
                f"and {WAIT_TOTAL} s in all"
            )
        self.waited += pause
        time.sleep(pause)


def _retry_after(value: str) -> float | None:
    """Return the seconds that a header Retry-After asks for; None when it does not say."""
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        until = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=dt.timezone.utc)
    return max(0.0, (until - dt.datetime.now(dt.timezone.utc)).total_seconds())


def _failure(error: BaseException, network: Network, url: str, suffix: str = "") -> SourceError:
    """Return the error to raise: out of reach, or something that must not pass for it."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    kind: type[SourceError] = OutOfReachError
    if isinstance(cause, ssl.SSLCertVerificationError):
        kind = SourceError
        reason = (
            f"its certificate is not trusted ({cause.verify_message}): name your authority's file in SSL_CERT_FILE "
            "or REQUESTS_CA_BUNDLE"
        )
    elif isinstance(cause, socket.timeout):
        reason = f"timed out ({network.connect_timeout} s to connect, {READ_TIMEOUT} s without a byte)"
    elif isinstance(cause, http.client.RemoteDisconnected):
        reason = "it closed the connection without an answer"
    elif isinstance(cause, http.client.IncompleteRead):
        reason = "the connection ended early"
    elif isinstance(cause, (ValueError, http.client.InvalidURL)):  # the address itself has been looked at before
        kind = SourceError
        reason = f"it cannot be asked ({type(cause).__name__}): correct the address of the proxy, if there is one"
    elif isinstance(cause, http.client.HTTPException):
        reason = f"its answer is not that of a web server ({type(cause).__name__})"
    elif isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        kind = SourceError
        reason = "what answers there speaks no TLS: correct the port, or write http://"
    else:
        kind = SourceError if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError) else kind
        reason = getattr(cause, "strerror", None) or scrub(str(cause), url) or type(cause).__name__
        if f": {http.client.PROXY_AUTHENTICATION_REQUIRED:d} " in reason:
            reason = f"{reason}: {ADVICE[http.client.PROXY_AUTHENTICATION_REQUIRED]}"
    proxy = "" if kind is SourceError else _proxy(network, url)
    return kind(reason + suffix + (f", asked by way of {proxy}" if proxy else ""))


def _proxy(network: Network, url: str) -> str:
    """Return which proxy is asked for an address, and who says so; empty where none is."""
    parts = urllib.parse.urlsplit(url)
    proxy = network.proxy or urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return ""
    origin = "pip's settings" if network.proxy else f"{parts.scheme}_proxy"
    try:
        place = urllib.parse.urlsplit(proxy if "://" in proxy else f"//{proxy}")
        return f"the proxy of {origin}, {place.hostname}, port {place.port or PORTS.get(place.scheme, 80)}"
    except ValueError:  # nothing of it is shown: any part may be the password
        return f"the proxy of {origin}, whose address is malformed"


def _address(url: str) -> Address:
    try:
        return parse(url)
    except AddressError as error:
        raise SourceError(str(error)) from None


def _send(
    connections: urllib.request.OpenerDirector, address: Address, headers: Mapping[str, str], network: Network
) -> Response:
    request = urllib.request.Request(address.url, headers=dict(headers))
    try:
        response: Response | None = connections.open(request, timeout=network.connect_timeout)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _failure(error, network, address.url) from None
    if response is None:
        raise SourceError("its proxy is of a kind that is not known here: set one that begins with http://")
    return response


def _ask(url: str, network: Network, headers: Mapping[str, str], backoff: Backoff) -> tuple[Response, str]:
    """Return the answer at the end of all redirects and waits, whatever its status, and the address that gave it."""
    connections = opener(network)
    address = login = _address(url)
    seen = set()
    while True:
        sent = {"User-Agent": "labserver", "Accept-Encoding": "identity", **headers}
        if login.userinfo and login.origin == address.origin:  # a password is for nobody else
            sent["Authorization"] = login.authorization
        step = (address.url, sent.get("Authorization"))
        if step in seen:
            raise OutOfReachError(f"the server redirects in a circle, to {mask(address.url)}")
        response = _send(connections, address, sent, network)
        if response.status in BUSY:
            response.close()
            backoff.wait(response.status, response.headers)
        elif response.status in _REDIRECTING:
            response.close()
            seen.add(step)
            address = _target(address, response)
            login = address if address.userinfo else login
            if len(seen) > REDIRECTS:
                raise OutOfReachError(
                    f"the server redirects more than {REDIRECTS} times, at last to {mask(address.url)}"
                )
        else:
            return response, address.url


def _target(address: Address, response: Response) -> Address:
    """Return where an answer redirects to."""
    location = response.headers.get("Location")
    if location is None:
        raise OutOfReachError(f"the server answered {response.status} and does not say where the file is")
    # Headers are read as Latin-1; what browsers take them for is UTF-8
    location = location.encode("latin-1", "replace").decode("utf-8", "surrogateescape").strip()
    try:
        return parse(urllib.parse.urljoin(address.url, location))
    except AddressError as error:
        raise OutOfReachError(f"the server redirects to {mask(location)!a}: {error}") from None
    except ValueError:
        raise OutOfReachError("the server redirects to a malformed address") from None


def _transfer(response: Response, out: BinaryIO, length: int | None) -> None:
    """Copy the content, of `length` bytes. Raises SourceError for more, ConnectionError for fewer."""
    response.length = None  # http.client stops at the first of several lengths; here its end is looked at
    window, recent, got = time.monotonic(), 0, 0
    while length is None or got < length:
        block = response.read1(_BLOCK if length is None else min(_BLOCK, length - got))
        if not block:
            break
        out.write(block)
        got += len(block)
        recent += len(block)
        now = time.monotonic()
        if now - window > SLOW_WINDOW:
            if recent < SLOW_BYTES:
                raise ConnectionError(f"fewer than {SLOW_BYTES} bytes came in {SLOW_WINDOW} s")
            window, recent = now, 0
    # Without a length, a file that ends early looks like a short one here (chunks end with a marker of their own), but
    # an answer that ends within its head is no empty file
    if length is None and not got and not response.chunked:
        raise ConnectionError("the connection ended early, before the first byte")
    if length is not None and got < length:
        raise ConnectionError(f"the connection ended {length - got} bytes early")
    if length is not None and _has_more(response):
        raise SourceError(f"the server sends more than the {length} bytes that it announced")


def _has_more(response: Response) -> bool:
    try:
        response.connection.settimeout(LINGER)
        return bool(response.read1(1))
    except OSError:  # a server that leaves the connection open, or breaks it off: nothing more came
        return False


def probe(url: str, network: Network, name: str = "") -> None:
    """Raise SourceError with the reason where `url` would not be served. Nothing but the head of the answer is read."""
    response, _ = _ask(url, network, {}, Backoff())
    with response:
        whole_length(response.status, response.headers, _names(url, name))


def read(url: str, network: Network, headers: Mapping[str, str]) -> tuple[str, str, bytes]:
    """Return a page of moderate size: its address after redirects, its media type and its content."""
    content = BytesIO()
    response, final = _ask(url, network, headers, Backoff())
    with response:
        length = whole_length(response.status, response.headers)
        try:
            _transfer(response, content, length)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(error, network, url) from None
        return final, response.headers.get_content_type(), content.getvalue()


def _names(url: str, name: str) -> tuple[str, str]:
    return name, _address(url).target.partition("?")[0]


@dataclass(frozen=True)
class RemoteFile:
    """What a server tells of a file. version: what changes when the file does, if anything."""

    head: bytes
    begun: Beginning
    version: str
    ranges: bool  # it has parts of it, and proves that they are of one file


def inspect_file(url: str, size: int, network: Network) -> RemoteFile:
    """Return what the server tells of a file, with its first `size` bytes. Raises SourceError, also for no length."""
    names = _names(url, "")
    for headers in ({"Range": f"bytes=0-{size - 1}"}, {}):
        response, _ = _ask(url, network, headers, Backoff())
        if response.status != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:  # an empty file has no first bytes
            break
        response.close()
    with response:
        ranges = response.status == http.client.PARTIAL_CONTENT
        length_of = beginning_length if ranges else partial(whole_length, response.status)
        total, proof = length_of(response.headers, names), validator(response.headers)
        if total is None:
            raise SourceError("the server does not tell its length")
        try:
            head = response.read(min(size, total))
        except (OSError, http.client.HTTPException) as error:
            raise _failure(error, network, url) from None
        if len(head) < min(size, total):
            raise OutOfReachError("the connection ended early")
        version = str(response.headers.get("ETag") or response.headers.get("Last-Modified") or "")
        return RemoteFile(head, Beginning(proof, total), version, ranges and proof != "")


def open_at(url: str, begun: Beginning, start: int, network: Network) -> BinaryIO:
    """Open a file at a byte; `begun` is what `inspect_file` returned. Raises SourceError where it has changed."""
    names = _names(url, "")
    headers = {"Range": f"bytes={start}-", "If-Range": begun.validator} if start else {}
    response, _ = _ask(url, network, headers, Backoff())
    if start and response.status == http.client.PARTIAL_CONTENT:
        right = rest_length(response.headers, begun, start, names) is not None
    else:
        right = whole_length(response.status, response.headers, names) in (None, begun.total) and not start
    if not right:
        response.close()
        raise SourceError("it changed while it was read, or its server sends other bytes than were asked for")
    return response


def fetch(
    url: str,
    out: BinaryIO,
    network: Network,
    name: str = "",
    begun: Beginning | None = None,
    remember: Callable[[Beginning], None] = lambda _begun: None,
) -> None:
    """Write what `url` serves, a file called `name`, into `out`, which ends up holding the whole file.

    `out` may hold the first bytes of an interrupted fetch when `begun` says of which file: the rest is requested, and
    taken when the server proves that its file is still that one. `remember` is called with the same for the next time
    before the first byte of a file. Raises SourceError with the reason; `out` then holds a beginning.
    """
    names = _names(url, name)
    backoff = Backoff()
    begun = begun or Beginning()
    breaks = 0
    while True:
        start = out.seek(0, os.SEEK_END) if begun.validator else 0
        start = start if begun.total is None or start < begun.total else 0
        headers = {"Range": f"bytes={start}-", "If-Range": begun.validator} if start else {}
        response, _ = _ask(url, network, headers, backoff)
        with response:
            if start and response.status in (http.client.PARTIAL_CONTENT, http.client.REQUESTED_RANGE_NOT_SATISFIABLE):
                length = rest_length(response.headers, begun, start, names) if response.status == 206 else None
                if length is None:  # the rest of another file, or no proof that it is not
                    begun = Beginning()
                    continue
            else:
                length = whole_length(response.status, response.headers, names)
                out.seek(0)
                out.truncate()
                begun = Beginning(validator(response.headers), length)
                remember(begun)
            try:
                _transfer(response, out, length)
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "errno", None) in DISK_ERRORS:
                    raise
                breaks += 1
                if breaks == ATTEMPTS:
                    raise _failure(error, network, url, f" (tried {ATTEMPTS} times)") from None
            else:
                return
