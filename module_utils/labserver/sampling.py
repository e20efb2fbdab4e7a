"""Draw uniform random samples of lines from a file of any size, in one reading and little memory.

How: the number of lines, n, is known only at the end. So every line becomes a candidate with a probability q that
falls as lines go by, always a little more than a sample of the lines so far would need (z standard deviations). At the
end the candidates of earlier lines are thinned until each line of the file was kept with the same probability q of the
last ones, and of these a uniform random choice of exactly k remains. Given how many are left, every subset of them is
equally likely, so every k lines of the file are. Should fewer than k be left (about 3 times in 10 million, at z = 5),
the file is read again with fresh random numbers.

Which lines are taken depends on the seed and the number of lines alone: not on the compression, the block size or
the version of Python.

The work per line is done in C: BytesIO finds the lines of a block, compress() picks those whose flag is 1.
"""

from __future__ import annotations

import importlib
import itertools
import math
import os
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, compress, tee
from operator import itemgetter, length_hint
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, BinaryIO, Callable

from .errors import LabError
from .files import check_dest, new_part, publish
from .output import encoded, is_compressed
from .source import BLOCK, Source

if TYPE_CHECKING:
    from .strata import KeyedPicker

Z = 5.0
FIRST_BATCH, LAST_BATCH = 64, 8192  # lines for which one q holds: batches double up to the last size
_PROGRESS_SECONDS = 1.0
_NEWLINE = 10
_COARSE = 1 / 16  # rates above it are rounded up to 256ths, which makes at most 6 % more candidates

Progress = Callable[[int, int], None]  # bytes of src read so far, bytes of src


@dataclass(frozen=True)
class Share:
    """One sample: where it goes and how much it takes, `fraction` of the lines or `count` lines."""

    dest: Path
    fraction: float | None = None
    count: int | None = None

    def size(self, lines: int) -> int:
        """Return how many of `lines` lines it takes."""
        return self.count if self.count is not None else int((self.fraction or 0.0) * lines)


@dataclass(frozen=True)
class Draw:
    """Lines that are drawn together and dealt out to shares that have no line in common."""

    seed: int
    shares: tuple[Share, ...]
    stratify_by: str | None = None  # the same fraction of the lines of every value of this field of JSON records

    def rate(self, lines: int) -> float:
        """Return the largest part of at least `lines` lines that is needed."""
        needed = sum(share.fraction or 0.0 for share in self.shares)
        needed += sum(share.count or 0 for share in self.shares) / max(lines, 1)
        return min(needed, 1.0)


@dataclass(frozen=True)
class Drawn:
    """What became of one share."""

    share: Share
    seed: int
    lines: int
    sampled: int
    strata: dict[str, dict[str, int]] | None = None  # with stratify_by: by value as JSON, its lines and sampled


def bound(rate: float, lines: int, z: float = Z) -> float:
    """Return the q with which n >= lines trials give fewer than rate * n hits only once in a z-sigma event (Wilson)."""
    if lines == 0:
        return 1.0
    square = z * z / lines
    middle = rate + square / 2 + z * math.sqrt(rate * (1 - rate) / lines + square / (4 * lines))
    return min(1.0, middle / (1 + square))


def batch_sizes() -> Iterator[int]:
    """Yield the sizes of consecutive batches of lines."""
    size = FIRST_BATCH
    yield size
    while True:
        yield size
        size = min(2 * size, LAST_BATCH)


def flip(random: Random, size: int, q: float) -> tuple[bytes | bytearray, float]:
    """Return `size` independent flags that are 1 with the same probability, at least q, and that probability."""
    if q > _COARSE:  # a random byte for each line; translate() compares them all with q in 256ths
        level = math.ceil(q * 256)
        table = b"\1" * level + bytes(256 - level)
        return random.getrandbits(8 * size).to_bytes(size, "little").translate(table), level / 256
    flags = bytearray(size)
    for i in hits(random.random, size, q):
        flags[i] = 1
    return flags, q


def hits(random: Callable[[], float], trials: int, p: float) -> Iterator[int]:
    """Yield the successes among independent trials 0 <= i < trials of probability p, by jumps from one to the next."""
    if p >= 1:
        yield from range(trials)
        return
    if p <= 0:
        return
    log, scale = math.log, 1 / math.log1p(-p)
    i = int(log(1.0 - random()) * scale)
    while i < trials:
        yield i
        i += 1 + int(log(1.0 - random()) * scale)


class Flags:
    """One flag for every line of a stream, 1 to take it, made batch by batch as they are used."""

    def __init__(self, batches: Iterable[bytes | bytearray]) -> None:
        """`batches` are flags, one byte each; there must be enough of them."""
        self._finished = 0  # lines in finished batches
        self._batch: bytes | bytearray = b""
        self._left: Iterator[int] = iter(b"")
        self.stream = chain.from_iterable(self._follow(batches))

    def _follow(self, batches: Iterable[bytes | bytearray]) -> Iterator[Iterator[int]]:
        for batch in batches:
            self._finished += len(self._batch)
            self._batch = batch
            self._left = iter(batch)
            yield self._left

    def used(self) -> int:
        """Return the number of flags of the last batch that were used."""
        return len(self._batch) - length_hint(self._left)

    def last(self) -> int:
        """Return the flag used last."""
        return self._batch[self.used() - 1]

    def end(self) -> tuple[int, int]:
        """Return the number of flags used, and how many of the last batch's used ones are 1."""
        return self._finished + self.used(), self._batch[: self.used()].count(1)


class Picker:
    """Copies the flagged lines of a stream of blocks to a file; a line may be longer than memory."""

    def __init__(self, flags: Flags, out: BinaryIO) -> None:
        """Both are used up by the blocks fed."""
        self._flags = flags
        self._out = out
        self._open = False  # the last block ended inside a line
        self._copying = False  # and that line is wanted

    def close(self) -> None:
        """Take note of the end of the stream."""

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


class _Candidates:
    """First half of a draw: the candidates of one reading of the source, or of one stratum of it."""

    def __init__(self, draw: Draw, name: str, lines: int | None, z: float) -> None:
        """`name` tells its random numbers from others; `lines` is their number when a reading missed before."""
        self.draw = draw
        self.counts = array("L")  # candidates of every batch
        self.rates = array("d")  # and the q they were drawn with
        self._name = name
        self._known_lines = lines
        self._z = z
        self._needed = 1.0  # the q that would have done for the last batch
        self.flags = Flags(self._batches())

    def random(self, purpose: str) -> Random:
        """Return a stream of random numbers of its own for each purpose; equal on every Python."""
        return Random(f"labserver {purpose} {self.draw.seed} {self._name}")

    def _batches(self) -> Iterator[bytes | bytearray]:
        random = self.random("lines")
        start = 0
        for size in batch_sizes():
            lines = start if self._known_lines is None else self._known_lines
            self._needed = bound(self.draw.rate(lines), lines, self._z)
            flags, q = flip(random, size, self._needed)
            self.counts.append(flags.count(1))
            self.rates.append(q)
            start += size
            yield flags

    def finish(self) -> int:
        """Cut the last batch to the lines there were; return the number of lines."""
        lines, last = self.flags.end()
        if self.counts:
            self.counts[-1] = last
        return lines

    def left(self) -> int:
        """Return how many candidates thinning leaves."""
        return sum(flags.count(1) for flags in self._thinned())

    def _thinned(self) -> Iterator[bytearray]:
        """Yield flags for the candidates of each batch: 1 for those that the last batch's q leaves. Repeatable."""
        random = self.random("thin").random
        for number, rate in zip(self.counts, self.rates):
            flags = bytearray(b"\1") * number
            for i in hits(random, number, 1 - self._needed / rate):
                flags[i] = 0
            yield flags

    def survivors(self, left: int, wanted: int) -> Iterator[bytearray]:
        """Yield flags for the candidates of each batch: 1 for exactly `wanted` of the `left` ones after thinning."""
        surplus = sorted(distinct(self.random("choose").random, left, left - wanted), reverse=True)
        rank = 0
        for flags in self._thinned():
            end = rank + flags.count(1)
            if surplus and surplus[-1] < end:
                places = list(compress(range(len(flags)), flags))
                while surplus and surplus[-1] < end:
                    flags[places[surplus.pop() - rank]] = 0
            rank = end
            yield flags

    def hands(self, left: int, sizes: Sequence[int]) -> list[Flags]:
        """Return flags for the candidates for each of several hands, which get `sizes` lines and share none."""
        survivors = self.survivors(left, sum(sizes))
        if len(sizes) == 1:
            return [Flags(survivors)]
        dealt = tee(deal(self.random("deal").random, survivors, sizes), len(sizes))
        return [Flags(map(itemgetter(hand), copy)) for hand, copy in enumerate(dealt)]


def distinct(random: Callable[[], float], total: int, number: int) -> set[int]:
    """Return `number` distinct integers below `total`, every set equally likely (Floyd)."""
    chosen: set[int] = set()
    for top in range(total - number, total):
        pick = int(random() * (top + 1))
        chosen.add(top if pick in chosen else pick)
    return chosen


def deal(random: Callable[[], float], batches: Iterable[bytearray], sizes: Sequence[int]) -> Iterator[list[bytearray]]:
    """Deal the lines flagged 1 out to hands of the given sizes at random: for each batch, flags for each hand."""
    needs = list(sizes)
    for flags in batches:
        hands = [bytearray(len(flags)) for _ in needs]
        for place in compress(range(len(flags)), flags):
            card = int(random() * sum(needs))
            hand = 0
            while card >= needs[hand]:
                card -= needs[hand]
                hand += 1
            needs[hand] -= 1
            hands[hand][place] = 1
        yield hands


class _Draft:
    """One reading for one draw: a plain one has one stratum, the whole file."""

    def __init__(
        self, draw: Draw, store: BinaryIO, path: Path, attempt: int, lines: Mapping[str, int] | None, *, z: float
    ) -> None:
        self.draw = draw
        self.lines: dict[str, int] = {}  # by stratum, once the file is read
        self._store = store
        self._path = path
        self._attempt = attempt
        self._known = lines or {}
        self._z = z
        self._strata: dict[str, _Candidates] = {}
        self._store.seek(0)
        self._store.truncate()
        self._picker = self._pick(self._stratum, store)
        self.feed = self._picker.feed

    def _pick(self, flags_of: Callable[[str], Flags], out: BinaryIO) -> Picker | KeyedPicker:
        if self.draw.stratify_by is None:
            return Picker(flags_of(""), out)
        from .strata import KeyedPicker

        return KeyedPicker(self._path, self.draw.stratify_by, flags_of, out)

    def _stratum(self, name: str) -> Flags:
        candidates = _Candidates(self.draw, f"{self._attempt} {name}", self._known.get(name), self._z)
        self._strata[name] = candidates
        return candidates.flags

    def close(self) -> None:
        """Take note of the end of the file."""
        self._picker.close()
        self.lines = {name: candidates.finish() for name, candidates in self._strata.items()}

    def deal(self, parts: Mapping[Path, BinaryIO]) -> list[Drawn] | None:
        """Copy the samples to their files; None when a stratum has too few candidates, and the file is read again."""
        shares = self.draw.shares
        sizes = {name: [share.size(lines) for share in shares] for name, lines in self.lines.items()}
        total = sum(self.lines.values())
        wanted = sum(map(sum, sizes.values()))
        if wanted > total:
            raise LabError(f"{wanted} lines are asked for and src {self._path} has {total}: lower `count`")
        hands = {}
        for name, candidates in self._strata.items():
            left = candidates.left()
            if left < sum(sizes[name]):
                return None
            hands[name] = candidates.hands(left, sizes[name])
        with ExitStack() as stack:
            pickers = []
            for hand, share in enumerate(shares):
                part = parts[share.dest]
                part.seek(0)  # where this is the store itself, writing stays behind reading
                out = stack.enter_context(encoded(part, share.dest))
                pickers.append(self._pick(lambda name, hand=hand: hands[name][hand], out))  # type: ignore[misc]
            self._feed(pickers)
        for share in shares:
            parts[share.dest].truncate()
        return [
            Drawn(share, self.draw.seed, total, sum(of[hand] for of in sizes.values()), self._table(sizes, hand))
            for hand, share in enumerate(shares)
        ]

    def _feed(self, pickers: Sequence[Picker | KeyedPicker]) -> None:
        self._store.flush()
        offset = 0
        while block := os.pread(self._store.fileno(), BLOCK, offset):
            offset += len(block)
            for picker in pickers:
                picker.feed(block)
        for picker in pickers:
            picker.close()

    def _table(self, sizes: Mapping[str, Sequence[int]], hand: int) -> dict[str, dict[str, int]] | None:
        if self.draw.stratify_by is None:
            return None
        return {name: {"lines": self.lines[name], "sampled": sizes[name][hand]} for name in sorted(sizes)}


def check_draws(draws: Sequence[Draw]) -> None:
    """Raise LabError for sizes that no file can give."""
    for draw in draws:
        for share in draw.shares:
            if draw.stratify_by is not None and share.count is not None:
                raise LabError("stratify_by takes the same part of every value: set `fraction` in place of `count`")
            if (share.fraction is None) == (share.count is None):
                raise LabError(f"{share.dest}: give either `fraction` or `count`")
            if share.fraction is not None and not 0 < share.fraction <= 1:
                raise LabError(
                    f"fraction {share.fraction} is not above 0 and at most 1: write 0.1 for a tenth of the lines"
                )
            if share.count is not None and share.count < 1:
                raise LabError(f"count {share.count} is not at least 1: it is the number of lines to take")
        # A hair's breadth for sums such as 0.1 + 0.2 + 0.7
        if sum(share.fraction or 0 for share in draw.shares) > 1 + 1e-9:
            raise LabError(
                "the fractions of disjoint samples add up to more than 1: lower them, or set `disjoint: false`"
            )
    dests = [share.dest for draw in draws for share in draw.shares]
    for dest in dests:
        check_dest(dest)
        if dests.count(dest) > 1:
            raise LabError(f"two samples have the same dest {dest}: give each its own")


def sample(
    source: Source, draws: Sequence[Draw], progress: Progress = lambda _done, _size: None, z: float = Z
) -> list[Drawn]:
    """Draw all samples in one reading of the source and put them in place; one Drawn per share, in order.

    Raises LabError or OSError; the files that were there before are then untouched.
    """
    check_draws(draws)
    with ExitStack() as stack:
        # In one order everywhere, so that two runs cannot wait for each other.
        shares = sorted((share for draw in draws for share in draw.shares), key=lambda share: share.dest)
        parts = {share.dest: stack.enter_context(new_part(share.dest)) for share in shares}
        stores = [stack.enter_context(_store(draw, parts)) for draw in draws]
        drawn: dict[int, list[Drawn]] = {}
        lines: dict[int, dict[str, int]] = {}
        for attempt in itertools.count():
            todo = [i for i in range(len(draws)) if i not in drawn]
            if not todo:
                break
            drafts = {i: _Draft(draws[i], stores[i], source.path, attempt, lines.get(i), z=z) for i in todo}
            _read(source, list(drafts.values()), progress)
            for i, draft in drafts.items():
                lines[i] = draft.lines
                dealt = draft.deal(parts)
                if dealt is not None:
                    drawn[i] = dealt
        for share in shares:
            publish(parts[share.dest], share.dest)
    return [one for i in range(len(draws)) for one in drawn[i]]


@contextmanager
def _store(draw: Draw, parts: Mapping[Path, BinaryIO]) -> Iterator[BinaryIO]:
    """Open the file for a draw's candidates: its plain output itself, to be cut down in place, or a nameless one."""
    dest = draw.shares[0].dest
    if len(draw.shares) == 1 and not is_compressed(dest):
        yield parts[dest]
    else:
        tempfile = importlib.import_module("tempfile")  # slow to import, seldom needed
        with tempfile.TemporaryFile(dir=dest.parent, buffering=BLOCK) as file:
            yield file


def _read(source: Source, drafts: Sequence[_Draft], progress: Progress) -> None:
    """Read the source once, with every draft's candidates taken out."""
    due = time.monotonic() + _PROGRESS_SECONDS
    for block in source.blocks():
        for draft in drafts:
            draft.feed(block)
        if time.monotonic() >= due:
            progress(source.done, source.stat.st_size)
            due = time.monotonic() + _PROGRESS_SECONDS
    progress(source.done, source.stat.st_size)
    for draft in drafts:
        draft.close()
        if not any(draft.lines.values()):
            raise LabError(f"src {source.path} holds no lines: check that it is the right file, or fetch it again")
