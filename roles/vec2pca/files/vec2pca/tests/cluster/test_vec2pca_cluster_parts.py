"""What tasks on a cluster do with their part of the text, without Spark: whatever the parts, the text is the same."""

from __future__ import annotations

import gzip
import io
import json
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from vec2pca.cli import main
from vec2pca.cluster.choice import choose, split
from vec2pca.cluster.corpus import cut_slices, whole
from vec2pca.cluster.inputs import Input, Part, find_inputs, list_one
from vec2pca.cluster.reading import (
    Bits,
    Chosen,
    Chunk,
    Failure,
    Reading,
    Total,
    count_lines,
    earlier,
    load_kernel,
    read_parts,
    words_of,
)
from vec2pca.cluster.session import explain
from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.content.source import Source
from vec2pca.labserver.download import http
from vec2pca.labserver.errors import LabError
from vec2pca.labserver.sampling.draws import Draw
from vec2pca.text import read_corpus, read_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODULE_UTILS = Path(__file__).resolve().parents[6] / "module_utils"
zstandard: Any = pytest.importorskip("zstandard")

TEXTS = [b"", b"\n", b"a\n\nb", b"one\ntwo\nthree\n", b"one\ntwo\nlast without end", b"\n\n\n", b"x" * 50 + b"\ny\n"]


def lines_of(parts: list[Part], bits: list[Bits] | None = None) -> list[bytes]:
    """The lines of all parts, one after the other."""
    chosen = bits or [None] * len(parts)
    blocks = [block for part, own in zip(parts, chosen, strict=True) for block in Chosen(part, own).whole_lines()]
    return io.BytesIO(b"".join(blocks)).readlines()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("block", [1, 3, 1000])
def test_ranges_of_any_size_hold_each_line_once(
    tmp_path: Path, text: bytes, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vec2pca.cluster.inputs.BLOCK", block)
    path = tmp_path / "text"
    path.write_bytes(text)
    expected = text.split(b"\n")
    expected = [line + b"\n" for line in (expected if expected[-1] else expected[:-1])]
    for size in range(1, len(text) + 2):
        parts = list_one(str(path)).parts(size)
        assert lines_of(parts) == expected
        assert sum(map(count_lines, parts)) == len(expected)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_the_compression_is_known_by_content(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "no ending"
    path.write_bytes(pack(b"one\ntwo"))
    assert lines_of(list_one(str(path)).parts()) == [b"one\n", b"two\n"]


def test_names_stand_for_files_in_order_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.txt", "a.txt", ".hidden.txt", "c.json"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / "folder.txt").mkdir()
    monkeypatch.chdir(tmp_path)
    names = [str(tmp_path / name) for name in ("a.txt", "b.txt", "c.json")]
    assert [entry.address for entry in find_inputs(["*.txt"])] == names[:2]
    assert [entry.address for entry in find_inputs([".", "a.txt", f"file://{tmp_path}/*"])] == names


def test_a_file_with_several_names_is_read_once(tmp_path: Path) -> None:
    for folder in ("one", "three"):
        (tmp_path / folder).mkdir()
    (tmp_path / "two").symlink_to("one")
    (tmp_path / "one/a").write_text("x\n")
    (tmp_path / "three/b").hardlink_to(tmp_path / "one/a")
    (tmp_path / "three/c").symlink_to("../one/a")
    names = [tmp_path / name for name in ("one", "two", "three", "three/../one/a")]
    assert [entry.address for entry in find_inputs(list(map(str, names)))] == [str(tmp_path / "one/a")]


def test_the_files_are_listed_as_they_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b").write_text("one\n")
    (tmp_path / "a").write_bytes(gzip.compress(b"two\n", mtime=0))
    assert main(["files", str(tmp_path)]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(entry["file"], entry["size"], entry["kind"]) for entry in listed] == [
        (str(tmp_path / "a"), 24, "gzip"),
        (str(tmp_path / "b"), 4, "plain"),
    ]
    assert all(entry["version"] for entry in listed)
    assert main(["files", str(tmp_path / "missing")]) == 1


def test_the_names_of_files_are_read_from_a_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / name).write_text("one\n")
    (tmp_path / "list").write_text(f"{tmp_path}/a\n\n")
    assert main(["files", str(tmp_path / "b"), "--inputs-from", str(tmp_path / "list"), str(tmp_path / "b")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{tmp_path}/b\n"))
    assert main(["files", "--inputs-from=-"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["files", "--inputs-from", str(tmp_path / "none")]) == 1
    assert "--inputs-from" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["files"])
    assert "there is no INPUT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "missing does not exist. Name files"),
        ("*.none", "*.none stands for no file. Name files"),
        ("empty", "empty stands for no file"),
        ("old.zip", "old.zip is a zip archive"),
    ],
)
def test_names_that_stand_for_nothing_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.zip").write_bytes(b"PK\x03\x04" + bytes(30))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Vec2pcaError, match=message.replace("*", r"\*")):
        find_inputs([name])


class Ranges(SimpleHTTPRequestHandler):
    """Files with ranges of bytes, as real servers have them; `cut` answers with less than they promise."""

    text = "".join(f"line {number}\n" for number in range(5000)).encode()
    cut = 0
    etag = '"one"'

    def do_GET(self) -> None:
        first, _, last = (self.headers["Range"] or "bytes=-").removeprefix("bytes=").partition("-")
        begin, end = int(first or 0), int(last) + 1 if last else len(self.text)
        self.send_response(206 if self.headers["Range"] else 200)
        if self.headers["Range"]:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(self.text)}")
        self.send_header("ETag", self.etag)
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        self.wfile.write(self.text[begin : end - (type(self).cut if end - begin > 100 else 0)])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a file on a server of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/text"
        httpd.shutdown()


def test_a_file_on_a_server_is_read_in_ranges(server: str) -> None:
    parts = list_one(server).parts(7000)
    assert len(parts) > 5
    assert b"".join(lines_of(parts)) == Ranges.text


def test_an_answer_that_breaks_off_is_an_error_that_is_tried_again(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = list_one(server).parts()
    monkeypatch.setattr(Ranges, "cut", 10)
    with pytest.raises(ConnectionError, match=r"ended after 48,880 of 48,890 bytes"):
        lines_of(parts)


def test_a_file_on_a_server_that_changes_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = list_one(server).parts(7000)
    monkeypatch.setattr(Ranges, "etag", '"two"')
    for part in parts:  # also where it is not the end that is read
        with pytest.raises(LabError, match="changed while it was read"):
            lines_of([part])


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]) -> Iterator[str]:
    """The address of a file on a server that answers so: status, headers, content."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = answer(self)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/text"
        httpd.shutdown()


PAGE = b"<!DOCTYPE html><html><body>Log in</body></html>"


@pytest.mark.parametrize(
    ("name", "status", "headers", "content", "message"),
    [
        ("", 404, {}, b"", r"/text: the server answered 404 Not Found: correct the address$"),
        ("", 503, {"Retry-After": "999"}, b"", r"/text: the server answered 503 .* wants a wait of 999 s"),
        ("", 200, {}, PAGE, r"/text: a web page came in place of the file"),
        (".json.gz", 200, {}, b"not packed\n", r"/text.json.gz: it is named as a gzip file, and its content is not"),
        ("", 206, {}, b"one\n", r"answered 206 with another part of the file"),
        ("", 206, {"Content-Range": "bytes 5-8/9"}, b"one\n", r"answered 206 with another part of the file"),
        ("", 302, {"Location": "file:///etc/passwd"}, b"", r"does not begin with https:// or http://"),
        ("?X-Amz-Signature=geheim", 403, {}, b"", r"/text\?X-Amz-Signature=\*\*\*: the server answered 403"),
        (" \u00e9", 404, {}, b"", r"/text \u00e9: the server answered 404"),
    ],
)
def test_what_is_not_the_file_is_refused_and_why_is_told(
    name: str, status: int, headers: dict[str, str], content: bytes, message: str
) -> None:
    with answering(lambda _: (status, headers, content)) as address, pytest.raises(Vec2pcaError, match=message):
        find_inputs([address + name])


def test_a_server_out_of_reach_is_named() -> None:
    with pytest.raises(Vec2pcaError, match=r"http://\*\*\*@127.0.0.1:1/text: Connection refused: correct the "):
        find_inputs(["http://user:geheim@127.0.0.1:1/text"])


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (206, {"Content-Range": f"bytes 0-{len(Ranges.text) - 1}/{len(Ranges.text)}"}),
        (206, {"Content-Range": f"bytes 7000-{len(Ranges.text) - 1}/{len(Ranges.text)}", "ETag": '"two"'}),
        (206, {"Content-Range": f"bytes 7000-{len(Ranges.text) - 1}/99999999"}),
    ],
    ids=["all of it", "another part", "of another version", "of another length"],
)
def test_other_bytes_than_were_asked_for_are_never_read(status: int, headers: dict[str, str]) -> None:
    """Their lines would be counted twice, in place of others, and nothing would show it."""

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        told = {"ETag": '"one"', "Content-Range": f"bytes 0-4095/{len(Ranges.text)}"}
        if request.headers["Range"] == "bytes=0-4095":
            return 206, told, Ranges.text[:4096]
        return status, {**told, **headers} if status == 206 else {"ETag": '"one"'}, Ranges.text

    with answering(answer) as address:
        parts = list_one(address).parts(7000)
        assert len(parts) > 5
        with pytest.raises(LabError, match="it changed while it was read, or its server sends other bytes"):
            lines_of(parts[1:2])


def test_without_a_proof_of_sameness_a_file_is_not_read_in_parts(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts might be of several versions of it."""
    monkeypatch.setattr(Ranges, "etag", 'W/"one"')
    parts = list_one(server).parts(7000)
    assert len(parts) == 1
    assert b"".join(lines_of(parts)) == Ranges.text


def test_a_busy_server_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    # Not for all of this process: Spark sleeps in it, too
    monkeypatch.setattr(http, "time", SimpleNamespace(sleep=waits.append, monotonic=time.monotonic))
    with answering(lambda _: (200, {}, b"one\n") if waits else (429, {"Retry-After": "3"}, b"")) as address:
        assert lines_of(list_one(address).parts()) == [b"one\n"]
    assert waits == [3]


def test_secrets_of_an_address_are_used_and_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        asked.append(f"{request.path} {request.headers['Authorization']}")
        return 200, {"ETag": '"one"'}, b"one\n"

    with answering(answer) as address:
        signed = address.replace("//", "//user:geheim@") + "?id=1&X-Amz-Signature=geheim"
        assert main(["files", signed, signed.replace("X-Amz-Signature=geheim", "X-Amz-Signature=other")]) == 0
        assert main(["files", signed.replace("id=1", "id=2")]) == 0
    assert asked[0] == "/text?id=1&X-Amz-Signature=geheim Basic dXNlcjpnZWhlaW0="
    out = capsys.readouterr().out
    listed = [json.loads(line) for line in out.splitlines()]
    assert len(listed) == 2  # the first is one file, signed twice
    assert listed[0]["file"] == listed[1]["file"]
    assert listed[0]["source"] != listed[1]["source"]
    assert "geheim" not in out


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket, by moto."""
    moto = pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket="reviews")
        yield client


def test_s3_is_read_in_ranges_and_by_patterns(bucket: Any) -> None:
    text = Ranges.text
    for key, content in {"a/1.txt": text, "a/2.gz": gzip.compress(text), "b/3.txt": b"x\n", "a/": b""}.items():
        bucket.put_object(Bucket="reviews", Key=key, Body=content)
    inputs = find_inputs(["s3://reviews/a/"])
    assert [(entry.address, entry.kind) for entry in inputs] == [
        ("s3://reviews/a/1.txt", "plain"),
        ("s3://reviews/a/2.gz", "gzip"),
    ]
    assert b"".join(lines_of([part for entry in inputs for part in entry.parts(7000)])) == text + text
    assert [entry.address for entry in find_inputs(["s3://reviews/*.txt"])] == [
        "s3://reviews/a/1.txt",
        "s3://reviews/b/3.txt",
    ]
    part = find_inputs(["s3://reviews/a/1.txt"])[0].parts()[0]
    bucket.put_object(Bucket="reviews", Key="a/1.txt", Body=text.replace(b"line", b"LINE"))
    with pytest.raises(LabError, match="changed while it was read"):
        list(part.blocks())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("s3://reviews/none", "S3: .*Not Found.*Check the address"),
        ("s3://reviews/none/*", "stands for no file"),
        ("s3://other/x*", "S3: .*NoSuchBucket"),
    ],
)
def test_what_is_not_in_s3_is_told(bucket: Any, name: str, message: str) -> None:
    assert bucket
    with pytest.raises(Vec2pcaError, match=message):
        find_inputs([name])


def draw_by_module(folder: Path, text: bytes, draw: Draw) -> bytes:
    """What the module review_sample draws."""
    sys.path.append(str(MODULE_UTILS))
    sample = pytest.importorskip("labserver.sampling.engine", reason="not in a checkout of labserver")
    from labserver.content.source import Source

    path, dest = folder / "all", folder / "sample"
    path.write_bytes(text)
    sample.sample(Source(path), dest, draw)
    return dest.read_bytes()


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("fraction", [0.1, 0.001, 1.0])
def test_the_lines_drawn_are_those_of_review_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, fraction: float
) -> None:
    monkeypatch.setattr("vec2pca.cluster.choice._STEP", 1 << 10)
    texts = [b"".join(b"%d %d\n" % (file, line) for line in range(lines)) for file, lines in enumerate((3, 0, 9000, 1))]
    packs: list[Callable[[bytes], bytes]] = [bytes, bytes, gzip.compress, zstandard.compress]
    names = []
    for number, (text, pack) in enumerate(zip(texts, packs, strict=True)):
        (tmp_path / f"file{number}").write_bytes(pack(text.rstrip(b"\n") if number != 2 else text))
        names.append(str(tmp_path / f"file{number}"))
    parts = [part for entry in find_inputs(names) for part in entry.parts(100)]
    lines = [count_lines(part) for part in parts]
    draw = Draw(seed, fraction)
    bits = list(split(choose(draw, sum(lines)), lines))
    assert b"".join(lines_of(parts, bits)) == draw_by_module(tmp_path, b"".join(texts), draw)


def test_a_line_longer_than_a_block_is_taken_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vec2pca.cluster.inputs.BLOCK", 10)
    path = tmp_path / "text"
    path.write_bytes(b"short\n" + b"long" * 20 + b"\nend\n")
    parts = list_one(str(path)).parts()
    assert lines_of(parts, [np.packbits([0, 1, 0])]) == [b"long" * 20 + b"\n"]


def read_all(parts: list[Part], reading: Reading) -> list[Any]:
    """The records of all parts."""
    return list(read_parts(((i, part, None) for i, part in enumerate(parts)), reading))


def merge(records: list[Any], least: int = 1) -> list[tuple[bytes, int]]:
    """The vocabulary, as choose_words makes it."""
    merged: dict[bytes, tuple[int, int, int]] = {}
    for word, place in words_of(records):
        merged[word] = earlier(merged[word], place) if word in merged else place
    ordered = sorted(merged.items(), key=lambda entry: (-entry[1][0], entry[1][1:]))
    return [(word, place[0]) for word, place in ordered if place[0] >= least]


@pytest.mark.parametrize("size", [50, 777, 1 << 20])
@pytest.mark.parametrize("chunk", [10, 1 << 18])
def test_parts_are_numbered_as_one_text(
    tmp_path: Path, topic_text: Callable[[int], str], monkeypatch: pytest.MonkeyPatch, size: int, chunk: int
) -> None:
    monkeypatch.setattr("vec2pca.cluster.reading.CHUNK", chunk)
    path = tmp_path / "text"
    text = topic_text(60) + "  \n7 8 9\n\nlast line of café"
    path.write_text(text, encoding="utf-8")
    corpus = read_corpus(Source(path))
    records = read_all(list_one(str(path)).parts(size), Reading())
    facts = whole([record.facts for _, record in records if isinstance(record, Total)])
    order = np.argsort(-corpus.counts, kind="stable")
    words = merge(records)
    assert words == [(corpus.words[i].encode(), corpus.counts[i]) for i in order]
    facts.different_words = len(words)
    if size > len(text):
        assert facts == corpus.facts  # the digest, too
    facts.sha256 = corpus.facts.sha256
    assert facts == corpus.facts

    rows = {word: row for row, (word, _) in enumerate(words[:20])}
    expected = np.append(np.where(np.argsort(order) < 20, np.argsort(order), 20), -1)[corpus.ids]
    totals = [record.facts.words for _, record in records if isinstance(record, Total)]
    begins = np.cumsum([0, *totals])[:-1].tolist()
    for number in (1, 7):
        pieces = sorted(cut_slices(records, rows, begins, facts.words, number))
        assert b"".join(ids for _, ids in pieces) == expected.astype(np.int32).tobytes()
        assert {key[0] for key, _ in pieces} == set(range(number))
        assert all(np.frombuffer(ids, np.int32)[-1] == -1 for _, ids in pieces)


def test_fields_of_records_are_the_text(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_text('{"a": "One <b>two</b>", "b": "three"}\n{"a": "four\\nfive", "b": "six"}')
    records = read_all(list_one(str(path)).parts(), Reading(fields=("a", "b"), html=True))
    assert [word for word, _ in merge(records)] == [b"one", b"two", b"three", b"four", b"five", b"six"]


def test_a_bad_record_is_named_or_counted(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_text('{"a": "one"}\n{"b": 1}\n{"a": "two"}\n')
    parts = list_one(str(path)).parts()
    ((_, failure),) = read_all(parts, Reading(fields=("a",)))
    assert isinstance(failure, Failure)
    assert "line 2: it has no field a (it has b)" in failure.message
    assert socket.gethostname() in failure.message
    total = read_all(parts, Reading(fields=("a",), max_errors=None))[-1][1]
    assert (total.left_out, total.facts.words) == (1, 2)
    assert "line 2: it has no field a" in total.bad_record


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more\n")


@pytest.mark.parametrize(
    ("pack", "change", "message"),
    [
        (lambda text: gzip.compress(text)[:-9], Path.exists, "is a damaged gzip file (it ends in the middle, after"),
        (bytes, grow, "has 12,005 bytes here, and 12,000 where it was listed"),
        (bytes, Path.unlink, "does not exist here: put it on every host"),
        (bytes, lambda path: path.write_bytes(b"\xff\xfe" + b"x" * 11_998), "is UTF-16 text, not text: convert it"),
    ],
)
def test_a_file_that_is_not_as_it_was_listed_is_a_failure(
    tmp_path: Path, pack: Callable[[bytes], bytes], change: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "text"
    path.write_bytes(pack(b"word word\n\n\n" * 1000))
    parts = list_one(str(path)).parts()
    change(path)
    failure = read_all(parts, Reading())[-1][1]
    assert isinstance(failure, Failure)
    assert message in failure.message


def test_a_host_without_a_compiler_is_named_before_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "none")
    load_kernel.cache_clear()
    part = Part(Input("never read", 1, "plain"), 0, 1)
    ((_, failure),) = read_all([part], Reading(kernel=True))
    assert "there is no C compiler" in failure.message
    assert "use --train exact" in failure.message


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("x\nvec2pca.errors.Vec2pcaError: the file is wrong\n\tat java", "the file is wrong"),
        ("x.LabError: a is a damaged gzip file", "a is a damaged gzip file"),
        ("ConnectionError: http://a ended after 1 of 2 bytes", "http://a ended after 1 of 2 bytes. Is it up, can"),
        ("java.io.IOException: No space left on device", "a disk is full: free space"),
        ("ExecutorLostFailure (executor 1 exited): Command exited with code 137", "when memory is short"),
        ("numpy: failed to map segment from shared object", "when memory is short"),
        ("All masters are unresponsive! Giving up.", "no master answers at spark://lab:7077"),
        ("java.nio.channels.UnresolvedAddressException", "this host has no such address: set --conf spark.driver.host"),
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited", "Spark needs Java 17 or later"),
        ("ModuleNotFoundError: No module named 'vec2pca'", "vec2pca is not installed where the executors run"),
        (
            "something new\n\tat org.apache.spark.Deep\n\tat java.base",
            "Spark failed: something new\nthe end of its log:",
        ),
    ],
)
def test_what_spark_says_is_told_with_the_fix(tmp_path: Path, said: str, told: str) -> None:
    log = tmp_path / "log"
    log.write_text("INFO began\n")
    assert told in explain(RuntimeError(said), "spark://lab:7077", log)
    assert "\tat" not in explain(RuntimeError(said), "spark://lab:7077", log)
    log.write_text(said)
    assert told.partition(":")[0] in explain(RuntimeError("An error occurred"), "spark://lab:7077", log)


def test_words_that_are_new_come_with_the_chunk_that_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vec2pca.cluster.reading.CHUNK", 1)
    monkeypatch.setattr("vec2pca.text.BATCH", 1)
    path = tmp_path / "text"
    path.write_text("one two\ntwo three\n")
    chunks = [record for _, record in read_all(list_one(str(path)).parts(), Reading()) if isinstance(record, Chunk)]
    assert [chunk.words for chunk in chunks if chunk.ids] == [[b"one", b"two"], [b"three"]]
    assert [np.frombuffer(chunk.ids, np.int32).tolist() for chunk in chunks if chunk.ids] == [[0, 1, -1], [1, 2, -1]]


@pytest.mark.parametrize("line", ["\u4e2d\u6587\u5b57\u3002", "word! ", "\u00e9t\u00e9, a.b? "])
def test_a_line_that_is_cut_is_read_as_by_one_machine(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_pieces, "__defaults__", (1000,))
    monkeypatch.setattr("vec2pca.text.BATCH", 700)
    path = tmp_path / "text"
    path.write_text("short\n" * 40 + line * 900 + "\n" + line * 300, encoding="utf-8")
    corpus = read_corpus(Source(path), unicode=True)
    assert corpus.facts.replaced_bytes == 0
    for size in (1 << 20, 500):
        records = read_all(list_one(str(path)).parts(size), Reading(unicode=True))
        assert dict(merge(records)) == {
            word.encode(): count for word, count in zip(corpus.words, corpus.counts.tolist(), strict=True)
        }
        facts = whole([record.facts for _, record in records if isinstance(record, Total)])
        assert (facts.sentences, facts.words, facts.replaced_bytes) == (
            corpus.facts.sentences, corpus.facts.words, 0,
        )  # fmt: skip


def test_records_of_json_are_those_of_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_text("".join(json.dumps({"text": f"word{'x' * (n % 5)} {n}"}) + "\n" for n in range(300)))
    whole_file = merge(read_all(list_one(str(path)).parts(), Reading(fields=("text",))))
    assert merge(read_all(list_one(str(path)).parts(100), Reading(fields=("text",)))) == whole_file
