"""Copy the lines of a random sample from a source to a file, whole or not at all."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, BinaryIO, Callable, Protocol

from ..errors import LabError
from ..files import check_dest, replacing
from .draws import Candidates, Draw
from .flags import Flags, Z
from .picker import Picker

BLOCK = 256 << 10  # bytes
_PROGRESS_SECONDS = 1.0

Progress = Callable[[int, int], None]  # bytes of src read so far, bytes of src
Encoder = Callable[[BinaryIO], AbstractContextManager[BinaryIO]]  # from a file to what compresses into it


class TextSource(Protocol):
    """A file whose text can be read from its beginning, perhaps twice."""

    name: str  # in messages
    size: int  # bytes of the file
    done: int  # of which so many were read

    def blocks(self) -> Iterator[bytes]:
        """Yield the text, block by block."""


def sample(
    source: TextSource,
    dest: Path,
    draw: Draw,
    *,
    encode: Encoder | None = None,
    progress: Progress = lambda _done, _size: None,
    z: float = Z,
) -> tuple[int, int]:
    """Draw the sample in one reading of the source and put it in place, through `encode` if there is one.

    Returns the lines of the source and of the sample. Raises LabError or OSError; an old `dest` is then untouched.
    """
    draw.check()
    check_dest(dest)
    known = None
    with (
        replacing(dest) as part,
        (
            # The candidates: in the plain output itself, to be cut down in place, or in a nameless file
            tempfile.TemporaryFile(dir=dest.parent, buffering=BLOCK) if encode else nullcontext(part)
        ) as store,
    ):
        for attempt in itertools.count():
            candidates = Candidates(draw, attempt, known, z)
            known = lines = _collect(source, candidates, store, progress)
            size, left = draw.size(lines), candidates.left()
            if size > lines:
                raise LabError(f"{size} lines are asked for and {source.name} has {lines}: lower `count`")
            if left >= size:
                break
        part.seek(0)  # where this is the store itself, writing stays behind reading
        with encode(part) if encode else nullcontext(part) as out:
            picker = Picker(Flags(candidates.sample(left, size)), out)
            offset = 0
            while block := os.pread(store.fileno(), BLOCK, offset):
                offset += len(block)
                picker.feed(block)
        part.truncate()
    return lines, size


def _collect(source: TextSource, candidates: Candidates, store: IO[bytes], progress: Progress) -> int:
    """Read the source once, with the candidates copied to the store; return the number of lines."""
    store.seek(0)
    store.truncate()
    picker = Picker(candidates.flags, store)
    due = time.monotonic() + _PROGRESS_SECONDS
    for block in source.blocks():
        picker.feed(block)
        if time.monotonic() >= due:
            progress(source.done, source.size)
            due = time.monotonic() + _PROGRESS_SECONDS
    progress(source.done, source.size)
    store.flush()
    lines = candidates.finish()
    if not lines:
        raise LabError(f"{source.name} holds no lines: check that it is the right file, or fetch it again")
    return lines
