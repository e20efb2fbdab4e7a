#!/usr/bin/python3
"""Stand-in for RStudio's rserver: sign-in by PAM, sessions as the user, WebSocket; no more than the role touches."""

from __future__ import annotations

import base64
import ctypes
import grp
import hashlib
import hmac
import html
import http.client
import http.server
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from http import cookies
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).resolve().parent
STATE = Path("/var/lib/rstudio-server")
RUN = Path("/run/rstudio-server")
PID_FILE = Path("/run/rstudio-server.pid")
DEFAULTS = {
    "www-address": "0.0.0.0",  # noqa: S104 as the vendor's
    "www-port": "8787",
    "www-root-path": "/",
    "auth-required-user-group": "",
    "auth-minimum-user-id": "1000",
    "auth-timeout-minutes": "60",
    "auth-cookies-force-secure": "0",
    "rsession-which-r": "",
}
CONTINUE_WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def read_options(path: Path) -> dict[str, str]:
    """Read rserver.conf. Raises ValueError for what the real one would not start with."""
    options = dict(DEFAULTS)
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, value = line.partition("=")
            if name not in DEFAULTS:
                raise ValueError(f"unrecognised option '{name}'")
            options[name] = value
    if not options["www-port"].isdigit():
        raise ValueError(f"the argument ('{options['www-port']}') for option '--www-port' is invalid")
    return options


class Conversation(ctypes.Structure):
    """libpam's struct pam_conv."""

    _fields_ = (("converse", ctypes.c_void_p), ("data", ctypes.c_void_p))


class Message(ctypes.Structure):
    """libpam's struct pam_message."""

    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class Response(ctypes.Structure):
    """libpam's struct pam_response."""

    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


def pam_accepts(user: str, password: str) -> bool:
    """Ask the host's PAM stack, service rstudio."""
    pam, libc = ctypes.CDLL("libpam.so.0"), ctypes.CDLL(None)
    libc.calloc.restype = libc.strdup.restype = ctypes.c_void_p
    libc.strdup.argtypes = [ctypes.c_char_p]

    def answer(count: int, _messages: Any, responses: Any, _data: Any) -> int:
        block = libc.calloc(count, ctypes.sizeof(Response))
        for response in (Response * count).from_address(block):
            response.text = libc.strdup(password.encode())
        responses[0] = block
        return 0

    pointer = ctypes.POINTER
    converse = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_int, pointer(pointer(Message)), pointer(ctypes.c_void_p), ctypes.c_void_p
    )(answer)
    handle = ctypes.c_void_p()
    conversation = Conversation(ctypes.cast(converse, ctypes.c_void_p), None)
    if pam.pam_start(b"rstudio", user.encode(), ctypes.byref(conversation), ctypes.byref(handle)) != 0:
        return False
    status = pam.pam_authenticate(handle, 0) or pam.pam_acct_mgmt(handle, 0)
    pam.pam_end(handle, status)
    return bool(status == 0)


class Session:
    """The session of one user, started when it is asked for."""

    def __init__(self, user: str) -> None:
        """Do not start it yet."""
        self.account = pwd.getpwnam(user)
        self.socket = RUN / f"{user}.sock"

    def ask(self, path: str) -> tuple[int, bytes]:
        """Pass a request on."""
        if not self._answers():
            self._start()
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.socket))
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as attempt:
            return attempt.connect_ex(str(self.socket)) == 0

    def _start(self) -> None:
        account = self.account
        self.socket.unlink(missing_ok=True)
        subprocess.Popen(
            [str(PROGRAMS / "rsession"), str(self.socket)],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
            cwd=account.pw_dir,
            env={"HOME": account.pw_dir, "USER": account.pw_name, "PATH": "/usr/bin:/bin"},
            start_new_session=True,
        )
        for _ in range(100):
            if self._answers():
                return
            time.sleep(0.1)
        raise OSError("the session did not start")


class Handler(http.server.BaseHTTPRequestHandler):
    """What a browser asks for."""

    protocol_version = "HTTP/1.1"
    options: dict[str, str]
    key: bytes

    def do_GET(self) -> None:
        """Answer a page, a request of a session, or open a WebSocket."""
        path = urllib.parse.urlsplit(self.path)
        user = self._signed_in()
        if path.path == "/auth-sign-in":
            error = "<p>Incorrect or invalid username/password" if path.query.startswith("error") else ""
            self._page(
                f"<h1>Sign in to RStudio</h1>{error}<form method=post action=auth-do-sign-in>"
                "<input name=username><input name=password type=password><button>Sign In</button></form>"
            )
        elif not user:
            self._redirect("auth-sign-in")
        elif path.path == "/echo" and self.headers.get("Upgrade", "").lower() == "websocket":
            self._echo()
        elif path.path.startswith("/session"):
            try:
                self._send(*Session(user).ask(self.path.removeprefix("/session") or "/"))
            except OSError as error:
                self._send(503, str(error).encode())
        else:
            self._page(f"<h1>RStudio Server stand-in</h1><p>Signed in as {html.escape(user)}")

    def do_POST(self) -> None:
        """Sign a user in."""
        size = int(self.headers.get("Content-Length", 0))
        form = dict(urllib.parse.parse_qsl(self.rfile.read(size).decode()))
        user = form.get("username", "")
        if pam_accepts(user, form.get("password", "")) and self._allowed(user):
            self.log_message("sign-in of %s", user)
            self._redirect("", user)
        else:
            self.log_message("sign-in of %s refused", user)
            self._redirect("auth-sign-in?error=1")

    def _allowed(self, user: str) -> bool:
        try:
            account = pwd.getpwnam(user)
            required = self.options["auth-required-user-group"]
            groups = [grp.getgrgid(number).gr_name for number in os.getgrouplist(user, account.pw_gid)]
        except KeyError:
            return False
        return account.pw_uid >= int(self.options["auth-minimum-user-id"]) and (not required or required in groups)

    def _signature(self, user: str) -> str:
        return hmac.new(self.key, user.encode(), hashlib.sha256).hexdigest()

    def _signed_in(self) -> str:
        jar = cookies.SimpleCookie(self.headers.get("Cookie", ""))
        user, _, signature = (jar["user-id"].value if "user-id" in jar else "").partition("|")
        known = bool(user) and hmac.compare_digest(signature, self._signature(user))
        return user if known and self._allowed(user) else ""

    def _root(self) -> str:
        return self.options["www-root-path"].rstrip("/") + "/"

    def _redirect(self, target: str, user: str = "") -> None:
        scheme = self.headers.get("X-Forwarded-Proto", "http")
        self.send_response(302)
        self.send_header("Location", f"{scheme}://{self.headers['Host']}{self._root()}{target}")
        if user:
            secure = "; Secure" if self.options["auth-cookies-force-secure"] == "1" else ""
            value = f"user-id={user}|{self._signature(user)}; Path={self._root()}; HttpOnly{secure}"
            self.send_header("Set-Cookie", value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self, body: str) -> None:
        self._send(200, f"<!doctype html><title>RStudio Server stand-in</title>{body}\n".encode(), "text/html")

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.end_headers()
        self.wfile.write(body)

    def _echo(self) -> None:
        key = (self.headers["Sec-WebSocket-Key"] + CONTINUE_WEBSOCKET).encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key).digest()).decode())  # noqa: S324 RFC 6455
        self.end_headers()
        head = self.rfile.read(2)
        mask, size = self.rfile.read(4), head[1] & 127
        text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(size)))
        self.wfile.write(bytes([0x81, len(text)]) + text)
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    """Many requests at a time."""

    daemon_threads = True


def secret() -> bytes:
    """Return the key of the cookies, which outlives the server."""
    path = STATE / "secure-cookie-key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(), encoding="ascii")
    return path.read_bytes()


def main() -> None:
    """Test the configuration, or serve in the background."""
    chosen = [word.partition("=")[2] for word in sys.argv if word.startswith("--config-file=")]
    try:
        Handler.options = read_options(Path(chosen[0] if chosen else "/etc/rstudio/rserver.conf"))
    except (OSError, ValueError) as error:
        sys.exit(f"rserver: {error}")
    if "--test-config" in sys.argv:
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    Handler.key = secret()
    RUN.mkdir(exist_ok=True)
    RUN.chmod(0o1777)
    listening = Handler.options["www-address"], int(Handler.options["www-port"])
    server = Server(listening, Handler)
    child = os.fork()
    if child:
        PID_FILE.write_text(str(child), encoding="ascii")
        os._exit(0)
    os.setsid()
    print(
        f"listening on {listening[0]}:{listening[1]}, group {Handler.options['auth-required-user-group']}", flush=True
    )
    server.serve_forever()


if __name__ == "__main__":
    main()
