"""Turn records into lines of text: always the bytes that json.loads would give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Callable, Protocol

from ..errors import LabError
from .markup import without_html
from .records import BadRecordError, LoadsAll, lines_of, loads_all_engine, parse

ERRORS_KEPT = 10
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class TextFields:
    """What becomes of a record: the texts of the fields, joined by spaces, on one line."""

    names: tuple[str, ...]
    html: bool = False

    def clean(self, text: str) -> str:
        """Return one field's text without what would break the line."""
        if self.html:
            text = without_html(text)
        return text.replace("\n", " ").replace("\r", " ")

    def careful(self, line: bytes) -> tuple[bytes, bool]:
        """Return the text of one line, and whether its record is loose, by `parse`. Raises BadRecordError."""
        record, loose = parse(line, self.names)
        texts = []
        for name in self.names:
            if not isinstance(record[name], str):
                raise BadRecordError(f"its field {name} is not a text")
            texts.append(self.clean(record[name]))
        text = " ".join(texts)
        try:
            return text.encode() + b"\n", loose
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
            return _LONE_SURROGATE.sub("\ufffd", text).encode() + b"\n", loose


def _quick(loads_all: LoadsAll, fields: TextFields, lines: Sequence[bytes]) -> bytes:
    """Return the text of all lines, or raise anything when one of them needs a closer look."""
    texts = []
    clean, names = fields.clean, fields.names
    if fields.html or len(names) > 1:
        texts = [" ".join([clean(record[name]) for name in names]) for record in loads_all(lines)]
    else:
        name = names[0]
        for record in loads_all(lines):
            text = record[name]
            texts.append(clean(text) if "\n" in text or "\r" in text else text)
    if len(texts) != len(lines):
        raise ValueError(f"{len(texts)} records on {len(lines)} lines")
    texts.append("")
    return "\n".join(texts).encode()


class BadRecordsError(LabError):
    """More records are bad than allowed; `found` says where and why, the message also what to do in a playbook."""

    def __init__(self, found: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.found = found


@dataclass
class Extracted:
    """Counts of one extraction, and its first bad records as {line, reason}.

    lines: of the source: those of text `written`, bad records `left_out`, and `blank` ones. loose: records that were
    literals of Python, not JSON.
    """

    lines: int = 0
    written: int = 0
    left_out: int = 0
    blank: int = 0
    loose: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)


class RecordSource(Protocol):
    """A file of records, or a part of one, that can be read from its beginning."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def size(self) -> int:
        """Bytes of the file."""

    @property
    def done(self) -> int:
        """How many of them were read."""

    def blocks(self) -> Iterator[bytes]:
        """Yield the text, block by block."""


def texts(source: RecordSource, fields: TextFields, max_errors: int | None, result: Extracted) -> Iterator[bytes]:
    """Yield the lines of text of the source's records, many at a time, and count them in `result`.

    A record that is not JSON or lacks a field is left out and counted; more than `max_errors` of them (None: any
    number) raise LabError, which names the first. Blank lines are passed over.
    """
    loads_all = loads_all_engine()
    for lines in lines_of(source.blocks()):
        try:
            text = _quick(loads_all, fields, lines)
            result.written += len(lines)
        except Exception:  # noqa: BLE001 - whatever it is, json.loads decides
            text = _slow(source, fields, lines, result, max_errors)
        result.lines += len(lines)
        yield text


def extract(
    source: RecordSource,
    out: BinaryIO,
    fields: TextFields,
    max_errors: int | None = 0,
    progress: Callable[[int, int], None] = lambda _done, _size: None,
) -> Extracted:
    """Write a line of text for every record of the source; `max_errors` as for `texts`."""
    result = Extracted()
    for text in texts(source, fields, max_errors, result):
        out.write(text)
        progress(source.done, source.size)
    if not result.lines:
        raise LabError(f"{source.name} holds no lines: check that it is the right file, or fetch it again")
    return result


def _slow(
    source: RecordSource, fields: TextFields, lines: Sequence[bytes], result: Extracted, max_errors: int | None
) -> bytes:
    """Return the text of those lines that are records; count the others in `result`."""
    texts = []
    for number, line in enumerate(lines, result.lines + 1):
        if line.isspace():
            result.blank += 1
            continue
        try:
            text, loose = fields.careful(line)
        except BadRecordError as error:
            result.left_out += 1
            if len(result.errors) < ERRORS_KEPT:
                result.errors.append({"line": number, "reason": str(error)})
            if max_errors is not None and result.left_out > max_errors:
                raise too_many(source.name, result.errors, max_errors, "`fields`") from error
        else:
            texts.append(text)
            result.loose += loose
    result.written += len(texts)
    return b"".join(texts)


def loose_records(number: int) -> str:
    """Return the warning of so many records that are no JSON."""
    return f"records read that are literals of Python, as in the older Amazon sets, not JSON: {number:,}"


def left_out(source: object, counts: Mapping[str, Any]) -> str:
    """Return the warning of bad records that were left out."""
    first = counts["errors"][0]
    return f"{source}: bad records left out: {counts['left_out']:,}, the first: line {first['line']}: {first['reason']}"


def check_errors(on_error: str, max_errors: int | None) -> None:
    """Raise LabError for the options of a module that leaves out bad records, where they cannot work."""
    if max_errors is not None and on_error != "skip":
        raise LabError("max_errors has a meaning with `on_error: skip` alone: set that, or leave max_errors out")
    if max_errors is not None and max_errors < 0:
        raise LabError(f"max_errors {max_errors} is below 0: it is the number of bad records to bear")


def too_many(name: str, errors: Sequence[Mapping[str, Any]], max_errors: int, options: str) -> BadRecordsError:
    """Return the error for more bad records than allowed in the file called `name`; `options` may mend it."""
    listed = "; ".join(f"line {entry['line']}: {entry['reason']}" for entry in errors)
    if max_errors == 0:
        advice = f"correct the file or {options}, or set `on_error: skip` to leave such records out"
        return BadRecordsError(f"{name}, {listed}", f"{name}, {listed}: {advice}")
    advice = f"correct the file or {options}, or raise `max_errors`"
    return BadRecordsError(f"{name}, {listed}", f"{name} has more than {max_errors} bad records ({listed}): {advice}")
