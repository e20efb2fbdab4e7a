"""What a task does with its part of the text: choose lines, take their text, split it, number its words."""

from __future__ import annotations

import functools
import io
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, repeat
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from vec2pca.cluster.inputs import Part
from vec2pca.errors import Vec2pcaError
from vec2pca.kernel import KernelError, load
from vec2pca.labserver.content.source import as_file
from vec2pca.labserver.errors import LabError
from vec2pca.labserver.reviews.extraction import BadRecordsError, Extracted, TextFields, texts
from vec2pca.labserver.sampling.flags import Flags
from vec2pca.labserver.sampling.picker import Picker
from vec2pca.text import Facts, Numbering, Tokeniser, read_batches, tokeniser

CHUNK = 1 << 18  # ids handed on at a time
_NEWLINE = 10
_BITS = 1 << 13  # bytes of bits that are unpacked at a time

Bits = Optional[NDArray[np.uint8]]  # one bit a line, packed: 1 for a line that is taken; None: all are


@dataclass(frozen=True)
class Reading:
    """How text is taken from the files: lines of text, or fields of JSON records."""

    fields: tuple[str, ...] = ()
    html: bool = False  # of the fields: HTML is removed
    max_errors: int | None = 0  # records of a part that may be bad; None: any number
    unicode: bool = False
    kernel: bool = False  # the executors train, too: there has to be a C compiler


@dataclass(frozen=True)
class Chunk:
    """Some sentences of a part: the ids of their words, END after each, int32; and the words that are new in it.

    Words are numbered in the order of first appearance in the part, so `words` follow those of the chunk before.
    """

    words: list[bytes]
    ids: bytes


@dataclass(frozen=True)
class Total:
    """The end of a part: its counts, and how often each of its words occurs, int64."""

    facts: Facts
    counts: bytes
    left_out: int
    bad_record: str  # the first that was left out, and why
    loose: int  # records that were literals of Python
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """A part that cannot be read, as a value: an exception would have Spark read it three times more."""

    message: str


Record = tuple[int, "Chunk | Total | Failure"]  # number of the part, what it holds


@dataclass
class Chosen:
    """The lines of a part that are taken; has what `texts` needs of a source."""

    part: Part
    bits: Bits = None

    def __post_init__(self) -> None:
        """Name the part in messages."""
        self.name, self.size = self.part.name, self.part.size

    @property
    def done(self) -> int:
        """Return the bytes read."""
        return self.part.done

    def blocks(self) -> Iterator[bytes]:
        """Yield their text; the last line of a file may have no newline."""
        blocks = self.part.blocks()
        return blocks if self.bits is None else picked(blocks, self.bits)

    def whole_lines(self) -> Iterator[bytes]:
        """Yield their text, each line with a newline."""
        last = _NEWLINE
        for block in self.blocks():
            if block:
                last = block[-1]
                yield block
        if last != _NEWLINE:
            yield b"\n"


def picked(blocks: Iterable[bytes], bits: NDArray[np.uint8]) -> Iterator[bytes]:
    """Yield those lines whose bit is set; a line may be longer than memory."""
    flags = Flags(np.unpackbits(bits[begin : begin + _BITS]).tobytes() for begin in range(0, len(bits), _BITS))
    out = io.BytesIO()
    picker = Picker(flags, out)
    for block in blocks:
        picker.feed(block)
        if text := out.getvalue():
            yield text
            out.seek(0)
            out.truncate()


def count_lines(part: Part) -> int:
    """Return the lines of a part, the last without a newline too."""
    lines, last = 0, _NEWLINE
    for block in part.blocks():
        if block:
            lines += block.count(b"\n")
            last = block[-1]
    return lines + (last != _NEWLINE)


def text_of(chosen: Chosen, reading: Reading, extracted: Extracted) -> Iterator[bytes]:
    """Yield the text of the lines: themselves, or the fields of the records on them."""
    if reading.fields:
        return texts(chosen, TextFields(reading.fields, html=reading.html), reading.max_errors, extracted)
    return chosen.blocks()


def number(part: Part, bits: Bits, reading: Reading) -> Iterator[Chunk | Total]:
    """Yield the chunks of a part, then its total. Raises LabError and Vec2pcaError."""
    extracted, numbering, known = Extracted(), Numbering(), 0
    counts = np.zeros(0, np.int64)
    tokenise = load_tokeniser(reading.unicode)

    def chunk() -> Chunk:
        nonlocal known, counts
        ids = np.frombuffer(numbering.ids, np.int32)
        found = np.bincount(ids[ids >= 0], minlength=len(numbering.words))
        counts = found + np.pad(counts, (0, len(found) - len(counts)))
        # a dictionary keeps the order in which its keys came
        new = Chunk(list(islice(numbering.words, known, None)), ids.tobytes())
        known = len(numbering.words)
        return new

    for batch in read_batches(as_file(text_of(Chosen(part, bits), reading, extracted))):
        numbering.add(batch, *tokenise(batch))
        if len(numbering.ids) >= CHUNK:
            yield chunk()
            numbering.ids = numbering.ids[:0]
    yield chunk()
    first = extracted.errors[0] if extracted.errors else None
    bad = f"{part.name}, line {first['line']}: {first['reason']}" if first else ""
    total = Total(numbering.finish(), counts.tobytes(), extracted.left_out, bad, extracted.loose, tuple(part.warnings))
    yield total


def read_parts(
    tasks: Iterable[tuple[int, Part, Bits]], reading: Reading, count: Callable[[int], None] = lambda _words: None
) -> Iterator[Record]:
    """Yield the records of parts (number, part, lines to take); a `Failure` at last where one cannot be read.

    count: is told how many words each part has.
    """
    for index, part, bits in tasks:
        try:
            if reading.kernel:
                load_kernel()
            for record in number(part, bits, reading):
                yield index, record
                if isinstance(record, Total):
                    count(record.facts.words)
        except BadRecordsError as error:
            advice = "correct the file or --field, or leave such records out: --skip-bad-records"
            yield index, Failure(on_host(Vec2pcaError(f"{error.found}: {advice}")))
        except (LabError, Vec2pcaError) as error:
            yield index, Failure(on_host(error))


@functools.cache
def load_tokeniser(unicode: bool) -> Tokeniser:  # noqa: FBT001 - a cache takes no names
    """Return the tokeniser, once for each process: loading punkt takes as long as reading a megabyte."""
    return tokeniser(unicode=unicode)


@functools.cache
def load_kernel() -> Any:
    """Return the kernel's function `train`, once for each process. Raises Vec2pcaError where it is unavailable."""
    try:
        return load()
    except KernelError as error:
        raise Vec2pcaError(
            f"the kernel is unavailable: {error}. Install a C compiler (gcc) on every host, or use --train exact"
        ) from error


def totals_of(records: Iterable[Record]) -> Iterator[tuple[int, Total | Failure]]:
    """Yield how each part ended."""
    for index, record in records:
        if isinstance(record, Total):
            yield index, replace(record, counts=b"")
        elif isinstance(record, Failure):
            yield index, record


def on_host(error: Exception) -> str:
    """Return the message of an error, with the host where it happened."""
    return f"{error} (on {socket.gethostname()})"


def words_of(records: Iterable[Record]) -> Iterator[tuple[bytes, tuple[int, int, int]]]:
    """Yield each word of whole parts with (how often it occurs, number of the part, its number in the part)."""
    words: list[bytes] = []
    for index, record in records:
        if isinstance(record, Chunk):
            words += record.words
        elif isinstance(record, Total):
            counts = np.frombuffer(record.counts, np.int64).tolist()
            places = zip(counts, repeat(index), range(len(words)))
            yield from zip(words, places, strict=True)
            words = []


def earlier(a: tuple[int, int, int], b: tuple[int, int, int]) -> tuple[int, int, int]:
    """Add up two counts of a word; keep where it came first."""
    return a[0] + b[0], *min(a[1:], b[1:])
