"""Whether a file is what its name declares: a whole archive, or at least no web page. For files without a checksum."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from pathlib import Path

from ..content.codecs import decode, optional
from ..content.signatures import HEAD, POINTER, recognise
from ..errors import LabError
from .answer import OutOfReachError, SourceError

_BLOCK = 256 << 10
_HEAD = 64 << 10  # bytes in which a web page tells itself
_KINDS = {
    ".gz": "gzip",
    ".tgz": "gzip",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".bz2": "bzip2",
    ".tbz2": "bzip2",
    ".xz": "xz",
    ".txz": "xz",
    ".zip": "zip",
}
_ZIP = b"PK\x03\x04"
_PAGES = (".html", ".htm", ".xhtml", ".shtml")
_BLANK = b" \t\r\n\f\xef\xbb\xbf\xff\xfe"  # and what UTF-8 and UTF-16 may begin with
_PREAMBLE = re.compile(rb"\s*(?:<!--.*?-->|<\?xml.*?\?>)\s*", re.DOTALL)
_PAGE = re.compile(
    rb"<(?:!doctype\s+html|(?:html|head|body|title|meta|script|style|frameset|center)[\s>/])", re.IGNORECASE
)
_ADVICE = "name another source, or set `sha256` if the file is meant to be so"


def check_declared(path: Path, name: str) -> None:
    """Raise SourceError where the file at `path` cannot be the one called `name`.

    A web page in place of the file is out of reach: networks answer with one before somebody logs in, and sites after
    a file has moved.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    check_head(head, name)
    kind, page_expected = _expected(name)
    if not kind:  # half an archive is no use under any name
        found, _ = recognise(head[:HEAD])
        kind = "zip" if head.startswith(_ZIP) else found if found in _KINDS.values() else ""
    if kind == "zip":
        _check_zip(path)
    elif kind and (kind != "zstd" or optional("zstandard")):  # without it the first bytes have to do
        _check_packed(path, kind, page_expected=page_expected)


def check_head(head: bytes, name: str, advice: str = _ADVICE) -> None:
    """Raise SourceError where a file that begins so cannot be the one called `name`."""
    kind, page_expected = _expected(name)
    if not page_expected:
        _refuse_page(head, advice)
    found, _ = recognise(head[:HEAD])
    if found == POINTER:  # what the address of a raw file gives, where the repository keeps large ones elsewhere
        raise SourceError(f"it is {POINTER}, not the file that it stands for: {advice}")
    if kind not in ("", "zip", found):
        what = "it is empty" if not head else "its content is not" if found == "plain" else f"its content is {found}"
        raise SourceError(f"it is named as a {kind} file, and {what}: {advice}")


def _expected(name: str) -> tuple[str, bool]:
    """Return the kind of archive that a name declares, if any, and whether a web page is meant to be in it."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    kind = _KINDS.get(suffixes[-1] if suffixes else "", "")
    return kind, any(suffix in _PAGES for suffix in (suffixes[-2:] if kind else suffixes[-1:]))


def _check_packed(path: Path, kind: str, *, page_expected: bool) -> None:
    """Decode a file to its end, behind which there may be nothing: half of it may be from another file."""

    def refuse(what: str) -> None:
        raise LabError(what)

    try:
        with path.open("rb") as file:
            raw = iter(lambda: file.read(_BLOCK), b"")
            for number, text in enumerate(decode(kind, raw, "it", LabError, refuse)):
                if number == 0 and not page_expected:
                    _refuse_page(text[:_HEAD])
    except LabError as error:
        raise SourceError(f"it is no whole {kind} file ({error}): {_ADVICE}") from error


def _refuse_page(head: bytes, advice: str = _ADVICE) -> None:
    text = head.replace(b"\0", b"").lstrip(_BLANK)  # UTF-16 has zeros in it
    start = 0
    while match := _PREAMBLE.match(text, start):
        start = match.end()
    if _PAGE.match(text, start):
        raise OutOfReachError(
            "a web page came in place of the file: log in to the network of the host where it asks for that, or "
            f"{advice}"
        )


def _check_zip(path: Path) -> None:
    """Read every member of a zip archive, except those that need a password or a method that this Python lacks."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                try:
                    with archive.open(member) as content:
                        while content.read(_BLOCK):
                            pass
                except (NotImplementedError, RuntimeError):
                    continue
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, lzma.LZMAError, zlib.error) as error:
        if getattr(error, "errno", None):
            raise
        raise SourceError(f"it is no whole zip file ({error}): {_ADVICE}") from error
