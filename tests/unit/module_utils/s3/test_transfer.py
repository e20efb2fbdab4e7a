"""A bucket that refuses, breaks off or lies leaves the folder as it was, and no signed URL is shown."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import os
import stat
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.s3.transfer import transfer

WHEN = {"Last-Modified": "Wed, 25 Nov 2026 08:00:00 GMT"}


class Answering:
    """A server that answers everything alike; with a length that is not kept, if asked. `sent`: what it was sent."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        sent: list[bytes] = []
        self.sent = sent

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sent.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_GET  # noqa: N815 - as http.server calls it

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is named there
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/one?X-Amz-Signature=secret"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_a_file_that_changes_while_it_is_sent_is_refused(tmp_path: Path) -> None:
    """The bucket checks the MD5 that the signature holds: half of the new and half of the old never gets there."""
    md5 = base64.b64encode(hashlib.md5(b"before", usedforsecurity=False).digest()).decode()
    (tmp_path / "one").write_bytes(b"after!")
    with (
        Answering(400, {}, b"<Error><Code>BadDigest</Code><Message>no</Message></Error>") as url,
        pytest.raises(LabError) as caught,
    ):
        transfer(tmp_path, "push", [{"path": "one", "url": url, "md5": md5}])
    assert str(caught.value) == "1 of 1 files were not transferred: one: it was changed while it was sent: run again"


@pytest.mark.parametrize(
    "headers",
    [{"ETag": '"' + "0" * 32 + '"', **WHEN}, {"ETag": '"parts-2"', "Content-Length": "4", **WHEN}],
    ids=["other bytes", "half of it"],
)
def test_what_comes_damaged_leaves_what_was_there(tmp_path: Path, headers: dict[str, str]) -> None:
    (tmp_path / "one").write_bytes(b"good")
    with Answering(200, headers, b"bad") as url, pytest.raises(LabError) as caught:
        transfer(tmp_path, "pull", [{"path": "one", "url": url}])
    assert str(caught.value) == "1 of 1 files were not transferred: one: it came damaged: run again"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"good"}


def test_a_refusal_is_reported_without_the_url(tmp_path: Path) -> None:
    """For whoever has that URL may do what it is signed for."""
    with Answering(403, {}, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>") as url:
        reason = transfer(tmp_path, "pull", [{"path": str(number), "url": url} for number in range(7)])
    assert reason.startswith("7 of 7 files were not transferred: 0: 403 AccessDenied Request has expired; ")
    assert reason.endswith("; and 2 more")
    assert "secret" not in reason
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_does_not_reach_the_bucket_reports_it(tmp_path: Path) -> None:
    reason = transfer(tmp_path, "pull", [{"path": "one", "url": "http://127.0.0.1:1/one"}])
    assert "one: the host does not reach the bucket: " in reason
    assert list(tmp_path.iterdir()) == []


def test_one_error_among_refusals_is_an_error(tmp_path: Path) -> None:
    with (
        Answering(200, {"ETag": '"' + "0" * 32 + '"', **WHEN}, b"bad") as url,
        pytest.raises(LabError, match="2 of 2 files were not transferred: two: it came damaged: run again; one: "),
    ):
        transfer(tmp_path, "pull", [{"path": "one", "url": "http://127.0.0.1:1/"}, {"path": "two", "url": url}])


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        Answering(200, {"ETag": '"parts-2"', **WHEN}, b"one") as url,
        pytest.raises(LabError, match=r"one: .Errno 28. No space left on device"),
    ):
        transfer(tmp_path, "pull", [{"path": "one", "url": url}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, WHEN),
        (200, {"ETag": '"parts-2"'}),
        (200, {"ETag": '"parts-2"', "Last-Modified": "yesterday"}),
        (206, {"ETag": '"parts-2"', **WHEN}),
    ],
    ids=["login page", "no ETag", "no date", "no such date", "a part"],
)
def test_what_no_bucket_answers_is_never_taken_for_the_object(
    tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    (tmp_path / "one").write_bytes(b"good")
    with Answering(status, headers, b"<html>Log in</html>") as url:
        reason = transfer(tmp_path, "pull", [{"path": "one", "url": url}])
    assert "one: what answered is no bucket, perhaps the login page of a network" in reason
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"good"}


def test_a_bucket_that_is_busy_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    (tmp_path / "one").write_bytes(b"good")
    for direction, content in (("pull", b""), ("push", b"good")):
        busy = Answering(503, {"Retry-After": "7"}, b"<Error><Code>SlowDown</Code></Error>")
        with busy as url:
            reason = transfer(tmp_path, direction, [{"path": "one", "url": url, "md5": ""}])
        assert busy.sent == [content] * 6  # also when it is sent again
        assert "the server answered 503 Service Unavailable and wants a wait of 32 s, after 45 s" in reason
    assert waits == [7, 7, 7, 8, 16] * 2


def test_links_lead_to_no_file_of_others(tmp_path: Path) -> None:
    """Those who own the folder could have root write where they may not."""
    root, theirs = tmp_path / "root", tmp_path / "theirs"
    root.mkdir()
    theirs.mkdir()
    (theirs / "file").write_text("precious")
    for name in (".s3_sync.one", ".one.part"):
        (root / name).symlink_to(theirs / "file")
    (root / "link").symlink_to(theirs)
    with Answering(200, {"ETag": '"parts-2"', **WHEN}, b"new") as url, pytest.raises(LabError) as caught:
        transfer(root, "pull", [{"path": path, "url": url} for path in ("one", "link/folder/one")])
    assert f"link/folder/one: its folder leads out of {root}: remove the link" in str(caught.value)
    assert {path.name: path.read_text() for path in theirs.iterdir()} == {"file": "precious"}
    assert not (root / "one").exists()


def test_a_file_keeps_its_mode_and_gets_the_time_of_its_object(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "one").chmod(0o640)
    with Answering(200, {"ETag": '"parts-2"', **WHEN}, b"new") as url:
        assert transfer(tmp_path, "pull", [{"path": "one", "url": url}]) == ""
    status = (tmp_path / "one").stat()
    assert ((tmp_path / "one").read_bytes(), stat.S_IMODE(status.st_mode)) == (b"new", 0o640)
    assert status.st_mtime == email.utils.parsedate_to_datetime(WHEN["Last-Modified"]).timestamp()
