"""An answer is the whole file, its rest, or neither: status, headers and length count together."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.download import http

from tests.support.downloads import DATA, SHA, leftovers
from tests.support.modules import RawServer, RunModule, answer

ETAG, DATE = 'ETag: "one"', "Last-Modified: Mon, 05 Jan 2026 10:00:00 GMT"
SIZE = len(DATA)
HALF = SIZE // 2


def broken(*headers: str) -> bytes:
    """The first half of the file, and then nothing."""
    return answer(b"", "200 OK", *headers, f"Content-Length: {SIZE}", length=False) + DATA[:HALF]


def rest(*headers: str, start: int = HALF, total: int | str = SIZE, body: bytes = DATA[HALF:]) -> bytes:
    return answer(body, "206 Partial Content", f"Content-Range: bytes {start}-{SIZE - 1}/{total}", *headers)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (answer(DATA[5:], "200 OK", f"Content-Range: bytes 5-{SIZE - 1}/{SIZE}"), "with the part"),
        (answer(DATA[:9], "200 OK", f"Content-Range: bytes 0-8/{SIZE}"), "with the part"),
        (answer(DATA, "200 OK", "Content-Range: bytes */9"), "with the part"),
        (answer(DATA, "200 OK", f"Content-Range: bytes 0-{SIZE}/{SIZE + 1}"), "with the part"),
        (answer(DATA, "206 Partial Content", f"Content-Range: bytes 0-{SIZE - 1}/{SIZE}"), "206"),
        (answer(DATA, "206 Partial Content"), "206"),
        (answer(DATA, "202 Accepted"), "202 Accepted, which is no file"),
        (answer(DATA, "203 Non-Authoritative Information"), "203"),
        (answer(b"", "204 No Content"), "204"),
        (answer(b"", "205 Reset Content"), "205"),
        (answer(DATA, "226 IM Used"), "226"),
        (answer(DATA, "299 Whatever"), "299"),
        (answer(b"", "304 Not Modified"), "304"),
        (answer(DATA, "200 OK", "Content-Encoding: gzip"), "Content-Encoding 'gzip'"),
        (answer(DATA, "200 OK", "Content-Encoding: br"), "Content-Encoding 'br'"),
        (answer(DATA, "200 OK", "Content-Encoding: gzip, identity"), "Content-Encoding"),
        (answer(DATA, "200 OK", "Content-Type: multipart/byteranges; boundary=x"), "multipart/byteranges"),
        (answer(DATA, "200 OK", "Transfer-Encoding: gzip, chunked"), "Transfer-Encoding"),
        (answer(DATA, "200 OK", f"Content-Length: {SIZE - 1}"), "its length"),
        (answer(DATA, "200 OK", "Content-Length: -5", length=False), "its length"),
        (answer(DATA, "200 OK", "Content-Length: many", length=False), "its length"),
        (answer(DATA, "200 OK", "Content-Length: +5", length=False), "its length"),
        (answer(DATA, "200 OK", "Content-Length:", length=False), "its length"),
        (answer(DATA, "200 OK", f"Content-Length: {SIZE}, {SIZE + 1}", length=False), "its length"),
        (answer(DATA, "200 OK", "Content-Length: " + "9" * 5000, length=False), "its length"),
        (answer(DATA, "200 OK", "this is no header"), "malformed"),
        (answer(DATA + b"!", "200 OK", f"Content-Length: {SIZE}", length=False), f"more than the {SIZE} bytes"),
        (answer(b"!", "200 OK", "Content-Length: 0", length=False), "more than the 0 bytes"),
        (answer(DATA, "200 OK", f"Content-Length: {SIZE + 9}", length=False), "9 bytes early (tried 3 times)"),
        (answer(b"5\r\nab", "200 OK", "Transfer-Encoding: chunked", length=False), "early"),
        (answer(b"2\r\nab\r\n", "200 OK", "Transfer-Encoding: chunked", length=False), "early"),
        (answer(b"-2\r\nab\r\n0\r\n\r\n", "200 OK", "Transfer-Encoding: chunked", length=False), "early"),
        (answer(b"zz\r\nab\r\n0\r\n\r\n", "200 OK", "Transfer-Encoding: chunked", length=False), "early"),
        (
            answer(b"2\r\nab\r\n0\r\n\r\n", "200 OK", "Transfer-Encoding: chunked", "Content-Length: 5", length=False),
            "3 bytes early",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not that of a web server"),
        (b"", "without an answer"),
        (b"HTTP/1.1 200 OK\r\nETag: x\r\n", "before the first byte"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "malformed"),
    ],
)
def test_what_is_not_the_whole_file_is_refused_and_why_is_told(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, answers: bytes, reason: str
) -> None:
    raw_server.answers = [answers]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])
    assert result["failed"]
    assert reason in result["unavailable"][0]["reason"]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "answers",
    [
        answer(DATA, "200 OK", f"Content-Range: bytes 0-{SIZE - 1}/{SIZE}"),
        answer(DATA, "200 OK", f"Content-Length: {SIZE}"),
        answer(DATA, "200 OK", "Content-Encoding: identity"),
        answer(DATA, "200 OK", "Content-Encoding:"),
        answer(DATA, "200 OK", length=False),
        answer(DATA, "200 OK", length=False).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        answer(
            f"{HALF:x};x=y\r\n".encode() + DATA[:HALF] + f"\r\n{SIZE - HALF:X}\r\n".encode() + DATA[HALF:]
            + b"\r\n0\r\nTrailer: x\r\n\r\n", "200 OK", "Transfer-Encoding: Chunked", length=False,
        ),
    ],
)  # fmt: skip
def test_the_whole_file_is_taken_however_it_is_told(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, answers: bytes
) -> None:
    raw_server.answers = [answers]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])
    assert (result["failed"], result.get("sha256")) == (False, SHA)


def test_a_server_that_keeps_the_connection_open_is_not_waited_for(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LINGER", 0.1)
    raw_server.answers, raw_server.linger = [answer(DATA)], 5
    begin = time.monotonic()
    assert run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])["sha256"] == SHA
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize(
    ("dest", "path", "encoding", "taken"),
    [
        ("set.json.gz", "/set.json.gz", "gzip", True),
        ("set.json.gz", "/set.json.gz?sig=abc", "x-gzip", True),
        ("set.json.gz", "/download?id=1", "GZIP", True),
        ("SET.TGZ", "/download?id=1", "gzip", True),
        ("set.bin", "/set.json.gz", "gzip", True),
        ("set.json", "/set.json", "gzip", False),
        ("set.json.gz", "/set.json.gz", "br", False),
        ("set.json.gz", "/set.json.gz", "gzip, gzip", False),
        ("set.json", "/set.json?of=x.gz", "gzip", False),
    ],
)
def test_an_encoding_that_the_file_itself_is_in_is_the_file(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, dest: str, path: str, encoding: str, *, taken: bool
) -> None:
    packed = gzip.compress(b"{}")
    raw_server.answers = [answer(packed, "200 OK", f"Content-Encoding: {encoding}")]
    result = run_module("dataset_file", dest=tmp_path / dest, sources=[raw_server.url(path)])
    assert result["failed"] != taken
    assert (tmp_path / dest).exists() == taken
    if taken:
        assert (tmp_path / dest).read_bytes() == packed


@pytest.mark.parametrize(("first", "second"), [((ETAG,), (ETAG,)), ((DATE,), (DATE,)), ((ETAG, DATE), (ETAG,))])
def test_the_rest_is_taken_with_the_proof_of_the_first_answer(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    raw_server.answers = [broken(*first), rest(*second)]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])
    assert (result["failed"], result["sha256"]) == (False, SHA)
    assert f"range: bytes={HALF}-" in raw_server.requests[1].lower()
    assert f"if-range: {first[0].partition(': ')[2]}".lower() in raw_server.requests[1].lower()


WRONG_RESTS: dict[str, tuple[tuple[str, ...], bytes]] = {
    "another etag": ((ETAG,), rest('ETag: "two"')),
    "a weak etag": ((ETAG,), rest('ETag: W/"one"')),
    "no proof": ((ETAG,), rest()),
    "no etag any more": ((ETAG, DATE), rest(DATE)),
    "another date": ((DATE,), rest("Last-Modified: Tue, 06 Jan 2026 10:00:00 GMT")),
    "no proof for a date": ((DATE,), rest()),
    "a date with another etag": ((DATE,), rest(ETAG, DATE)),
    "two etags": ((ETAG,), rest(ETAG, 'ETag: "two"')),
    "another start": ((ETAG,), rest(ETAG, start=HALF - 1)),
    "a longer file": ((ETAG,), rest(ETAG, total=SIZE + 1)),
    "an unknown total": ((ETAG,), rest(ETAG, total="*")),
    "no range": ((ETAG,), answer(DATA[HALF:], "206 Partial Content", ETAG)),
    "another unit": ((ETAG,), answer(DATA[HALF:], "206 Partial Content", ETAG, f"Content-Range: items 1-2/{SIZE}")),
    "another length": ((ETAG,), rest(ETAG, body=DATA[HALF:] + b"!")),
    "an encoding": ((ETAG,), rest(ETAG, "Content-Encoding: gzip")),
    "many parts": ((ETAG,), rest(ETAG, "Content-Type: multipart/byteranges; boundary=x")),
    "it became shorter": ((ETAG,), answer(b"", "416 Range Not Satisfiable", "Content-Range: bytes */5")),
}


@pytest.mark.parametrize("name", WRONG_RESTS)
@pytest.mark.parametrize("later", [False, True], ids=["at once", "in a later run"])
def test_no_other_rest_is_appended(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    name: str, *, later: bool,
) -> None:  # fmt: skip
    first, wrong = WRONG_RESTS[name]
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [raw_server.url()]}
    raw_server.answers = [broken(*first), wrong, answer(DATA)]
    if later:
        with monkeypatch.context() as patch:
            patch.setattr(http, "ATTEMPTS", 1)
            assert run_module("dataset_file", **options)["failed"]
        assert leftovers(tmp_path) == [".data.part", ".data.part.json"]
    result = run_module("dataset_file", **options)
    assert (result["failed"], result.get("sha256")) == (False, SHA)
    assert len(raw_server.requests) == 3
    assert "range:" in raw_server.requests[1].lower()
    assert "range:" not in raw_server.requests[2].lower()


@pytest.mark.parametrize(
    "header", ['ETag: W/"weak"', "ETag: unquoted", f'ETag: W/"weak"\r\n{DATE}', "Last-Modified: lately", "X: y"]
)
def test_without_a_proof_nothing_is_resumed(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, header: str
) -> None:
    raw_server.answers = [broken(header), answer(DATA)]
    assert run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])["sha256"] == SHA
    assert "range:" not in raw_server.requests[1].lower()


def test_a_file_that_is_signed_anew_is_resumed(run_module: RunModule, raw_server: RawServer, tmp_path: Path) -> None:
    raw_server.answers = [broken(ETAG), answer(b"", "403 Forbidden"), rest(ETAG)]
    options: dict[str, Any] = {"dest": tmp_path / "data"}
    assert run_module("dataset_file", **options, sources=[raw_server.url("/data?sig=abcdef")])["failed"]
    result = run_module("dataset_file", **options, sources=[raw_server.url("/data?sig=ghijkl")])
    assert result["sha256"] == SHA
    assert "range:" in raw_server.requests[2].lower()


# --- 429 and 503 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_busy_server_is_waited_for(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, naps: list[float], status: str
) -> None:
    raw_server.answers = [answer(b"", status, "Retry-After: 7"), answer(b"", status), answer(DATA)]
    assert run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])["sha256"] == SHA
    assert naps == [7, 2]


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        (("Retry-After: 3600",), []),
        (("Retry-After: Fri, 31 Dec 2100 23:59:59 GMT",), []),
        (("Retry-After: 30",), [30, 30]),
        ((), [1, 2, 4]),
        (("Retry-After: soon",), [1, 2, 4]),
        (("Retry-After: -5",), [1, 2, 4]),
        (("Retry-After: 0",), [1, 2, 4, 8, 16]),
        (("Retry-After: Mon, 05 Jan 2015 10:00:00 GMT",), [1, 2, 4, 8, 16]),
    ],
)
def test_no_longer_than_the_bounds(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, naps: list[float],
    headers: tuple[str, ...], taken: list[float],
) -> None:  # fmt: skip
    raw_server.answers = [answer(b"", "503 Service Unavailable", *headers)]
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [raw_server.url()], "required": False}
    result = run_module("dataset_file", **options)
    assert (result["failed"], result["available"]) == (False, False)
    assert "503 Service Unavailable" in result["reason"]
    assert naps == taken
    if "3600" in "".join(headers):
        assert "a wait of 3600 s" in result["reason"]
    naps.clear()
    assert not run_module("dataset_file", **options, check=True)["available"]
    assert naps == taken
