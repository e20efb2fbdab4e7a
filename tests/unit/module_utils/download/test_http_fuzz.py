"""A server that answers at random: the result is the file, or a SourceError, and never a mixture or a traceback.

LABSERVER_FUZZ_SECONDS makes it run longer than its few seconds; LABSERVER_FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import ssl
import time
from pathlib import Path

import pytest
from ansible.module_utils.labserver.download import answer, connection, http
from ansible.module_utils.labserver.download.connection import Network

from tests.support.modules import RawServer

SECONDS = float(os.environ.get("LABSERVER_FUZZ_SECONDS", "4"))
FILE = bytes(random.Random(1).randrange(256) for _ in range(5000))
OTHER = FILE[::-1]  # of the same length
PROOFS = ['ETag: "one"', 'ETag: "two"', 'ETag: W/"one"', "ETag: one", "Last-Modified: Mon, 05 Jan 2026 10:00:00 GMT"]
STATUSES = [200] * 12 + [202, 203, 204, 205, 206, 206, 300, 301, 302, 308, 304, 400, 403, 404, 416, 429, 500, 503, 999]
NOISE = [
    "Content-Encoding: gzip", "Content-Encoding: identity", "Content-Type: multipart/byteranges; boundary=x",
    "Content-Type: multipart/mixed", "no header", "X-Long: " + "x" * 70000, "Retry-After: 1", "Retry-After: 99",
    "Retry-After: Mon, 99 Foo", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked", "Connection: keep-alive",
    "ETag: \u00e9", "Set-Cookie: a=b", "Content-Range: bytes */5000", "Content-Range: bytes 9-4/3",
]  # fmt: skip


class Liar:
    """Answers at random with one of two files, or parts of them; `undone` are those of which any beginning may pass."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.undone: list[bytes] = []  # sent without a length

    def answer(self, request: str) -> bytes:
        chance = self.chance
        asked = [line for line in request.lower().splitlines() if line.startswith("range: bytes=")]
        start = int(asked[0].partition("=")[2].rstrip("-")) if asked else 0
        file, proof = chance.choice([(FILE, PROOFS[0]), (OTHER, PROOFS[1])])  # two files behind one address
        proof = proof if chance.random() < 0.7 else ""
        headers = [proof] if proof else []
        status = 206 if start and chance.random() < 0.6 else chance.choice(STATUSES)
        body = file[start:] if status == 206 else file
        if status == 206 and chance.random() < 0.8:
            shift = chance.choice([0, 0, 0, 0, 1, -1, 100])
            total = chance.choice([len(file)] * 6 + [len(file) + 1, "*"])
            headers.append(f"Content-Range: bytes {start + shift}-{len(file) - 1}/{total}")
        if status in (301, 302, 308):
            headers.append(
                f"Location: {chance.choice(['/', '/x y', '//', 'file:///etc/passwd', 'http://[', '?a', ''])}"
            )
        headers += chance.choices(NOISE, k=chance.choice([0, 0, 0, 1, 2]))
        form = chance.choice(["length"] * 6 + ["chunked", "chunked", "none", "wrong"])
        if form == "chunked":
            size = chance.randrange(1, 3000)
            pieces = [body[i : i + size] for i in range(0, len(body), size)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
            headers.append("Transfer-Encoding: chunked")
        elif form == "length":
            headers.append(f"Content-Length: {len(body)}")
        elif form == "wrong":
            headers.append(f"Content-Length: {chance.choice([len(body) + 7, len(body) - 7, -1, '5, 6', 'x', ''])}")
        else:
            self.undone.append(file)
        chance.shuffle(headers)
        text = "\r\n".join([f"HTTP/1.{chance.choice([0, 1, 1])} {status} x", *headers, "", ""]).encode("latin-1")
        if form != "wrong" and chance.random() < 0.4:  # else the two might fit each other
            body = body[: chance.randrange(len(body) + 1)]
        return text + body if chance.random() < 0.95 else text[: chance.randrange(len(text))]


def test_never_wrong_bytes_and_never_another_error(
    raw_server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(http, "LINGER", 0.2)
    context = ssl.create_default_context()  # once: it takes longer than an answer
    monkeypatch.setattr(connection, "_context", lambda _: context)
    seed = int(os.environ.get("LABSERVER_FUZZ_SEED", "2026"))
    chance = random.Random(seed)
    end = time.monotonic() + SECONDS
    taken = refused = resumed = rounds = 0
    while time.monotonic() < end:
        rounds += 1
        liar = Liar(chance)
        raw_server.answers = [liar.answer]
        raw_server.requests.clear()
        begun = answer.Beginning()
        path = tmp_path / "out"
        path.write_bytes(b"")
        for _ in range(3):  # runs, of which each goes on with what the one before has left
            notes: list[answer.Beginning] = []
            with path.open("r+b") as out:
                try:
                    http.fetch(raw_server.url(), out, Network(), "data", begun, notes.append)
                except http.SourceError:
                    refused += 1
                    begun = notes[-1] if notes else begun
                    continue
            found = path.read_bytes()
            cut = bool(found) and any(file.startswith(found) for file in liar.undone)
            assert found in (FILE, OTHER) or cut, f"seed {seed}, round {rounds}: {raw_server.requests}"
            taken += 1
            resumed += any("range:" in request.lower() for request in raw_server.requests)
            break
    assert min(taken, refused) > 0, rounds
    assert resumed > 0 or rounds < 100
