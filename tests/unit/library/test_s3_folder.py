"""Folders and prefixes are compared and transferred, file by file, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from tests.support.modules import RunModule

BUCKET = "lab-data"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    yield f"http://127.0.0.1:{moto.get_host_and_port()[1]}"
    moto.stop()


@pytest.fixture
def bucket(server: str, throw_away_keys: None, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ARG001 - comes first
    """Make an empty bucket."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep the credentials of the test before
    found = boto3.Session().resource("s3").Bucket(BUCKET)
    if found.creation_date:
        found.objects.delete()
    else:
        found.create(CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return found


class Folder:
    """The folder on the host, as role s3_sync handles it."""

    def __init__(self, path: Path, run: RunModule) -> None:
        self.path = path
        self.run = run

    def write(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_bytes(content)

    def found(self) -> list[dict[str, Any]]:
        """Return its files as Ansible's module find does."""
        return [
            {
                "path": str(path),
                "size": path.stat().st_size,
                "checksum": hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(),
                "mtime": path.stat().st_mtime,
            }
            for path in sorted(self.path.rglob("*"))
            if path.is_file()
        ]

    def compare(self, direction: str, prefix: str = "sets", **options: Any) -> dict[str, Any]:
        """Run the module of the controller."""
        given = {"bucket": BUCKET, "prefix": prefix, "path": self.path, "direction": direction, "url_seconds": 60}
        return self.run("s3_folder_info", **{**given, "files": self.found(), **options})

    def differing(self, direction: str, prefix: str = "sets") -> list[str]:
        result = self.compare(direction, prefix)
        assert not result["failed"], result
        return [one["path"] for one in result["transfers"]]

    def sync(self, direction: str, **options: Any) -> dict[str, Any]:
        """Run both modules."""
        transfers = self.compare(direction)["transfers"]
        return self.run("s3_folder", path=self.path, direction=direction, transfers=transfers, **options)


@pytest.fixture
def folder(tmp_path: Path, run_module: RunModule) -> Folder:
    return Folder(tmp_path, run_module)


# ---- Both ways, and again --------------------------------------------------------------------------------------


def test_what_is_pulled_is_not_pulled_again(bucket: Any, folder: Folder) -> None:
    bucket.put_object(Key="sets/one.json", Body=b"one")
    bucket.put_object(Key="sets/deep/ä +1.txt", Body=b"two" * 1_000_000)
    bucket.put_object(Key="sets/deep/")  # the console shows a folder by this
    bucket.put_object(Key="sets-of-others/three", Body=b"not ours")
    assert folder.differing("pull") == ["deep/ä +1.txt", "one.json"]
    assert folder.sync("pull")["changed"]
    assert (folder.path / "one.json").read_bytes() == b"one"
    assert (folder.path / "deep/ä +1.txt").read_bytes() == b"two" * 1_000_000
    assert folder.differing("pull") == []
    assert not folder.sync("pull")["changed"]


def test_what_is_pushed_is_not_pushed_again(bucket: Any, folder: Folder) -> None:
    folder.write({"page.html": b"<p>", "deep/ü b.json": b"{}", "empty": b""})
    result = folder.sync("push")
    assert (result["changed"], result["available"], result["reason"]) == (True, True, "")
    assert {item.key: item.get()["Body"].read() for item in bucket.objects.all()} == {
        "sets/page.html": b"<p>",
        "sets/deep/ü b.json": b"{}",
        "sets/empty": b"",
    }
    assert folder.differing("push") == []
    assert not folder.sync("push")["changed"]


@pytest.mark.parametrize("prefix", ["", "/", "a/b/"])
def test_a_prefix_may_be_empty_or_end_in_a_slash(bucket: Any, folder: Folder, prefix: str) -> None:
    bucket.put_object(Key=f"{prefix.strip('/')}/one".lstrip("/"), Body=b"one")
    assert folder.differing("pull", prefix) == ["one"]


@pytest.mark.parametrize("spelling", ["{}/", "{}//", "{}/./", "{}/deep/.."])
def test_a_folder_may_be_spelled_in_any_way(bucket: Any, folder: Folder, spelling: str) -> None:
    bucket.put_object(Key="sets/one", Body=b"one")
    folder.write({"one": b"one", "deep/two": b"two"})
    result = folder.compare("push", path=spelling.format(folder.path))
    assert [one["path"] for one in result["transfers"]] == ["deep/two"]


def test_only_what_differs_is_transferred(bucket: Any, folder: Folder) -> None:
    folder.write({"same": b"same", "size": b"longer", "bytes": b"abc"})
    for key, body in {"same": b"same", "size": b"long", "bytes": b"xyz", "new": b"new"}.items():
        bucket.put_object(Key=f"sets/{key}", Body=body)
    assert folder.differing("pull") == ["bytes", "new", "size"]
    assert folder.differing("push") == ["bytes", "size"]


def test_without_an_md5_in_the_bucket_the_time_decides(bucket: Any, folder: Folder) -> None:
    """As for files that were uploaded in parts: their ETag is no MD5 of the whole."""
    multipart = bucket.Object("sets/parts").initiate_multipart_upload()
    part = multipart.Part(1).upload(Body=b"abc")
    multipart.complete(MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]})
    there = bucket.Object("sets/parts").last_modified.timestamp()
    folder.write({"parts": b"xyz"})
    for seconds, pulled, pushed in ((0, [], []), (60, ["parts"], ["parts"]), (-60, ["parts"], [])):
        os.utime(folder.path / "parts", (there + seconds, there + seconds))
        assert folder.differing("pull") == pulled
        assert folder.differing("push") == pushed


@pytest.mark.usefixtures("bucket")
def test_a_pull_creates_the_folder(tmp_path: Path, run_module: RunModule) -> None:
    folder = Folder(tmp_path / "new" / "sets", run_module)
    assert folder.sync("pull", check=True)["changed"]
    assert not folder.path.exists()
    assert folder.sync("pull")["changed"]
    assert folder.path.is_dir()
    assert not folder.sync("pull")["changed"]


def test_check_mode_shows_the_files_and_transfers_none(bucket: Any, folder: Folder) -> None:
    bucket.put_object(Key="sets/one", Body=b"one")
    folder.write({"two": b"two"})
    for direction, path in (("pull", "one"), ("push", "two")):
        result = folder.sync(direction, check=True, diff=True)
        assert result["changed"]
        assert result["diff"]["after"] == f"{path}\n"
    assert [path.name for path in folder.path.iterdir()] == ["two"]
    assert [item.key for item in bucket.objects.all()] == ["sets/one"]


# ---- Out of reach ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_unavailable(folder: Folder) -> None:
    reason = "s3://nobodys: there is no such bucket: correct s3_sync_bucket, or create the bucket first"
    result = folder.compare("pull", bucket="nobodys", required=False)
    assert (result["transfers"], result["available"], result["reason"]) == ([], False, reason)
    result = folder.compare("pull", bucket="nobodys")
    assert (result["failed"], result["msg"]) == (True, reason)


@pytest.mark.usefixtures("bucket")
def test_credentials_that_are_missing_are_reported(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    advice = "no AWS credentials (Unable to locate credentials): run `aws configure` (or `aws login`, `aws sso login`)"
    assert advice in folder.compare("pull", required=False)["reason"]


@pytest.mark.usefixtures("bucket", "naps")
def test_a_server_that_does_not_answer_is_unavailable(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert "Could not connect" in folder.compare("pull", required=False)["reason"]


# ---- Errors, also where nothing is required --------------------------------------------------------------------


@pytest.mark.parametrize("key", ["sets/../evil", "sets//evil", "sets/./evil"])
def test_a_key_that_leads_out_of_the_folder_is_refused(bucket: Any, folder: Folder, key: str) -> None:
    bucket.put_object(Key=key, Body=b"evil")
    result = folder.compare("pull", required=False)
    assert result["failed"]
    assert "is no path below a folder: rename it" in result["msg"]


def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    bucket: Any, tmp_path: Path, run_module: RunModule
) -> None:
    bucket.put_object(Key="sets/deep/one", Body=b"one")
    folder, outside = Folder(tmp_path / "root", run_module), tmp_path / "outside"
    folder.path.mkdir()
    outside.mkdir()
    (folder.path / "deep").symlink_to(outside)
    result = folder.sync("pull", required=False)
    assert result["failed"]
    assert "deep/one: its folder leads out of" in result["msg"]
    (folder.path / "deep").unlink()
    (folder.path / "deep").mkdir()
    (folder.path / "deep" / "one").symlink_to(outside / "mine")
    result = folder.sync("pull", required=False)
    assert result["failed"]
    assert "deep/one: a link, a folder or a device has its name" in result["msg"]
    assert (folder.path / "deep" / "one").is_symlink()
    assert list(outside.iterdir()) == []


@pytest.mark.usefixtures("bucket")
def test_a_file_too_large_for_one_request_is_refused_before_anything_is_sent(folder: Folder) -> None:
    huge = {"path": str(folder.path / "huge"), "size": (5 << 30) + 1, "checksum": "0" * 32, "mtime": 0.0}
    result = folder.compare("push", files=[huge], required=False)
    assert result["failed"]
    assert "huge is larger than 5 GiB" in result["msg"]
    assert "compress or split" in result["msg"]


@pytest.mark.usefixtures("bucket")
def test_a_profile_that_is_not_there_is_an_error(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    result = folder.compare("pull", required=False)
    assert result["failed"]
    assert "nobody" in result["msg"]


@pytest.mark.usefixtures("bucket")
def test_a_crash_is_an_error(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(boto3.session.Session, "client", crash)
    with pytest.raises(ZeroDivisionError):
        folder.compare("pull", required=False)


def test_a_folder_to_push_must_be_there(tmp_path: Path, run_module: RunModule) -> None:
    options: dict[str, Any] = {"path": tmp_path / "missing", "direction": "push", "transfers": [], "required": False}
    result = run_module("s3_folder", **options)
    assert result["failed"]
    assert "there is no folder" in result["msg"]
    # In check mode a role that has not run may create it
    assert not run_module("s3_folder", check=True, **options)["failed"]
