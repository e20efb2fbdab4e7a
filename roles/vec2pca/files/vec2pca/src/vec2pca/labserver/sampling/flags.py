"""Random flags, one for each line: 1 to take it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import length_hint
from random import Random
from typing import Callable

Z = 5.0
FIRST_BATCH, LAST_BATCH = 64, 8192  # lines for which one q holds: batches double up to the last size
_COARSE = 1 / 16  # rates above it are rounded up to 256ths, which makes at most 6 % more candidates


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


def distinct(random: Callable[[], float], total: int, number: int) -> set[int]:
    """Return `number` distinct integers below `total`, every set equally likely (Floyd)."""
    chosen: set[int] = set()
    for top in range(total - number, total):
        pick = int(random() * (top + 1))
        chosen.add(top if pick in chosen else pick)
    return chosen


class Flags:
    """One flag for every line of a stream, made batch by batch as they are used."""

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
