#!/usr/bin/python3
"""Stand-in for RStudio's rsession: one user's values, kept over a suspension."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socketserver
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

SAVED = Path.home() / ".local/share/rstudio/sessions/stand-in.json"


class Session:
    """The workspace, and whether something is being computed."""

    def __init__(self) -> None:
        """Take up what was saved."""
        self.values: dict[str, Any] = json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.exists() else {}
        self.busy_until = 0.0
        self.memory: list[bytearray] = []

    def suspend(self, *, force: bool) -> None:
        """Save the workspace and end; when not forced, as soon as nothing is being computed."""
        while not force and time.monotonic() < self.busy_until:
            time.sleep(0.1)
        SAVED.parent.mkdir(parents=True, exist_ok=True)
        SAVED.write_text(json.dumps(self.values), encoding="utf-8")
        os._exit(0)


class Handler(http.server.BaseHTTPRequestHandler):
    """set, busy, grow, and what there is."""

    session: Session

    def do_GET(self) -> None:
        """Do what the path says; answer with the state."""
        url = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/set":
            self.session.values.update(asked)
        elif url.path == "/busy":
            self.session.busy_until = time.monotonic() + float(asked["seconds"])
        elif url.path == "/grow":
            self.session.memory.append(bytearray(os.urandom(1 << 20) * int(asked["mb"])))
        state = {"uid": os.getuid(), "pid": os.getpid(), "home": os.environ["HOME"], "values": self.session.values}
        body = json.dumps(state).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """Name the client, which has no address on a Unix socket."""
        return "rserver"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers on a Unix socket."""

    daemon_threads = True


def main() -> None:
    """Serve until suspended."""
    Handler.session = session = Session()
    for number, force in ((signal.SIGUSR1, False), (signal.SIGUSR2, True)):
        signal.signal(
            number, lambda *_, force=force: threading.Thread(target=session.suspend, kwargs={"force": force}).start()
        )
    Server(sys.argv[1], Handler).serve_forever()


if __name__ == "__main__":
    main()
