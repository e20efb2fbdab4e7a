"""Turn records, one JSON object a line, into lines of text: always the bytes that json.loads would give."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from itertools import accumulate
from typing import Any, BinaryIO, Callable

from .errors import LabError
from .source import RECORD_LIMIT, Source, optional, records

ERRORS_KEPT = 10
_MARKUP = re.compile("[<&]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class BadRecordError(ValueError):
    """A line is no record of the wanted kind; the text is the reason."""


def parse(line: bytes, fields: Sequence[str]) -> dict[str, Any]:
    """Return the record on a line, by json.loads. Raises BadRecordError when it is none or lacks a field."""
    if not line:
        raise BadRecordError(f"it is longer than {RECORD_LIMIT} bytes")
    try:
        record: Any = json.loads(line)
    except UnicodeDecodeError as error:
        raise BadRecordError(f"it is not UTF-8 (byte {error.start + 1} of the line)") from error
    except ValueError as error:
        raise BadRecordError(f"it is not JSON ({error})") from error
    except RecursionError as error:
        raise BadRecordError("it is nested too deeply") from error
    if not isinstance(record, dict):
        raise BadRecordError("it is not a JSON object")
    for name in fields:
        if name not in record:
            known = ", ".join(sorted(record)[:12])
            raise BadRecordError(f"it has no field {name} (it has {known or 'none'})")
    return record


class _TextParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.texts.append(" ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.texts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.texts.append(" ")

    def error(self, message: str) -> None:  # Python 3.9 has it in a base class
        raise ValueError(message)


def without_html(text: str) -> str:
    """Return `text` with its tags as spaces and its entities decoded."""
    if not _MARKUP.search(text):
        return text
    # What a tag that is never closed becomes differs between releases of Python: here it stays what it is
    left_open = text.find("<", text.rfind(">") + 1)
    end = left_open if left_open >= 0 else len(text)
    parser = _TextParser()
    parser.feed(text[:end])
    parser.close()
    return "".join(parser.texts) + unescape(text[end:])


@dataclass(frozen=True)
class Wanted:
    """What becomes of a record: the texts of `fields`, joined by spaces, on one line."""

    fields: tuple[str, ...]
    html: bool = False

    def clean(self, text: str) -> str:
        """Return one field's text without what would break the line."""
        if self.html:
            text = without_html(text)
        if "\n" in text:
            text = text.replace("\n", " ")
        if "\r" in text:
            text = text.replace("\r", " ")
        return text

    def careful(self, line: bytes) -> bytes:
        """Return the text of one line, by json.loads. Raises BadRecordError with the reason."""
        record = parse(line, self.fields)
        texts = []
        for name in self.fields:
            if not isinstance(record[name], str):
                raise BadRecordError(f"its field {name} is not a text")
            texts.append(self.clean(record[name]))
        text = " ".join(texts)
        try:
            return text.encode() + b"\n"
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
            return _LONE_SURROGATE.sub("\ufffd", text).encode() + b"\n"


Loads = Callable[[bytes], Any]
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


def loads_engine() -> Loads:
    """Return the quickest importable parser of a line. What it refuses is looked at again with json.loads."""
    package = optional("orjson")
    if package:
        return package.loads  # type: ignore[no-any-return]
    package = optional("msgspec.json")
    if package:
        return package.Decoder().decode  # type: ignore[no-any-return]
    return _standard_loads


def _loads_all_engine() -> LoadsAll:
    loads = loads_engine()
    return _standard_loads_all if loads is _standard_loads else functools.partial(map, loads)


def _quick(loads_all: LoadsAll, wanted: Wanted, lines: Sequence[bytes]) -> bytes:
    """Return the text of all lines, or raise anything when one of them needs a closer look."""
    texts = []
    clean, fields = wanted.clean, wanted.fields
    if wanted.html or len(fields) > 1:
        texts = [" ".join([clean(record[name]) for name in fields]) for record in loads_all(lines)]
    else:
        name = fields[0]
        for record in loads_all(lines):
            text = record[name]
            texts.append(clean(text) if "\n" in text or "\r" in text else text)
    if len(texts) != len(lines):
        raise ValueError(f"{len(texts)} records on {len(lines)} lines")
    texts.append("")
    return "\n".join(texts).encode()


@dataclass
class Extracted:
    """Counts of one extraction, and its first bad records as {line, reason}."""

    lines: int = 0
    written: int = 0
    left_out: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)


def extract(
    source: Source,
    out: BinaryIO,
    wanted: Wanted,
    max_errors: int | None = 0,
    progress: Callable[[int, int], None] = lambda _done, _size: None,
) -> Extracted:
    """Write a line of text for every record of the source.

    A record that is not JSON or lacks a field is left out and counted; more than `max_errors` of them (None: any
    number) raise LabError, which names the first.
    """
    loads_all = _loads_all_engine()
    result = Extracted()
    for lines in records(source.blocks()):
        try:
            out.write(_quick(loads_all, wanted, lines))
            result.written += len(lines)
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, json.loads decides
            out.write(_slow(source, wanted, lines, result, max_errors))
        result.lines += len(lines)
        progress(source.done, source.stat.st_size)
    if not result.lines:
        raise LabError(f"src {source.path} holds no lines: check that it is the right file, or fetch it again")
    return result


def _slow(source: Source, wanted: Wanted, lines: Sequence[bytes], result: Extracted, max_errors: int | None) -> bytes:
    """Return the text of those lines that are records; count the others in `result`."""
    texts = []
    for number, line in enumerate(lines, result.lines + 1):
        try:
            texts.append(wanted.careful(line))
        except BadRecordError as error:
            result.left_out += 1
            if len(result.errors) < ERRORS_KEPT:
                result.errors.append({"line": number, "reason": str(error)})
            if max_errors is not None and result.left_out > max_errors:
                raise _too_many(source, result, max_errors) from error
    result.written += len(texts)
    return b"".join(texts)


def _too_many(source: Source, result: Extracted, max_errors: int) -> LabError:
    listed = "; ".join(f"line {entry['line']}: {entry['reason']}" for entry in result.errors)
    if max_errors == 0:
        return LabError(
            f"src {source.path}, {listed}: correct the file or `fields`, "
            "or set `on_error: skip` to leave such records out"
        )
    return LabError(
        f"src {source.path} has more than {max_errors} bad records ({listed}): correct the file or `fields`, "
        "or raise `max_errors`"
    )
