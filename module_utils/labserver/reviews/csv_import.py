"""Turn a CSV file of reviews into the JSON lines of the Amazon review sets."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

from ..content.signatures import looks_like_html
from ..content.source import Source, as_file
from ..errors import LabError
from ..files import digest_of
from .extraction import ERRORS_KEPT, check_errors, left_out, too_many
from .markup import without_html
from .output import Counts, OutputRequest, written

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_FIELD_LIMIT = 8 << 20  # characters of one CSV field
_CONVERT = "csvformat of csvkit: -d ';' for semicolons, -t for tabs"


@dataclass(frozen=True)
class ImportRequest(OutputRequest):
    """The options of review_import: which columns become which JSON fields."""

    module: ClassVar[str] = "review_import"
    unknown: ClassVar[Counts] = {"lines": None, "left_out": None, "errors": [], "sha256": None}

    text_column: str = "text"
    fields: Mapping[str, str] = field(default_factory=dict)  # JSON field: column
    numbers: Sequence[str] = ()  # JSON fields that are written as numbers
    html: bool = False
    on_error: str = "fail"
    max_errors: int | None = None

    def check(self) -> None:
        """Raise LabError for options that cannot work."""
        check_errors(self.on_error, self.max_errors)
        if "reviewText" in self.fields:
            raise LabError(
                "fields names reviewText, which comes from the column `text_column`: take it out of `fields`"
            )
        unknown = sorted(set(self.numbers) - set(self.fields))
        if unknown:
            raise LabError(f"numbers names {', '.join(unknown)}, which `fields` does not have: add it there")

    def parameters(self) -> dict[str, Any]:
        """Return what decides the bytes of the output."""
        names = ("text_column", "fields", "numbers", "html", "on_error", "max_errors")
        return {name: getattr(self, name) for name in names}

    def produce(self, source: Source) -> Counts:
        """Write the JSON lines."""
        with written(self.dest) as out:
            counts = convert(source, out, self)
        return {**counts, "sha256": digest_of(self.dest)}

    def warnings(self, counts: Counts) -> list[str]:
        """Return how much was left out."""
        return [left_out(self.src, counts)] if counts["left_out"] else []


def convert(source: Source, out: BinaryIO, request: ImportRequest) -> Counts:
    """Write a JSON line for every row of the CSV file; return how many, and which rows were left out.

    Raises LabError for a bad file, and for more bad rows than `on_error` and `max_errors` of the request bear.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    # What is no UTF-8 comes as halves of surrogate pairs, so that one bad row does not end the reading
    text = io.TextIOWrapper(as_file(source.blocks()), encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, strict=True)
    header, reason, _ = next(_rows(reader), (None, "", 0))
    if reason:
        raise LabError(
            f"{source.name}, line {reader.line_num}: {reason}: fetch it again, or convert it where it is not "
            f"comma-separated ({_CONVERT})"
        )
    if header is None:
        raise LabError(f"{source.name} holds no lines: check that it is the right file, or fetch it again")
    places = _places(source, header, request)
    allowed = request.max_errors if request.on_error == "skip" else 0
    lines = left_out = 0
    errors: list[dict[str, Any]] = []
    for row, problem, taken in _rows(reader):
        record, reason = (b"", problem) if row is None else _record(row, len(header), places, request)
        if not reason:
            out.write(record)
            lines += 1
            continue
        left_out += taken
        if len(errors) < ERRORS_KEPT:
            errors.append({"line": reader.line_num, "reason": reason})
        if allowed is not None and left_out > allowed:
            raise too_many(source.name, errors, allowed, "`fields` and `numbers`")
    if not lines:
        raise LabError(f"{source.name} has no rows: check that it is the right file, or fetch it again")
    return {"lines": lines, "left_out": left_out, "errors": errors}


def _rows(reader: Any) -> Iterator[tuple[list[str] | None, str, int]]:
    """Yield each row, or None, what is wrong with it, and how many bad rows it stands for; blank ones are passed over.

    So do DictReader and pandas. What is not CSV may begin with a quote left open, which takes in all rows behind it up
    to the next quote: each of its lines counts as one.
    """
    while True:
        begin = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines = reader.line_num - begin + 1
            where = f", from line {begin} on: is a quote left open there?" if lines > 1 else ""
            yield None, f"it is not CSV ({error}){where}", max(lines, 1)
        else:
            if row and not (len(row) == 1 and row[0].isspace()):
                yield row, "", 1


def _places(source: Source, header: list[str], request: ImportRequest) -> dict[str, int]:
    columns = {"reviewText": request.text_column, **request.fields}
    missing = sorted(set(columns.values()) - set(header))
    if missing:
        known = ", ".join(header)[:500].encode(errors="backslashreplace").decode()
        raise LabError(f"{source.name} has no column {', '.join(missing)}; it has {known}: {_advice(header, missing)}")
    twice = sorted(column for column in set(columns.values()) if header.count(column) > 1)
    if twice:
        raise LabError(f"{source.name} has several columns {', '.join(twice)}: give each a name of its own")
    return {name: header.index(column) for name, column in columns.items()}


def _advice(header: list[str], missing: list[str]) -> str:
    """Return what helps where the header lacks columns; it may be no CSV at all."""
    line = ",".join(header)
    if looks_like_html(line.encode(errors="replace")):
        return "it is a web page: fetch the file again"
    if line.startswith("{"):
        return "it is lines of JSON, not CSV, and needs no import"
    for separator in ";\t|":
        if set(missing) <= {name.strip('" ') for name in line.split(separator)}:
            return f"its separator is {separator!r}: convert it to commas ({_CONVERT})"
    return "correct `text_column` or `fields`"


def _record(row: list[str], columns: int, places: dict[str, int], request: ImportRequest) -> tuple[bytes, str]:
    """Return the line of JSON for a row, or why there is none."""
    if len(row) != columns:
        return b"", f"{len(row)} columns, and the header has {columns}: is the file comma-separated and complete?"
    text = row[places["reviewText"]]
    record: dict[str, object] = {"reviewText": without_html(text) if request.html else text}
    for name in request.fields:
        record[name] = value = row[places[name]]
        if name in request.numbers:
            record[name] = number = _number(value.strip())
            if number is None:
                return b"", f"{name} is {value[:50]!r}, not a number that JSON can hold: take it out of `numbers`"
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n", ""
    except UnicodeEncodeError:
        return b"", "it is not UTF-8: convert the file with iconv"


def _number(value: str) -> float | None:
    """Return the number in a field; None where there is none, or none that JSON can hold."""
    if not _NUMBER.fullmatch(value) or not math.isfinite(float(value)):
        return None
    return float(value) if "." in value else int(value)
