"""What a file is, told by its first bytes: the one table for all that reads files.

Sources: the formats' own specifications (RFC 1952 gzip, RFC 8878 zstd, POSIX.1-2017 ustar, the pages of bzip2, xz, ...)
and, for UTF-16 and UTF-32, the Unicode Standard, chapter 23.8.
"""

from __future__ import annotations

import codecs

from ..errors import LabError

HEAD = 4096  # bytes of a file, at most, that tell what it is
POINTER = "a pointer of Git LFS"
READABLE = ("plain", "gzip", "zstd", "bzip2", "xz")
_UNPACK = "unpack it, and name the file that was in it"
_EXPORT = "export its table as CSV or as lines of JSON"
_OTHER = "check that it is the right file"
_BINARY = ("binary data", "check that it is the right file: text, plain or compressed with gzip, zstd, bzip2 or xz")

# Offset, bytes there, what it is, what to do; for one of READABLE there is nothing to do
_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x1f\x8b", "gzip", ""),
    (0, b"\x28\xb5\x2f\xfd", "zstd", ""),
    *((0, bytes([low]) + b"\x2a\x4d\x18", "zstd", "") for low in range(0x50, 0x60)),  # skippable frames come first
    *((0, b"BZh%d1AY&SY" % level, "bzip2", "") for level in range(1, 10)),
    *((0, b"BZh%d\x17rE8P\x90" % level, "bzip2", "") for level in range(1, 10)),  # of nothing
    (0, b"\xfd7zXZ\0", "xz", ""),
    (0, b"\xff\xfe\0\0", "UTF-32 text", "convert it: iconv -f UTF-32 -t UTF-8"),
    (0, b"\0\0\xfe\xff", "UTF-32 text", "convert it: iconv -f UTF-32 -t UTF-8"),
    (0, b"\xff\xfe", "UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8"),
    (0, b"\xfe\xff", "UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8"),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"PK\x03\x04", "a zip archive (or a document such as .xlsx)", _UNPACK),
    (0, b"PK\x05\x06", "an empty zip archive", _OTHER),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (0, b"!<arch>\n", "an ar archive (or a Debian package)", _UNPACK),
    (0, b"\x5d\0\0", "compressed with lzma", _UNPACK),
    (0, b"LZIP\x01", "compressed with lzip", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "compressed with lz4", _UNPACK),
    (0, b"\x02\x21\x4c\x18", "compressed with lz4", _UNPACK),
    (0, b"\x1f\x9d", "compressed with compress", _UNPACK),
    (0, b"\x89LZO\0", "compressed with lzop", _UNPACK),
    (0, b"\xff\x06\0\0sNaPpY", "compressed with Snappy", _UNPACK),
    (0, b"PAR1\x15", "a Parquet file", _EXPORT),
    (0, b"ARROW1\0\0", "an Arrow file", _EXPORT),
    (0, b"Obj\x01", "an Avro file", _EXPORT),
    (0, b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", _EXPORT),
    (0, b"\x93NUMPY", "an array of NumPy", _EXPORT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Microsoft Office", _EXPORT),
    *((0, b"\x80" + bytes([version]), "a pickle of Python", _EXPORT) for version in range(2, 6)),
    *((0, b"RD" + kind, "data of R", _EXPORT) for kind in (b"X2\n", b"X3\n", b"A2\n", b"A3\n")),
    (0, b"X\n\0\0\0", "data of R", _EXPORT),
    (0, b"version https://git-lfs.github.com/spec/", POINTER, "get the file that it stands for: git lfs pull"),
    (0, b"%PDF-", "a PDF document", _OTHER),
    (0, b"\x89PNG\r\n", "a picture", _OTHER),
    (0, b"\xff\xd8\xff", "a picture", _OTHER),
    (0, b"GIF8", "a picture", _OTHER),
    (0, b"\x7fELF", "a program", _OTHER),
)
# Hardly ever in a text: control characters but for tab, line ends, form feed and escape
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\f\r\x1b"})
_FEWEST, _FEW = 8, 50  # so many control characters, and one in so many bytes, are let pass: records may hold some


def recognise(head: bytes) -> tuple[str, str]:
    """Return what a file is whose first HEAD bytes (fewer where it has fewer) are `head`, and what to do about it.

    That is one of READABLE and nothing to do, or the name of something that is no text and cannot be read.
    """
    for offset, signature, kind, advice in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind, advice
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls <= _FEWEST or controls * _FEW <= len(head):
        return "plain", ""
    # Latin letters in UTF-16 have a zero before or after each
    for order, zeros in (("LE", head[1::2].count(0)), ("BE", head[::2].count(0))):
        if zeros == head.count(0) and zeros * 3 > len(head):
            return "UTF-16 text", f"convert it: iconv -f UTF-16{order} -t UTF-8"
    # Hardly any data are UTF-8 by chance; a text of ours may hold what records spell as \u0001
    return ("plain", "") if _is_utf_8(head) and head.count(0) * 2 < len(head) else _BINARY


def _is_utf_8(head: bytes) -> bool:
    """Return whether the bytes are UTF-8, of which the last character may be cut off."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def looks_like_html(head: bytes) -> bool:
    """Return whether a file that begins so is a web page."""
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:15].lower()
    return begin.startswith((b"<!doctype html", b"<html", b"<head"))


def require_readable(name: str, kind: str, advice: str) -> None:
    """Raise LabError for the file called `name` where `recognise` says that it cannot be read."""
    if kind not in READABLE:
        raise LabError(f"{name} is {kind}, not text: {advice}")
