"""Turn a CSV file of reviews into the JSON lines of the Amazon review sets."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, cast

from ..errors import LabError
from ..files import digest_of
from .markup import without_html
from .output import Counts, OutputRequest, written
from .source import Source

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_FIELD_LIMIT = 8 << 20  # characters of one CSV field


class _Blocks(io.RawIOBase):
    """The text of a source as a file object."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        data = self._rest or next(self._blocks, b"")
        size = min(len(view), len(data))
        view[:size] = data[:size]
        self._rest = data[size:]
        return size


@dataclass(frozen=True)
class ImportRequest(OutputRequest):
    """The options of review_import: which columns become which JSON fields."""

    module: ClassVar[str] = "review_import"
    unknown: ClassVar[Counts] = {"lines": None, "sha256": None}

    text_column: str = "text"
    fields: Mapping[str, str] = field(default_factory=dict)  # JSON field: column
    numbers: Sequence[str] = ()  # JSON fields that are written as numbers
    html: bool = False

    def check(self) -> None:
        """Raise LabError for options that cannot work."""
        if "reviewText" in self.fields:
            raise LabError(
                "fields names reviewText, which comes from the column `text_column`: take it out of `fields`"
            )
        unknown = sorted(set(self.numbers) - set(self.fields))
        if unknown:
            raise LabError(f"numbers names {', '.join(unknown)}, which `fields` does not have: add it there")

    def parameters(self) -> dict[str, Any]:
        """Return what decides the bytes of the output."""
        return {name: getattr(self, name) for name in ("text_column", "fields", "numbers", "html")}

    def produce(self, source: Source) -> Counts:
        """Write the JSON lines."""
        with written(self.dest) as out:
            lines = convert(source, out, self)
        return {"lines": lines, "sha256": digest_of(self.dest)}


def convert(source: Source, out: BinaryIO, request: ImportRequest) -> int:
    """Write a JSON line for every row of the CSV file; return how many. Raises LabError for a bad file."""
    clean = without_html if request.html else str
    csv.field_size_limit(_FIELD_LIMIT)
    text = io.TextIOWrapper(io.BufferedReader(_Blocks(source.blocks())), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    lines = 0
    try:
        header = next(reader, None)
        if not header:
            raise LabError(f"src {source.path} holds no lines: check that it is the right file, or fetch it again")
        places = _places(source, header, request)
        for row in reader:
            if len(row) != len(header):
                raise LabError(
                    f"src {source.path}, line {reader.line_num}: {len(row)} columns, and the header has {len(header)}: "
                    "check that the file is comma-separated and complete"
                )
            record: dict[str, object] = {"reviewText": clean(row[places["reviewText"]])}
            for name in request.fields:
                value = row[places[name]]
                record[name] = _number(source, reader.line_num, name, value) if name in request.numbers else value
            out.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            lines += 1
    except UnicodeDecodeError as error:
        where = f"src {source.path}, near line {reader.line_num}"
        raise LabError(f"{where}: it is not UTF-8: convert it with iconv") from error
    except csv.Error as error:
        raise LabError(f"src {source.path}, line {reader.line_num}: it is not CSV ({error}): fetch it again") from error
    if not lines:
        raise LabError(f"src {source.path} has no rows: check that it is the right file, or fetch it again")
    return lines


def _places(source: Source, header: list[str], request: ImportRequest) -> dict[str, int]:
    columns = {"reviewText": request.text_column, **request.fields}
    missing = sorted(set(columns.values()) - set(header))
    if missing:
        raise LabError(
            f"src {source.path} has no column {', '.join(missing)}; it has {', '.join(header)[:500]}: "
            "correct `text_column` or `fields`"
        )
    return {name: header.index(column) for name, column in columns.items()}


def _number(source: Source, line: int, name: str, value: str) -> float:
    if not _NUMBER.fullmatch(value):
        raise LabError(f"src {source.path}, line {line}: {name} is {value!r}, not a number: take it out of `numbers`")
    return float(value) if "." in value else int(value)
