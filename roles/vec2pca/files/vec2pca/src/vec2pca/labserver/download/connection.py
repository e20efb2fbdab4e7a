"""How a server is reached: proxies and authorities of the environment, or those that are given, and timeouts."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .answer import SourceError

READ_TIMEOUT = 60  # seconds without a single byte


@dataclass(frozen=True)
class Network:
    """How to reach a server: seconds to connect, a CA bundle and a proxy that override the environment's."""

    connect_timeout: int = 10
    cafile: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    verify: bool = True


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


class Response(http.client.HTTPResponse):
    """An answer that keeps its connection at hand, whose timeout changes at its end."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        """Keep the connection."""
        super().__init__(sock, *args, **kwargs)
        self.connection = sock


class _PlainConnection(http.client.HTTPConnection):
    response_class = Response

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


def opener(network: Network) -> urllib.request.OpenerDirector:
    """Return what opens http: and https: addresses, each answer as it comes; SourceError for bad certificates."""
    proxies = {"http": network.proxy, "https": network.proxy} if network.proxy else None
    # Only the two schemes, and every answer as it comes: redirects and errors are judged here
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler(proxies))
    opener.add_handler(_Handler(_context(network)))
    return opener
