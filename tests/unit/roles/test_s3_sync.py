"""Folders and prefixes are compared and transferred, file by file, whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import importlib
import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

FOLDER = Path(__file__).resolve().parents[3] / "roles" / "s3_sync" / "files"
sys.path.insert(0, str(FOLDER))
s3_plan: Any = importlib.import_module("s3_plan")
s3_transfer: Any = importlib.import_module("s3_transfer")

BUCKET = "lab-data"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    yield f"http://127.0.0.1:{moto.get_host_and_port()[1]}"
    moto.stop()


@pytest.fixture
def bucket(server: str, throw_away_keys: None, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ARG001 - comes first
    """Have an empty bucket."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep the credentials of the test before
    found = boto3.Session().resource("s3").Bucket(BUCKET)
    if found.creation_date:
        found.objects.delete()
    else:
        found.create(CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return found


def asked(root: Path, direction: str, prefix: str = "sets") -> dict[str, Any]:
    """Return what the role asks for, with the files as Ansible finds them."""
    files = [
        {
            "path": str(path),
            "size": path.stat().st_size,
            "checksum": hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(),
            "mtime": path.stat().st_mtime,
        }
        for path in sorted(root.rglob("*"))
        if path.is_file()
    ]
    return {
        "bucket": BUCKET,
        "prefix": prefix,
        "root": str(root),
        "direction": direction,
        "seconds": 60,
        "files": files,
    }


def transfer(root: Path, direction: str, transfers: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> str:
    """Transfer as a host does; return what it complains of."""
    request = {"direction": direction, "root": str(root), "check": False, "transfers": transfers}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
    try:
        s3_transfer.main()
    except SystemExit as ended:
        return str(ended)
    return ""


def paths(transfers: list[dict[str, Any]]) -> list[str]:
    return [one["path"] for one in transfers]


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


# ---- Both ways, and again --------------------------------------------------------------------------------------


def test_what_is_pulled_is_not_pulled_again(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put_object(Key="sets/one.json", Body=b"one")
    bucket.put_object(Key="sets/deep/ä +1.txt", Body=b"two" * 1_000_000)
    bucket.put_object(Key="sets/deep/")  # the console shows a folder by this
    bucket.put_object(Key="sets-of-others/three", Body=b"not ours")
    transfers = s3_plan.plan(asked(tmp_path, "pull"))
    assert paths(transfers) == ["deep/ä +1.txt", "one.json"]
    assert transfer(tmp_path, "pull", transfers, monkeypatch) == ""
    assert (tmp_path / "one.json").read_bytes() == b"one"
    assert (tmp_path / "deep/ä +1.txt").read_bytes() == b"two" * 1_000_000
    assert s3_plan.plan(asked(tmp_path, "pull")) == []


def test_what_is_pushed_is_not_pushed_again(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"page.html": b"<p>", "deep/ü b.json": b"{}", "empty": b""})
    transfers = s3_plan.plan(asked(tmp_path, "push"))
    assert transfer(tmp_path, "push", transfers, monkeypatch) == ""
    assert {item.key: item.get()["Body"].read() for item in bucket.objects.all()} == {
        "sets/page.html": b"<p>",
        "sets/deep/ü b.json": b"{}",
        "sets/empty": b"",
    }
    assert s3_plan.plan(asked(tmp_path, "push")) == []


@pytest.mark.parametrize("prefix", ["", "/", "a/b/"])
def test_a_prefix_may_be_empty_or_end_in_a_slash(bucket: Any, tmp_path: Path, prefix: str) -> None:
    bucket.put_object(Key=f"{prefix.strip('/')}/one".lstrip("/"), Body=b"one")
    assert paths(s3_plan.plan(asked(tmp_path, "pull", prefix))) == ["one"]


def test_only_what_differs_is_transferred(bucket: Any, tmp_path: Path) -> None:
    write(tmp_path, {"same": b"same", "size": b"longer", "bytes": b"abc"})
    for key, body in {"same": b"same", "size": b"long", "bytes": b"xyz", "new": b"new"}.items():
        bucket.put_object(Key=f"sets/{key}", Body=body)
    assert paths(s3_plan.plan(asked(tmp_path, "pull"))) == ["bytes", "new", "size"]
    assert paths(s3_plan.plan(asked(tmp_path, "push"))) == ["bytes", "size"]


def test_without_an_md5_in_the_bucket_the_time_decides(bucket: Any, tmp_path: Path) -> None:
    """As for files that were sent in parts: their ETag is no MD5 of the whole."""
    upload = bucket.Object("sets/parts").initiate_multipart_upload()
    part = upload.Part(1).upload(Body=b"abc")
    upload.complete(MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]})
    there = bucket.Object("sets/parts").last_modified.timestamp()
    write(tmp_path, {"parts": b"xyz"})
    for seconds, pulled, pushed in ((0, [], []), (60, ["parts"], ["parts"]), (-60, ["parts"], [])):
        os.utime(tmp_path / "parts", (there + seconds, there + seconds))
        assert paths(s3_plan.plan(asked(tmp_path, "pull"))) == pulled
        assert paths(s3_plan.plan(asked(tmp_path, "push"))) == pushed


# ---- What goes wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["sets/../evil", "sets//evil", "sets/./evil"])
def test_a_key_that_leads_out_of_the_folder_is_refused(bucket: Any, tmp_path: Path, key: str) -> None:
    bucket.put_object(Key=key, Body=b"evil")
    with pytest.raises(s3_plan.PlanError, match="no path below a folder: rename it"):
        s3_plan.plan(asked(tmp_path, "pull"))


def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_object(Key="sets/deep/one", Body=b"one")
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "deep").symlink_to(outside)
    said = transfer(root, "pull", s3_plan.plan(asked(root, "pull")), monkeypatch)
    assert "deep/one: its folder leads out of" in said
    assert list(outside.iterdir()) == []


@pytest.mark.usefixtures("bucket")
def test_a_file_too_large_for_one_request_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    request = asked(tmp_path, "push")
    request["files"] = [{"path": str(tmp_path / "huge"), "size": (5 << 30) + 1, "checksum": "0" * 32, "mtime": 0.0}]
    with pytest.raises(s3_plan.PlanError, match=r"huge is larger than 5 GiB.*compress or split"):
        s3_plan.plan(request)


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_told(tmp_path: Path) -> None:
    request = asked(tmp_path, "pull") | {"bucket": "nobodys"}
    with pytest.raises(s3_plan.PlanError, match="s3://nobodys: there is no such bucket: correct s3_sync_bucket"):
        s3_plan.plan(request)


@pytest.mark.usefixtures("bucket")
def test_credentials_that_are_missing_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(s3_plan.PlanError, match="no AWS credentials: set AWS_PROFILE"):
        s3_plan.plan(asked(tmp_path, "pull"))


@pytest.mark.usefixtures("bucket")
def test_a_server_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(s3_plan.PlanError, match="Could not connect"):
        s3_plan.plan(asked(tmp_path, "pull"))


def test_a_file_that_changes_while_it_is_sent_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket checks the MD5 that the signature holds: half of the new and half of the old never gets there."""
    md5 = base64.b64encode(hashlib.md5(b"before", usedforsecurity=False).digest()).decode()
    with Answering(400, {}, b"<Error><Code>BadDigest</Code><Message>no</Message></Error>") as url:
        write(tmp_path, {"one": b"after!"})
        said = transfer(tmp_path, "push", [{"path": "one", "url": url, "md5": md5}], monkeypatch)
    assert said == "1 of 1 files were not transferred: one: it was changed while it was sent: run again"


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

            do_PUT = do_GET  # noqa: N815 - as http.server wants it

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is named there
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/one?X-Amz-Signature=secret"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


WHEN = {"Last-Modified": "Wed, 25 Nov 2026 08:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"ETag": '"' + "0" * 32 + '"', **WHEN}, "it came damaged: run again"),
        ({"ETag": '"parts-2"', "Content-Length": "4", **WHEN}, "it came damaged: run again"),
    ],
    ids=["other bytes", "half of it"],
)
def test_what_comes_damaged_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], reason: str
) -> None:
    write(tmp_path, {"one": b"good"})
    with Answering(200, headers, b"bad") as url:
        said = transfer(tmp_path, "pull", [{"path": "one", "url": url}], monkeypatch)
    assert said == f"1 of 1 files were not transferred: one: {reason}"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"good"}


def test_a_refusal_is_told_without_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever has that address may do what it is signed for."""
    with Answering(403, {}, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>") as url:
        transfers = [{"path": str(number), "url": url} for number in range(7)]
        said = transfer(tmp_path, "pull", transfers, monkeypatch)
    assert said.startswith("7 of 7 files were not transferred: 0: 403 AccessDenied Request has expired; ")
    assert said.endswith("; and 2 more")
    assert "secret" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_does_not_reach_the_bucket_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = transfer(tmp_path, "pull", [{"path": "one", "url": "http://127.0.0.1:1/one"}], monkeypatch)
    assert "one: the host does not reach the bucket: " in said
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_leaves_nothing_half_written(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_object(Key="sets/one", Body=b"one")
    transfers = s3_plan.plan(asked(tmp_path, "pull"))

    class Full(io.FileIO):
        def write(self, _data: Any) -> int:
            raise OSError(28, "No space left on device")

    def open_full(path: Path, mode: str) -> Full:
        return Full(path, mode)

    monkeypatch.setattr(Path, "open", open_full)
    said = transfer(tmp_path, "pull", transfers, monkeypatch)
    assert "one: [Errno 28] No space left on device" in said
    assert list(tmp_path.iterdir()) == []
