"""Copy the lines of a random sample from a source to a file, whole or not at all.

The work per line is done in C: BytesIO finds the lines of a block, compress() picks those whose flag is 1.
"""

from __future__ import annotations

import importlib
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from itertools import compress
from pathlib import Path
from typing import BinaryIO, Callable, Protocol

from ..errors import LabError
from ..files import check_dest, new_part, publish
from .draws import Candidates, Draw
from .flags import Flags, Z

BLOCK = 256 << 10  # bytes
_PROGRESS_SECONDS = 1.0
_NEWLINE = 10

Progress = Callable[[int, int], None]  # bytes of src read so far, bytes of src
Encoder = Callable[[BinaryIO], AbstractContextManager[BinaryIO]]  # from a file to what compresses into it


class TextSource(Protocol):
    """A file whose text can be read from its beginning, perhaps twice."""

    path: Path
    done: int  # bytes of the file that were read

    @property
    def size(self) -> int:
        """Bytes of the file."""

    def blocks(self) -> Iterator[bytes]:
        """Yield the text, block by block."""


@dataclass(frozen=True)
class Drawn:
    """Lines of the source and of the sample."""

    lines: int
    sampled: int


class Picker:
    """Copies the flagged lines of a stream of blocks to a file; a line may be longer than memory."""

    def __init__(self, flags: Flags, out: BinaryIO) -> None:
        """Both are used up by the blocks fed."""
        self._flags = flags
        self._out = out
        self._open = False  # the last block ended inside a line
        self._copying = False  # and that line is taken

    def feed(self, block: bytes) -> None:
        """Take the next block, which is not empty."""
        start = 0
        if self._open:
            start = block.find(b"\n") + 1 or len(block)
            if self._copying:
                self._out.write(block[:start])
            if start == len(block):
                self._open = block[-1] != _NEWLINE
                return
        lines = BytesIO(block)  # shares the memory of the block
        lines.seek(start)
        self._out.write(b"".join(compress(lines, self._flags.stream)))
        self._open = block[-1] != _NEWLINE
        if self._open:
            self._copying = self._flags.last() == 1


def sample(
    source: TextSource,
    dest: Path,
    draw: Draw,
    *,
    encode: Encoder | None = None,
    progress: Progress = lambda _done, _size: None,
    z: float = Z,
) -> Drawn:
    """Draw the sample in one reading of the source and put it in place, through `encode` where that is given.

    Raises LabError or OSError; the file that was there before is then untouched.
    """
    draw.check()
    check_dest(dest)
    known = None
    with new_part(dest) as part, _store(dest, part, apart=encode is not None) as store:
        for attempt in itertools.count():
            candidates = Candidates(draw, attempt, known, z)
            known = lines = _collect(source, candidates, store, progress)
            size, left = draw.size(lines), candidates.left()
            if size > lines:
                raise LabError(f"{size} lines are asked for and src {source.path} has {lines}: lower `count`")
            if left >= size:
                break
        part.seek(0)  # where this is the store itself, writing stays behind reading
        with encode(part) if encode else nullcontext(part) as out:
            picker = Picker(Flags(candidates.sample(left, size)), out)
            for block in _stored(store):
                picker.feed(block)
        part.truncate()
        publish(part, dest)
    return Drawn(lines, size)


@contextmanager
def _store(dest: Path, part: BinaryIO, *, apart: bool) -> Iterator[BinaryIO]:
    """Open the file for the candidates: the plain output itself, to be cut down in place, or a nameless one."""
    if not apart:
        yield part
        return
    tempfile = importlib.import_module("tempfile")  # slow to import, seldom needed
    with tempfile.TemporaryFile(dir=dest.parent, buffering=BLOCK) as file:
        yield file


def _collect(source: TextSource, candidates: Candidates, store: BinaryIO, progress: Progress) -> int:
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
        raise LabError(f"src {source.path} holds no lines: check that it is the right file, or fetch it again")
    return lines


def _stored(store: BinaryIO) -> Iterator[bytes]:
    offset = 0
    while block := os.pread(store.fileno(), BLOCK, offset):
        offset += len(block)
        yield block
