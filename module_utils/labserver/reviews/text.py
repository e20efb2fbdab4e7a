"""The text of a file of records, as an output: by module `extraction`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from ..content.source import Source
from ..errors import LabError
from .extraction import TextFields, check_errors, extract, left_out, loose_records
from .manifest import ProgressFile
from .output import Counts, OutputRequest, written


@dataclass(frozen=True)
class TextRequest(OutputRequest):
    """The options of review_text."""

    module: ClassVar[str] = "review_text"
    unknown: ClassVar[Counts] = {
        "lines": None,
        "written": None,
        "left_out": None,
        "blank": None,
        "loose": None,
        "errors": [],
    }

    fields: Sequence[str] = ("reviewText",)
    html: bool = False
    on_error: str = "fail"
    max_errors: int | None = None
    progress: str | None = None

    def check(self) -> None:
        """Raise LabError for options that cannot work."""
        if not self.fields:
            raise LabError("fields is empty: name at least one field of the records, such as reviewText")
        check_errors(self.on_error, self.max_errors)

    def parameters(self) -> dict[str, Any]:
        """Return what decides the bytes of the output."""
        return {name: getattr(self, name) for name in ("fields", "html", "on_error", "max_errors")}

    def produce(self, source: Source) -> Counts:
        """Write the text."""
        fields, progress = TextFields(tuple(self.fields), self.html), ProgressFile(self.progress)
        with written(self.dest) as out:
            extracted = extract(source, out, fields, self.max_errors if self.on_error == "skip" else 0, progress)
            if not extracted.written:
                first = extracted.errors[0] if extracted.errors else None
                why = f"line {first['line']}: {first['reason']}" if first else "only blank lines"
                raise LabError(
                    f"{source.name} holds no record that can be read ({why}): check that it is the right file"
                )
        progress.finish(source)
        return asdict(extracted)

    def warnings(self, counts: Counts) -> list[str]:
        """Return how much was left out, or read with lenience."""
        found = [left_out(self.src, counts)] if counts["left_out"] else []
        return [*found, loose_records(counts["loose"])] if counts["loose"] else found
