"""Fetch a URL into an open file: proxies and authorities of the environment, timeouts, resumption.

What is out of reach is distinguished from what is wrong: `OutOfReachError` from any other `SourceError`.
"""

from __future__ import annotations

import base64
import email.message
import errno
import http.client
import os
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Callable

READ_TIMEOUT = 60  # seconds without a single byte
SLOW_WINDOW = 60  # seconds in which at least SLOW_BYTES must arrive: a server that drips is a server that stalls
SLOW_BYTES = 16 << 10
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # ours, not the server's
ATTEMPTS = 3  # of one URL, when the connection breaks after some bytes


class SourceError(Exception):
    """A source did not give the file; the text is the reason."""


class OutOfReachError(SourceError):
    """A source cannot be reached, refuses, or does not have the file."""


@dataclass(frozen=True)
class Network:
    """How to reach a server: seconds to connect, a CA bundle and a proxy that override the environment's."""

    connect_timeout: int = 10
    cafile: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    verify: bool = True


def mask(url: str) -> str:
    """Return `url` without the user and password that may stand in it."""
    scheme, sep, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{sep}***@{host.rpartition('@')[2]}{slash}{path}" if sep and "@" in host else url


def _context(network: Network) -> ssl.SSLContext:
    context = ssl.create_default_context()  # SSL_CERT_FILE and SSL_CERT_DIR are read here
    bundle = network.cafile or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    try:
        if bundle and Path(bundle).is_dir():
            context.load_verify_locations(capath=bundle)
        elif bundle:
            context.load_verify_locations(cafile=bundle)
        if network.client_cert:
            context.load_cert_chain(network.client_cert)
    except OSError as error:
        which = " and ".join(name for name in (bundle, network.client_cert) if name)
        raise SourceError(f"the certificates in {which} cannot be read: {error}") from error
    if not network.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _PlainConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_TIMEOUT)


class _SecureConnection(_PlainConnection, http.client.HTTPSConnection):
    """The same over TLS."""


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens http: and https: addresses by the connections above."""

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_PlainConnection, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req, context=self._context)


def _opener(network: Network) -> urllib.request.OpenerDirector:
    proxies = {"http": network.proxy, "https": network.proxy} if network.proxy else None
    # Only the two schemes: a server must not redirect us to file:// or ftp://
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(proxies),
        _Handler(_context(network)),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _request(url: str, headers: Mapping[str, str]) -> urllib.request.Request:
    parts = urllib.parse.urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(
        urllib.parse.urlunsplit(parts._replace(netloc=host)),
        headers={"User-Agent": "labserver", "Accept-Encoding": "identity", **headers},
    )
    if userinfo:
        token = base64.b64encode(urllib.parse.unquote(userinfo).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _validator(headers: email.message.Message) -> str:
    """Return what proves later that the server still has the same file; empty when it gives no proof."""
    etag: str = headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return str(headers.get("Last-Modified", ""))


def _failure(error: BaseException, network: Network, suffix: str = "") -> SourceError:
    """Return the error to raise: out of reach, or something that must not pass for it."""
    if isinstance(error, urllib.error.HTTPError):
        return OutOfReachError(f"the server answered {error.code} {error.reason}")
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return SourceError(
            f"its certificate is not trusted ({cause.verify_message}): name your authority's file in SSL_CERT_FILE "
            "or REQUESTS_CA_BUNDLE"
        )
    if isinstance(cause, socket.timeout):
        reason = f"timed out ({network.connect_timeout} s to connect, {READ_TIMEOUT} s without a byte)"
    else:
        reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    wrong = isinstance(cause, (ValueError, http.client.InvalidURL, ssl.SSLError)) and not isinstance(
        cause, (socket.timeout, ssl.SSLEOFError)
    )
    return (SourceError if wrong else OutOfReachError)(reason + suffix)


def _transfer(response: http.client.HTTPResponse | urllib.error.HTTPError, out: BinaryIO) -> None:
    length = response.headers.get("Content-Length")
    left = int(length) if length and length.isdigit() else None
    window, got = time.monotonic(), 0
    while True:
        block = response.read1(1 << 16)
        if not block:
            break
        out.write(block)
        got += len(block)
        if left is not None:
            left -= len(block)
        now = time.monotonic()
        if now - window > SLOW_WINDOW:
            if got < SLOW_BYTES:
                raise ConnectionError(f"fewer than {SLOW_BYTES} bytes came in {SLOW_WINDOW} s")
            window, got = now, 0
    if left:
        raise ConnectionError(f"the connection ended {left} bytes early")


def _open(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request, network: Network
) -> http.client.HTTPResponse | urllib.error.HTTPError:
    """Return the answer, or raise SourceError with the reason why there is none to use."""
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=network.connect_timeout)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and request.has_header("Range"):
            return error  # the file has become shorter: fetch it from its beginning
        error.close()
        raise _failure(error, network) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _failure(error, network) from error
    return response


def _continues(response: http.client.HTTPResponse | urllib.error.HTTPError, start: int, validator: str) -> bool:
    """Return whether the answer is the rest, from byte `start`, of the file that `validator` stands for."""
    return (
        response.status == http.client.PARTIAL_CONTENT
        and start > 0
        and _validator(response.headers) in ("", validator)
        and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    )


def probe(url: str, network: Network) -> None:
    """Raise SourceError with the reason where `url` would not be served. Nothing but the head of the answer is read."""
    _open(_opener(network), _request(url, {}), network).close()


def read(url: str, network: Network, headers: Mapping[str, str]) -> tuple[str, str, bytes]:
    """Return a page of moderate size: its address after redirects, its media type and its content."""
    content = BytesIO()
    with _open(_opener(network), _request(url, headers), network) as response:
        try:
            _transfer(response, content)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(error, network) from error
        return response.geturl() or url, response.headers.get_content_type(), content.getvalue()


def fetch(
    url: str,
    out: BinaryIO,
    network: Network,
    validator: str = "",
    remember: Callable[[str], None] = lambda _validator: None,
) -> None:
    """Write what `url` serves into `out`, which ends up holding the whole file.

    `out` may hold the first bytes of an interrupted fetch when `validator` (its ETag or Last-Modified) is given: the
    rest is requested and the server sends it only when its file is still that one. `remember` is called with the new
    validator before the first byte of a file. Raises SourceError with the reason; `out` then holds a beginning.
    """
    opener = _opener(network)
    for attempt in range(1, ATTEMPTS + 1):
        start = out.seek(0, os.SEEK_END) if validator else 0
        headers = {"Range": f"bytes={start}-", "If-Range": validator} if start else {}
        response = _open(opener, _request(url, headers), network)
        with response:
            if response.status != http.client.OK and not _continues(response, start, validator):
                validator = ""
                continue
            if response.status == http.client.OK:
                out.seek(0)
                out.truncate()
                validator = _validator(response.headers)
                remember(validator)
            try:
                _transfer(response, out)
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "errno", None) in DISK_ERRORS:
                    raise
                if attempt == ATTEMPTS:
                    raise _failure(error, network, f" (tried {ATTEMPTS} times)") from error
            else:
                return
    raise SourceError("the server answers ranges that were not asked for")
