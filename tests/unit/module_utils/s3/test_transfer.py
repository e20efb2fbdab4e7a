"""A bucket that refuses, breaks off or lies leaves the folder as it was, and no signed URL is shown."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.s3.transfer import transfer

WHEN = {"Last-Modified": "Wed, 25 Nov 2026 08:00:00 GMT"}


class Answering:
    """A server that answers everything alike; with a length that is not kept, if asked."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
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
    class Full(io.FileIO):
        def write(self, _data: Any) -> int:
            raise OSError(28, "No space left on device")

    def open_full(path: Path, mode: str) -> Full:
        return Full(path, mode)

    monkeypatch.setattr(Path, "open", open_full)
    with (
        Answering(200, {"ETag": '"parts-2"', **WHEN}, b"one") as url,
        pytest.raises(LabError, match=r"one: .Errno 28. No space left on device"),
    ):
        transfer(tmp_path, "pull", [{"path": "one", "url": url}])
    assert list(tmp_path.iterdir()) == []
