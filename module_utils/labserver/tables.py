"""Turn a CSV file of reviews into the JSON lines of the Amazon review sets."""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Callable, cast

from .errors import LabError
from .source import Source

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_BREAKS = re.compile(r"(?:<br\s*/?>)+")
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
class Columns:
    """Which columns become which JSON fields."""

    text: str = "text"
    fields: Mapping[str, str] = field(default_factory=dict)  # JSON field: column
    numbers: tuple[str, ...] = ()  # JSON fields that are written as numbers
    html: bool = False


def soup_cleaner() -> Callable[[str], str]:
    """Return a function that turns tags to spaces and decodes entities. Raises LabError without BeautifulSoup."""
    try:
        bs4 = importlib.import_module("bs4")
    except ImportError as error:
        raise LabError(
            f"{sys.executable} has no BeautifulSoup (bs4), which `html: true` needs: run this task with the Python of "
            "the lab's virtual environment (role python_venv) as `ansible_python_interpreter`"
        ) from error
    # A review that is only an address is still a review.
    warnings.filterwarnings("ignore", category=UserWarning, module="bs4")

    def clean(text: str) -> str:
        # Most reviews have line breaks for their only markup; the parser would take three times as long to find them
        plain = " ".join(part for part in _BREAKS.split(text) if part) if "<" in text else text
        if "<" not in plain and "&" not in plain:
            return plain
        return str(bs4.BeautifulSoup(text, "html.parser").get_text(" "))

    return clean


def convert(source: Source, out: BinaryIO, columns: Columns) -> int:
    """Write a JSON line for every row of the CSV file; return how many. Raises LabError for a bad file."""
    clean = soup_cleaner() if columns.html else str
    csv.field_size_limit(_FIELD_LIMIT)
    text = io.TextIOWrapper(io.BufferedReader(_Blocks(source.blocks())), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    lines = 0
    try:
        header = next(reader, None)
        if not header:
            raise LabError(f"src {source.path} holds no lines: check that it is the right file, or fetch it again")
        places = _places(source, header, columns)
        for row in reader:
            if len(row) != len(header):
                raise LabError(
                    f"src {source.path}, line {reader.line_num}: {len(row)} columns, and the header has {len(header)}: "
                    "check that the file is comma-separated and complete"
                )
            record: dict[str, object] = {"reviewText": clean(row[places["reviewText"]])}
            for name in columns.fields:
                value = row[places[name]]
                record[name] = _number(source, reader.line_num, name, value) if name in columns.numbers else value
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


def _places(source: Source, header: list[str], columns: Columns) -> dict[str, int]:
    wanted = {"reviewText": columns.text, **columns.fields}
    missing = sorted(set(wanted.values()) - set(header))
    if missing:
        raise LabError(
            f"src {source.path} has no column {', '.join(missing)}; it has {', '.join(header)[:500]}: "
            "correct `text_column` or `fields`"
        )
    return {name: header.index(column) for name, column in wanted.items()}


def _number(source: Source, line: int, name: str, value: str) -> float:
    if not _NUMBER.fullmatch(value):
        raise LabError(f"src {source.path}, line {line}: {name} is {value!r}, not a number: take it out of `numbers`")
    return float(value) if "." in value else int(value)
