"""Put blocks of text together to lines, and read them as JSON objects by the quickest parser that this Python has."""

from __future__ import annotations

import ast
import functools
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import accumulate
from typing import Any, Callable

from ..content.codecs import optional
from ..content.signatures import looks_like_html

RECORD_LIMIT = 1 << 20  # bytes; a line that is read as a record is held in memory


class BadRecordError(ValueError):
    """A line is not a record with the fields; the text is the reason."""


def lines_of(blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield for each block the lines that end in it, with their newlines, and at last the line that has none.

    b"" stands for a line longer than RECORD_LIMIT.
    """
    pieces: list[bytes] = []  # of the line at the end of the last block
    length = 0
    for block in blocks:
        lines = list(BytesIO(block))
        ended = block.endswith(b"\n")
        if pieces:
            length += len(lines[0])
            pieces = [*pieces, lines[0]] if length <= RECORD_LIMIT else [b""]
            if len(lines) == 1 and not ended:
                yield []
                continue
            lines[0] = b"".join(pieces)
            pieces = []
        if not ended:
            pieces = [lines.pop()]
            length = len(pieces[0])
        yield lines
    yield [b"".join(pieces)] if pieces else []


def parse(line: bytes, fields: Sequence[str]) -> tuple[dict[str, Any], bool]:
    """Return the record on a line and whether it is a literal of Python, as in the older Amazon sets, not JSON.

    Raises BadRecordError when it is no record or lacks a field.
    """
    if not line:
        raise BadRecordError(f"it is longer than {RECORD_LIMIT} bytes")
    loose = False
    try:
        # Whole numbers of any length: json.loads of some releases of Python has a limit, and no number is used
        record: Any = json.loads(line, parse_int=float)
    except UnicodeDecodeError as error:
        raise BadRecordError(f"it is not UTF-8 (byte {error.start + 1} of the line)") from error
    except ValueError as error:
        record = _literal(line.strip(), error)
        loose = True
    except RecursionError as error:
        raise BadRecordError("it is nested too deeply") from error
    if not isinstance(record, dict):
        raise BadRecordError(f"it is not a JSON object{_layout(line)}")
    for name in fields:
        if name not in record:
            known = ", ".join(sorted(map(str, record))[:12])
            raise BadRecordError(f"it has no field {name} (it has {known or 'none'})")
    return record, loose


def _literal(line: bytes, reason: ValueError) -> Any:
    """Return a dictionary that is written as in Python. Raises BadRecordError, with the reason why it is not JSON."""
    # The number of its line is told by who reads the file
    why = f"{reason.msg}: character {reason.pos + 1}" if isinstance(reason, json.JSONDecodeError) else reason
    not_json = BadRecordError(f"it is not JSON ({why}){_layout(line, reason)}")
    if not line.startswith(b"{'") or not line.endswith(b"}"):
        raise not_json
    try:
        text = line.decode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes that Python does not know
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise not_json from error


def _layout(line: bytes, reason: ValueError | None = None) -> str:
    """Return what helps where records seem not to be one a line, or nothing."""
    line = line.strip()
    if looks_like_html(line):
        return "; it is a web page: fetch the file again"
    if line.startswith(b"["):
        return "; of an array of records, `jq -c '.[]'` makes one a line"
    if isinstance(reason, json.JSONDecodeError) and reason.msg == "Extra data":
        several = reason.doc.startswith("{", reason.pos)
    else:
        several = line.startswith(b"{") and line.endswith((b"{", b","))
    return "; of records that are not one a line, `jq -c .` makes such" if several else ""


LoadsAll = Callable[[Sequence[bytes]], Iterable[Any]]
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # what JSONDecoder.decode calls


def _standard_loads(line: bytes) -> Any:
    """Do what json.loads does for a complete line of UTF-8; raise anything for all others."""
    text = line.decode()
    try:
        record, end = _scan(text, 0)
    except StopIteration as error:  # which would end a loop over records quietly
        raise ValueError(text) from error
    if text[end:] != "\n":
        raise ValueError(text[end:])
    return record


def _standard_loads_all(lines: Sequence[bytes]) -> Iterator[Any]:
    """Do so for several lines. Where all is ASCII, they are decoded together and scanned one after the other."""
    block = b"".join(lines)
    if not block.isascii():
        yield from map(_standard_loads, lines)
        return
    if not block.endswith(b"\n"):
        raise ValueError("incomplete")
    text = block.decode()
    start = 0
    for stop in accumulate(map(len, lines)):
        record, end = _scan(text, start)
        if end != stop - 1:  # each record must end right before the newline of its own line
            raise ValueError(text[start:stop])
        yield record
        start = stop


def loads_all_engine() -> LoadsAll:
    """Return the quickest importable parser of lines. What it refuses is read again with json.loads."""
    package = optional("orjson")
    return functools.partial(map, package.loads) if package else _standard_loads_all
