"""Pick lines that are JSON objects by flags of their own for each value of a field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable

from .errors import LabError
from .records import BadRecordError, loads_engine, parse
from .source import Lines

if TYPE_CHECKING:
    from .sampling import Flags

STRATA_LIMIT = 1000
_SCALARS = (str, int, float, bool, type(None))


class KeyedPicker:
    """Does what Picker does for lines that are JSON objects, with flags of their own for each value of a field."""

    def __init__(self, path: Path, key: str, flags_of: Callable[[str], Flags], out: BinaryIO) -> None:
        """`flags_of` gives the flags for a value, which is passed as JSON text; `path` is for messages."""
        self._path = path
        self._key = key
        self._flags_of = flags_of
        self._out = out
        self._lines = Lines()
        self._number = 0
        self._loads = loads_engine()
        self._streams: dict[Any, Iterator[int]] = {}

    def feed(self, block: bytes) -> None:
        """Take the next block, which is not empty."""
        self._take(self._lines.feed(block))

    def close(self) -> None:
        """Take the last line, if it has no newline."""
        self._take(self._lines.rest())

    def _take(self, lines: Iterable[bytes]) -> None:
        taken = []
        for line in lines:
            self._number += 1
            try:
                value = self._loads(line)[self._key]
            except Exception:  # noqa: BLE001 - whatever it is, json.loads decides
                value = self._carefully(line)
            # To Python, True is the same key as 1
            stream = self._streams.get((value.__class__ is bool, value)) if value.__class__ in _SCALARS else None
            if stream is None:
                stream = self._new(value)
            if next(stream):
                taken.append(line)
        self._out.write(b"".join(taken))

    def _carefully(self, line: bytes) -> Any:
        try:
            return parse(line, (self._key,))[self._key]
        except BadRecordError as error:
            raise LabError(
                f"src {self._path}, line {self._number}: {error}: correct the file, or leave `stratify_by` out"
            ) from error

    def _new(self, value: object) -> Iterator[int]:
        if value.__class__ not in _SCALARS:
            raise LabError(
                f"src {self._path}, line {self._number}: its field {self._key} is a list or an object: "
                "set `stratify_by` to a field with a plain value, such as overall"
            )
        if len(self._streams) == STRATA_LIMIT:
            raise LabError(
                f"the field {self._key} has more than {STRATA_LIMIT} values in src {self._path}: "
                "set `stratify_by` to a field with few values, such as overall"
            )
        stream = self._streams[value.__class__ is bool, value] = self._flags_of(json.dumps(value)).stream
        return stream
