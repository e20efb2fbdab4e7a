"""Turn records into lines of text: always the bytes that json.loads would give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Callable, ClassVar

from ..errors import LabError
from .manifest import ProgressFile
from .markup import without_html
from .output import Counts, OutputRequest, written
from .records import BadRecordError, LoadsAll, lines_of, loads_all_engine, parse
from .source import Source

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

    def careful(self, line: bytes) -> bytes:
        """Return the text of one line, by json.loads. Raises BadRecordError with the reason."""
        record = parse(line, self.names)
        texts = []
        for name in self.names:
            if not isinstance(record[name], str):
                raise BadRecordError(f"its field {name} is not a text")
            texts.append(self.clean(record[name]))
        text = " ".join(texts)
        try:
            return text.encode() + b"\n"
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
            return _LONE_SURROGATE.sub("\ufffd", text).encode() + b"\n"


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
    fields: TextFields,
    max_errors: int | None = 0,
    progress: Callable[[int, int], None] = lambda _done, _size: None,
) -> Extracted:
    """Write a line of text for every record of the source.

    A record that is not JSON or lacks a field is left out and counted; more than `max_errors` of them (None: any
    number) raise LabError, which names the first.
    """
    loads_all = loads_all_engine()
    result = Extracted()
    for lines in lines_of(source.blocks()):
        try:
            out.write(_quick(loads_all, fields, lines))
            result.written += len(lines)
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, json.loads decides
            out.write(_slow(source, fields, lines, result, max_errors))
        result.lines += len(lines)
        progress(source.done, source.size)
    if not result.lines:
        raise LabError(f"src {source.path} holds no lines: check that it is the right file, or fetch it again")
    return result


def _slow(
    source: Source, fields: TextFields, lines: Sequence[bytes], result: Extracted, max_errors: int | None
) -> bytes:
    """Return the text of those lines that are records; count the others in `result`."""
    texts = []
    for number, line in enumerate(lines, result.lines + 1):
        try:
            texts.append(fields.careful(line))
        except BadRecordError as error:
            result.left_out += 1
            if len(result.errors) < ERRORS_KEPT:
                result.errors.append({"line": number, "reason": str(error)})
            if max_errors is not None and result.left_out > max_errors:
                listed = "; ".join(f"line {entry['line']}: {entry['reason']}" for entry in result.errors)
                if max_errors == 0:
                    raise LabError(
                        f"src {source.path}, {listed}: correct the file or `fields`, "
                        "or set `on_error: skip` to leave such records out"
                    ) from error
                raise LabError(
                    f"src {source.path} has more than {max_errors} bad records ({listed}): correct the file or "
                    "`fields`, or raise `max_errors`"
                ) from error
    result.written += len(texts)
    return b"".join(texts)


@dataclass(frozen=True)
class TextRequest(OutputRequest):
    """The options of review_text."""

    module: ClassVar[str] = "review_text"
    unknown: ClassVar[Counts] = {"lines": None, "written": None, "left_out": None, "errors": []}

    fields: Sequence[str] = ("reviewText",)
    html: bool = False
    on_error: str = "fail"
    max_errors: int | None = None
    progress: str | None = None

    def check(self) -> None:
        """Raise LabError for options that cannot work."""
        if not self.fields:
            raise LabError("fields is empty: name at least one field of the records, such as reviewText")
        if self.max_errors is not None and self.on_error != "skip":
            raise LabError("max_errors has a meaning with `on_error: skip` alone: set that, or leave max_errors out")
        if self.max_errors is not None and self.max_errors < 0:
            raise LabError(f"max_errors {self.max_errors} is below 0: it is the number of bad records to bear")

    def parameters(self) -> dict[str, Any]:
        """Return what decides the bytes of the output."""
        return {name: getattr(self, name) for name in ("fields", "html", "on_error", "max_errors")}

    def produce(self, source: Source) -> Counts:
        """Write the text."""
        fields, progress = TextFields(tuple(self.fields), self.html), ProgressFile(self.progress)
        with written(self.dest) as out:
            extracted = extract(source, out, fields, self.max_errors if self.on_error == "skip" else 0, progress)
        progress.finish(source)
        return asdict(extracted)
