"""A file is told by its content: what is text is read, compressed or not, everything else is refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile
import zlib
from pathlib import Path
from random import Random

import pytest
from ansible.module_utils.labserver.content import codecs
from ansible.module_utils.labserver.content.signatures import HEAD, looks_like_html, recognise
from ansible.module_utils.labserver.content.source import Source
from ansible.module_utils.labserver.errors import LabError

TEXT = "".join(f"line {i}, with caf\u00e9 and \u4e2d\u6587\n" for i in range(400)).encode()
LATIN = "".join(f"a line of plain words {i}\n" for i in range(400))


def archive(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as packed:
            packed.writestr("reviews.json", TEXT)
    else:
        with tarfile.open(fileobj=out, mode="w") as tar:
            member = tarfile.TarInfo("reviews.json")
            member.size = len(TEXT)
            tar.addfile(member, io.BytesIO(TEXT))
    return out.getvalue()


def read(folder: Path, content: bytes) -> bytes:
    path = folder / "named.txt"
    path.write_bytes(content)
    return b"".join(Source(path).blocks())


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (archive("tar"), "is a tar archive"),
        (archive("zip"), "is a zip archive"),
        (gzip.compress(archive("tar")), "compressed with gzip, no text but a tar archive"),
        (gzip.compress(gzip.compress(TEXT)), "compressed with gzip, no text but gzip: unpack it once"),
        (bz2.compress(archive("zip")), "compressed with bzip2, no text but a zip archive"),
        (lzma.compress(TEXT, lzma.FORMAT_ALONE), "is compressed with lzma"),
        (zlib.compress(TEXT), "is binary data"),
        (Random(1).randbytes(9000), "is binary data"),
        (gzip.compress(Random(1).randbytes(9000)), "no text but binary data"),
        (bytes(5000), "is binary data"),
        (pickle.dumps(["a"] * 99), "is a pickle of Python"),
        (LATIN.encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        (LATIN.encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8"),
        (LATIN.encode("utf-16-be"), "iconv -f UTF-16BE -t UTF-8"),
        (LATIN.encode("utf-32"), "iconv -f UTF-32 -t UTF-8"),
        (("\u4e2d\u6587\uff0c\u5b57\u7b26\u3002\n" * 999).encode("utf-16-le"), "is binary data"),
        (b"SQLite format 3\0" + bytes(99), "is an SQLite database, not text: export its table as CSV"),
        (b"PAR1\x15\x04\x15" + bytes(99), "is a Parquet file"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "is a pointer of Git LFS, not text: get",
        ),
    ],
)
def test_what_is_no_text_is_refused_by_name(tmp_path: Path, content: bytes, named: str) -> None:
    with pytest.raises(LabError) as caught:
        read(tmp_path, content)
    assert named in str(caught.value)
    assert str(caught.value).startswith(f"src {tmp_path}/named.txt ")


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        LATIN.encode("latin-1"),
        ("gr\u00fc\u00dfe " * 999).encode("cp1252"),
        ("\u4e2d\u6587\n" * 999).encode("gb18030"),
        ("\u65e5\u672c\n" * 999).encode("shift-jis"),
        b"BZh, PK and GIF are how this review begins\n",
        b"one record\x00 with a zero byte in it\n" * 9 + TEXT,
        b"\xef\xbb\xbf" + TEXT,
        b"\x1b[1mbold\x1b[0m\n" * 99,
        b"",
        b"\n",
        b"a\0\n",
    ],
)
def test_any_text_is_read(tmp_path: Path, text: bytes) -> None:
    assert recognise(text[:HEAD]) == ("plain", "")
    assert read(tmp_path, text) == text
    assert read(tmp_path, gzip.compress(text)) == text


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_the_same_text_from_every_compression_of_the_standard_library(tmp_path: Path, pack: type[bytes]) -> None:
    assert read(tmp_path, pack(TEXT)) == TEXT
    assert read(tmp_path, pack(TEXT) + pack(b"") + pack(TEXT)) == TEXT * 2
    assert read(tmp_path, pack(b"")) == b""
    for cut in (pack(TEXT)[:-9], pack(TEXT)[:12], pack(TEXT) + pack(TEXT)[:-5]):
        with pytest.raises(LabError, match="ends in the middle"):
            read(tmp_path, cut)
    damaged = bytearray(pack(TEXT * 9))
    damaged[-20:-10] = b"x" * 10
    with pytest.raises(LabError, match="is a damaged"):
        read(tmp_path, bytes(damaged))


@pytest.mark.parametrize("block", [1, 2, 3, 64 << 10])
def test_what_follows_is_passed_over_as_gzip_and_bzip2_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("ansible.module_utils.labserver.content.source._COMPRESSED_BLOCK", block)
    path, short = tmp_path / "src", TEXT[:600]
    for pack, padding in ((gzip.compress, b"\0" * 512), (bz2.compress, b"")):
        for garbage in (b"garbage", b"\x1f", b"B", b"<html>", b"\x1f\x00"):
            path.write_bytes(pack(short) + padding + garbage)
            source = Source(path)
            assert b"".join(source.blocks()) == short
            assert source.warnings == [
                f"src {path}: what follows its last part in {source.kind} is something else, and was passed over"
            ]
        path.write_bytes(pack(short) + padding)
        source = Source(path)
        assert b"".join(source.blocks()) == short
        assert not source.warnings
    path.write_bytes(lzma.compress(short) + bytes(8) + lzma.compress(short))
    assert b"".join(Source(path).blocks()) == short * 2


def test_zstd_frames_that_hold_nothing_and_windows_that_need_too_much(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    skipped = b"\x5f\x2a\x4d\x18\x04\0\0\0skip"
    frame = zstandard.ZstdCompressor().compress(TEXT)
    assert read(tmp_path, skipped + frame + skipped + frame + skipped) == TEXT * 2
    assert read(tmp_path, skipped) == b""
    for window, refused in ((27, False), (31, True)):
        parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=window, enable_ldm=True)
        out = io.BytesIO()
        with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(out, closefd=False) as packer:
            packer.write(TEXT)
        if refused:
            with pytest.raises(LabError, match=r"window of more than 128 MiB: zstd -d --long=31"):
                read(tmp_path, out.getvalue())
        else:
            assert read(tmp_path, out.getvalue()) == TEXT
    dictionary = zstandard.train_dictionary(2000, [TEXT[i : i + 200] for i in range(0, len(TEXT), 50)])
    with pytest.raises(LabError, match="compressed with a dictionary"):
        read(tmp_path, zstandard.ZstdCompressor(dict_data=dictionary).compress(TEXT))
    with pytest.raises(LabError, match="damaged zstd file"):
        read(tmp_path, frame + b"garbage")


def test_a_python_without_a_decoder_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "optional", lambda _: None)
    for packed, module in ((bz2.compress(TEXT), "bz2"), (lzma.compress(TEXT), "lzma")):
        with pytest.raises(LabError, match=f"lacks its module {module}: unpack it first"):
            read(tmp_path, packed)


def test_web_pages() -> None:
    assert looks_like_html(b"\xef\xbb\xbf\n <!DOCTYPE html>")
    assert looks_like_html(b"<html lang=en>")
    assert not looks_like_html(b'{"reviewText": "<html>"}')
