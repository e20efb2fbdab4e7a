"""A browser for the tests: client.py URL USER PASSWORD_FILE COOKIE_FILE PATH...

Signs in, unless there is a cookie already, and asks for the paths; ws:PATH opens a WebSocket there and sends a word.
Prints a list of answers: the sign-in page, the sign-in where there was one, and one of each path.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import ssl
import sys
import urllib.parse
from pathlib import Path
from typing import Any

TIMEOUT = 180  # seconds: a session that grows may first fill the swap of a busy machine


class Browser:
    """Keeps the cookie."""

    def __init__(self, url: str, cookie: Path) -> None:
        """Do not connect yet."""
        self.url = urllib.parse.urlsplit(url)
        self.cookie = cookie

    def connect(self) -> http.client.HTTPConnection:
        """Connect; any certificate will do."""
        if self.url.scheme == "https":
            trusting = ssl._create_unverified_context()  # noqa: S323, SLF001 it is self-signed
            return http.client.HTTPSConnection(self.url.netloc, timeout=TIMEOUT, context=trusting)
        return http.client.HTTPConnection(self.url.netloc, timeout=TIMEOUT)

    def ask(
        self, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask for a path below the address."""
        headers = dict(headers or {})
        if self.cookie.exists():
            headers["Cookie"] = self.cookie.read_text(encoding="utf-8")
        connection = self.connect()
        body = urllib.parse.urlencode(form) if form else None
        connection.request("POST" if form else "GET", self.url.path.rstrip("/") + path, body, headers)
        answer = connection.getresponse()
        given = answer.headers.get("Set-Cookie", "")
        if given:
            self.cookie.write_text(given.partition(";")[0], encoding="utf-8")
        result = {"status": answer.status, "headers": dict(answer.headers)}
        if answer.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
            word = b"hello"
            assert connection.sock  # noqa: S101 it is open
            connection.sock.sendall(bytes([0x81, 0x80 | len(word)]) + b"\0\0\0\0" + word)
            return {**result, "text": connection.sock.recv(100)[2:].decode()}
        return {**result, "text": answer.read().decode()}


def main(url: str, user: str, password_file: str, cookie: str, *paths: str) -> None:
    """Sign in and ask."""
    browser = Browser(url, Path(cookie))
    answers = [browser.ask("/auth-sign-in")]
    if not browser.cookie.exists():
        password = Path(password_file).read_text(encoding="utf-8").strip()
        answers.append(browser.ask("/auth-do-sign-in", {"username": user, "password": password}))
    for path in paths:
        if path.startswith("ws:"):
            key = base64.b64encode(secrets.token_bytes(16)).decode()
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
            answers.append(browser.ask(path[3:], headers={**upgrade, "Sec-WebSocket-Key": key}))
        else:
            answers.append(browser.ask(path))
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
