"""What the tests of the modules share: how a module is run, and an HTTP server that breaks off and counts."""

from __future__ import annotations

import http.server
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


class RunModule(Protocol):
    """Runs a module by name with options; returns what it printed, with `failed` false when it succeeded."""

    def __call__(self, name: str, /, *, check: bool = False, diff: bool = False, **options: object) -> dict[str, Any]:
        """Run it."""


@dataclass
class Page:
    """What a path answers: `cut` breaks the first so many answers off after so many bytes."""

    body: bytes
    etag: str | None = None
    status: int = 200
    cut: list[int] = field(default_factory=list)
    location: str | None = None
    ranges: bool = True
    kind: str = "text/plain"


class Server:
    """`pages` by path; `requests` are (path, headers) in order."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                server.requests.append((self.path, dict(self.headers)))
                page = server.pages.get(self.path, Page(b"", status=404))
                self.answer(page)

            def answer(self, page: Page) -> None:
                body, status = page.body, page.status
                asked = self.headers.get("Range")
                if asked and page.ranges and self.headers.get("If-Range") == page.etag:
                    start = int(asked.removeprefix("bytes=").rstrip("-"))
                    status, body = (206, body[start:]) if start < len(body) else (416, b"")
                    total = len(page.body)
                self.send_response(status)
                if status == 206:
                    self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
                if page.etag:
                    self.send_header("ETag", page.etag)
                if page.location:
                    self.send_header("Location", page.location)
                self.send_header("Content-Type", page.kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if page.cut:
                    self.wfile.write(body[: page.cut.pop(0)])
                    self.close_connection = True
                else:
                    self.wfile.write(body)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class RawServer:
    """Answers each request with the next of `answers`, byte for byte, the last one again and again.

    An answer may be made from the request, of which `requests` has the texts. Then the connection is closed, after
    `linger` seconds.
    """

    def __init__(self) -> None:
        self.answers: list[bytes | Callable[[str], bytes]] = []
        self.requests: list[str] = []
        self.linger = 0.0
        self.closing = threading.Event()
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                lines = []
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    lines.append(line.decode("latin-1"))
                if not lines:
                    return
                server.requests.append("".join(lines))
                answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                self.wfile.write(answer(server.requests[-1]) if callable(answer) else answer)
                server.closing.wait(server.linger)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str = "/data") -> str:
        return f"http://{self.address}{path}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def answer(body: bytes = b"", status: str = "200 OK", *headers: str, length: bool = True) -> bytes:
    """Return the bytes of an answer, with the length of its body unless told otherwise."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body
