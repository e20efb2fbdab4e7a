"""A file without a checksum is what its name says before it is published, pinned and recorded."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.support.downloads import DATA, leftovers, record
from tests.support.modules import Page, RunModule, Server

LINES = b'{"reviewText": "good", "overall": 5}\n' * 20000
PORTAL = b"\xef\xbb\xbf\r\n<!-- <html> --><!DOCTYPE  HTML PUBLIC>\n<html><body>Log in, please</body></html>"


def zipped(compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        archive.writestr("a.csv", LINES)
        archive.writestr("b.csv", DATA)
    return packed.getvalue()


WHOLE = {
    "set.json.gz": gzip.compress(LINES) + gzip.compress(LINES),
    "set.bin.gz": gzip.compress(DATA),
    "set.tgz": gzip.compress(DATA),
    "SET.JSON.GZ": gzip.compress(b""),
    "set.json.zst": zstandard.ZstdCompressor().compress(LINES),
    "set.json.bz2": bz2.compress(LINES) + bz2.compress(DATA),
    "set.json.xz": lzma.compress(LINES),
    "set.zip": zipped(),
}
PLAIN = {
    "set.json": LINES,
    "set.csv": b"<b>bold</b>,1\n",
    "set.txt": b"<3 this film\n",
    "set.xml": b'<?xml version="1.0"?><reviews/>',
    "set": DATA,
    "page.html": PORTAL,
    "page.htm.gz": gzip.compress(PORTAL),
    "set.tsv": b"",
}


@pytest.mark.parametrize("name", [*WHOLE, *PLAIN])
def test_what_the_name_says_is_taken(run_module: RunModule, server: Server, tmp_path: Path, name: str) -> None:
    body = {**WHOLE, **PLAIN}[name]
    server.pages["/data"] = Page(body)
    result = run_module("dataset_file", dest=tmp_path / name, sources=[server.url("/data")])
    assert not result["failed"], result
    assert (tmp_path / name).read_bytes() == body


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("damage", ["half", "without its end", "another kind", "empty", "flipped"])
def test_half_an_archive_is_refused_and_the_next_source_tried(
    run_module: RunModule, server: Server, tmp_path: Path, name: str, damage: str
) -> None:
    body = WHOLE[name]
    middle = len(body) // 2
    bad = {
        "half": body[:middle],
        "without its end": body[:-3],
        "another kind": LINES,
        "empty": b"",
        "flipped": body[:middle] + bytes([body[middle] ^ 0x55]) + body[middle + 1 :],
    }[damage]
    if damage == "half" and name.endswith(("json.gz", "json.bz2")):
        bad = body[: middle - 30]  # the middle may be the end of the first member
    server.pages.update({"/bad": Page(bad, etag='"bad"'), "/good": Page(body)})
    dest = tmp_path / name
    options: dict[str, Any] = {"dest": dest, "sources": [server.url("/bad")], "required": False}
    if damage == "flipped" and name.endswith(".zst"):
        pytest.skip("this frame has no checksum")
    failed = run_module("dataset_file", **options)
    assert failed["failed"]  # which is no matter of reach
    assert "`sha256`" in failed["msg"]
    assert "name another source" in failed["msg"]
    assert list(tmp_path.iterdir()) == []
    assert leftovers(tmp_path) == []
    result = run_module("dataset_file", **{**options, "sources": [server.url("/bad"), server.url("/good")]})
    assert result["source"] == server.url("/good")
    assert dest.read_bytes() == body


@pytest.mark.parametrize("name", ["set.json", "set.json.gz", "set"])
def test_a_pointer_of_git_lfs_is_not_the_file(run_module: RunModule, server: Server, tmp_path: Path, name: str) -> None:
    server.pages["/data"] = Page(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")
    failed = run_module("dataset_file", dest=tmp_path / name, sources=[server.url("/data")])
    assert "it is a pointer of Git LFS, not the file that it stands for: name another source" in failed["msg"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["set.json.gz", "set.json.zst", "set.json.bz2", "set.json.xz", "set.zip"])
def test_half_an_archive_is_refused_under_any_name(
    run_module: RunModule, server: Server, tmp_path: Path, name: str
) -> None:
    """Where the server does not tell its length, nothing else shows that it is half."""
    server.pages.update({"/bad": Page(WHOLE[name][:-3]), "/good": Page(WHOLE[name])})
    for dest in ("set", "set.json", "set.v2"):
        options: dict[str, Any] = {"dest": tmp_path / dest}
        failed = run_module("dataset_file", **options, sources=[server.url("/bad")])
        assert "it is no whole" in failed["msg"]
        assert run_module("dataset_file", **options, sources=[server.url("/good")])["changed"]


@pytest.mark.parametrize(
    "body",
    [
        PORTAL,
        b"<html lang=en><head>",
        b"  <HEAD><title>x</title>",
        b"<script>location='/login'</script>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML">',
        "\ufeff<!doctype html>".encode("utf-16-le"),
        b"<!-- x -->\n" * 5000 + b"<html>",
        gzip.compress(PORTAL),
    ],
)
@pytest.mark.parametrize(
    "name", ["set.json", "set.jsonl", "set.csv", "set.txt", "set.tsv", "set", "set.json.gz", "a.zip"]
)
def test_a_web_page_in_place_of_the_file_is_out_of_reach(
    run_module: RunModule, server: Server, tmp_path: Path, name: str, body: bytes
) -> None:
    if body.startswith(b"\x1f\x8b") and name.endswith(".zip"):
        pytest.skip("a file in gzip is no page")
    server.pages["/data"] = Page(body)
    options: dict[str, Any] = {"dest": tmp_path / name, "sources": [server.url("/data")]}
    result = run_module("dataset_file", **options, required=False)
    assert (result["failed"], result["available"]) == (False, False)
    assert "a web page came in place of the file" in result["reason"]
    assert "log in" in result["reason"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("body", [b"<!-- -->" * 8000 + b"x", b" " * 60000 + b"x", b"<!--" * 16000])
def test_what_only_begins_like_a_page_takes_no_time(
    run_module: RunModule, server: Server, tmp_path: Path, body: bytes
) -> None:
    server.pages["/data"] = Page(body)
    assert run_module("dataset_file", dest=tmp_path / "set.txt", sources=[server.url("/data")])["changed"]


def test_a_checksum_decides_alone_and_so_does_who_put_a_file_there(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/data"] = Page(PORTAL)
    sha256 = hashlib.sha256(PORTAL).hexdigest()
    options: dict[str, Any] = {"sources": [server.url("/data")]}
    assert run_module("dataset_file", dest=tmp_path / "set.gz", sha256=sha256, **options)["changed"]
    (tmp_path / "own.json.gz").write_bytes(PORTAL)
    assert run_module("dataset_file", dest=tmp_path / "own.json.gz", **options)["sha256"] == sha256


def test_a_set_behind_a_login_page_is_passed_over(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages.update({"/one": Page(PORTAL), "/two": Page(LINES)})
    sets = {
        name: {"title": name.title(), "file": f"{name}.json", "sources": [server.url(f"/{name}")]}
        for name in ("one", "two")
    }
    result = run_module("review_set", path=tmp_path, sets=sets, names=["one", "two"])
    assert result["name"] == "two"
    assert "a web page" in result["unavailable"]["One"]


def test_a_wrong_file_is_replaced_by_deleting_it(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "set.json"
    options: dict[str, Any] = {"dest": dest, "sources": [server.url("/data")]}
    server.pages["/data"] = Page(b"wrong")
    run_module("dataset_file", **options)
    server.pages["/data"] = Page(LINES)
    dest.unlink()
    assert run_module("dataset_file", check=True, **options)["sha256"] is None
    result = run_module("dataset_file", **options)
    assert (result["changed"], result["pinned"]) == (True, True)
    assert record(dest)["sha256"] == hashlib.sha256(LINES).hexdigest()
    assert not run_module("dataset_file", **options)["changed"]
