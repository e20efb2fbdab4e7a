"""How much a sample takes, and the random choice of its lines."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from random import Random

from ..errors import LabError
from .flags import Flags, batch_sizes, bound, distinct, flip, hits


@dataclass(frozen=True)
class Draw:
    """What is drawn: `fraction` of the lines or `count` lines, by the random numbers of `seed`."""

    seed: int = 0
    fraction: float | None = None
    count: int | None = None

    def check(self) -> None:
        """Raise LabError for a size that no file can give."""
        if self.fraction is None and self.count is None:
            raise LabError("the size of the sample is missing: set `fraction`, such as 0.1, or `count`")
        if self.fraction is not None and self.count is not None:
            raise LabError("fraction and count are both given: take one of them out")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise LabError(f"fraction {self.fraction} is not above 0 and at most 1: write 0.1 for a tenth of the lines")
        if self.count is not None and self.count < 1:
            raise LabError(f"count {self.count} is not at least 1: it is the number of lines to take")

    def size(self, lines: int) -> int:
        """Return how many of `lines` lines it takes."""
        return self.count if self.count is not None else int((self.fraction or 0.0) * lines)

    def rate(self, lines: int) -> float:
        """Return the largest part of at least `lines` lines that is needed."""
        return min((self.fraction or 0.0) + (self.count or 0) / max(lines, 1), 1.0)


class Candidates:
    """The candidates of one reading of the source, and which of them become the sample."""

    def __init__(self, draw: Draw, attempt: int, lines: int | None, z: float) -> None:
        """`attempt` separates the random numbers of readings; `lines` is known when one came before."""
        self.draw = draw
        self.counts = array("L")  # candidates of every batch
        self.rates = array("d")  # and the q they were drawn with
        self._attempt = attempt
        self._known_lines = lines
        self._z = z
        self._needed = 1.0  # the q that would have done for the last batch
        self.flags = Flags(self._batches())

    def random(self, purpose: str) -> Random:
        """Return a stream of random numbers of its own for each purpose; equal on every Python."""
        # The space at the end is part of what a seed means.
        return Random(f"labserver {purpose} {self.draw.seed} {self._attempt} ")

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

    def sample(self, left: int, size: int) -> Iterator[bytearray]:
        """Yield flags for the candidates of each batch: 1 for exactly `size` of the `left` ones after thinning."""
        surplus = sorted(distinct(self.random("choose").random, left, left - size), reverse=True)
        rank = 0
        for flags in self._thinned():
            end = rank + flags.count(1)
            if surplus and surplus[-1] < end:
                places = list(compress(range(len(flags)), flags))
                while surplus and surplus[-1] < end:
                    flags[places[surplus.pop() - rank]] = 0
            rank = end
            yield flags
