"""What a web server's answer is: the whole file, its rest, or neither. Status, headers and length count together."""

from __future__ import annotations

import email.message
import email.utils
import http.client
import re
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBER = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_STRONG_ETAG = re.compile(r'"[!#-~\x80-\xff]*"')
# Encoding to the endings of files that are in it themselves: such a file is served with that header as it is
_ENDINGS = {"gzip": (".gz", ".tgz"), "bzip2": (".bz2",), "xz": (".xz",), "zstd": (".zst",)}
_OTHER_NAMES = {
    "x-gzip": "gzip",
    "x-bzip2": "bzip2",
    "x-bzip": "bzip2",
    "bzip": "bzip2",
    "x-xz": "xz",
    "x-zstd": "zstd",
}


# Status -> what helps
ADVICE = {
    http.client.UNAUTHORIZED: "put user:password@ before the host of the address",
    http.client.FORBIDDEN: "ask who runs it to let this host or user in, or name another source",
    http.client.NOT_FOUND: "correct the address",
    http.client.GONE: "correct the address",
    http.client.PROXY_AUTHENTICATION_REQUIRED: "put user:password@ before the host of the proxy's address",
}


class SourceError(Exception):
    """A source did not give the file; the text is the reason."""


class OutOfReachError(SourceError):
    """A source cannot be reached, refuses, or does not have the file."""


@dataclass(frozen=True)
class Beginning:
    """Which file the first bytes are of: what proves later that the server still has it (if anything), its length."""

    validator: str = ""
    total: int | None = None


def whole_length(status: int, headers: email.message.Message, names: Iterable[str] = ()) -> int | None:
    """Return the length of the whole file by the answer that has it; None where it does not say.

    `names` are those of the file. Raises SourceError for an answer that is not the file, whole and as it is.
    """
    if status == http.client.PARTIAL_CONTENT:
        raise SourceError("the server answered 206 with a part of the file, and was asked for all of it")
    if status != http.client.OK:
        answered = f"the server answered {status} {http.client.responses.get(status, '')}".rstrip()
        advice = ", which is no file" if 200 <= status < 300 else f": {ADVICE[status]}" if status in ADVICE else ""
        raise OutOfReachError(answered + advice)
    length = _plain_length(headers, names)
    if headers.get("Content-Range") is not None:
        first, last, total = _range(headers) or (-1, -1, None)
        if first != 0 or total != last + 1 or length not in (None, total):
            raise SourceError(f"the server answered 200 with the part {headers['Content-Range'][:60]!r} of the file")
        length = total
    return length


def rest_length(headers: email.message.Message, begun: Beginning, start: int, names: Iterable[str] = ()) -> int | None:
    """Return the length of the rest, from byte `start`, of the file that was `begun`; None if this 206 is not that.

    The answer has to carry the same proof as the first one did. Two halves of two files would go unnoticed.
    """
    found = _range(headers)
    try:
        length = _plain_length(headers, names)
    except SourceError:
        return None
    if found is None or not begun.validator or validator(headers) != begun.validator:
        return None
    first, last, total = found
    whole = total is not None and first == start <= last == total - 1 and begun.total in (None, total)
    return total - start if whole and total is not None and length in (None, total - start) else None


def beginning_length(headers: email.message.Message, names: Iterable[str] = ()) -> int | None:
    """Return how long the file is whose first bytes this 206 has; None where it does not say.

    Raises SourceError for any other part.
    """
    first, last, total = _range(headers) or (-1, -1, None)
    if first != 0 or _plain_length(headers, names) not in (None, last + 1) or (total is not None and last >= total):
        raise SourceError("the server answered 206 with another part of the file than was asked for")
    return total


def validator(headers: email.message.Message) -> str:
    """Return what proves later that the server still has the same file; empty when it gives no proof."""
    etags = headers.get_all("ETag")
    if etags is not None:
        return str(etags[0]) if len(etags) == 1 and _STRONG_ETAG.fullmatch(etags[0]) else ""
    modified = str(headers.get("Last-Modified", ""))
    return modified if modified.isprintable() and email.utils.parsedate(modified) else ""


def _plain_length(headers: email.message.Message, names: Iterable[str]) -> int | None:
    """Return the Content-Length, which is of the file's own bytes; None when there is none. Raises SourceError."""
    if headers.get_payload():  # what stands behind a line that is no header
        raise SourceError("the headers of the answer are malformed")
    if headers.get_content_type() == "multipart/byteranges":
        raise SourceError("the server answered with parts of the file (multipart/byteranges)")
    coding = ", ".join(headers.get_all("Content-Encoding", [])).strip().lower()
    endings = _ENDINGS.get(_OTHER_NAMES.get(coding, coding), ())
    if coding not in ("", "identity") and not any(name.lower().endswith(endings) for name in names if endings):
        raise SourceError(f"the server sends it with Content-Encoding {coding[:40]!r}, and was asked for it as it is")
    transfer = headers.get_all("Transfer-Encoding", [])
    if transfer and [value.lower() for value in transfer] not in (["chunked"], ["identity"]):
        raise SourceError(f"the server sends it with Transfer-Encoding {', '.join(transfer)[:40]!r}, which is unknown")
    lengths = {value.strip() for line in headers.get_all("Content-Length", []) for value in line.split(",")}
    if not lengths:
        return None
    if len(lengths) > 1 or not _NUMBER.fullmatch(min(lengths)):
        raise SourceError(f"the server tells its length as {' and '.join(sorted(lengths))[:60]!r}")
    return int(min(lengths))


def _range(headers: email.message.Message) -> tuple[int, int, int | None] | None:
    """Return first byte, last byte and length of the whole (None for `*`) of the Content-Range, if there is one."""
    values = headers.get_all("Content-Range", [])
    match = _RANGE.fullmatch(values[0].strip()) if len(values) == 1 else None
    return (int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])) if match else None
