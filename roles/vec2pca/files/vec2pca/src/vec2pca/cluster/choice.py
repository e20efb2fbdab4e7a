"""The lines of many files that `review_sample` would draw from them, read one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from vec2pca.labserver.sampling.draws import Candidates, Draw
from vec2pca.labserver.sampling.flags import Flags, Z

_STEP = 1 << 20  # lines at a time


def choose(draw: Draw, lines: int) -> NDArray[np.uint8]:
    """Return one bit a line, packed: 1 for those that `draw` takes of so many lines.

    Which they are depends on the seed and the number of lines alone, so the text need not be read again. Memory: a
    bit a line, and the working memory of a few million lines.
    """
    known = None
    for attempt in count():
        candidates = Candidates(draw, attempt, known, Z)
        kept = list(_packed(candidates.flags.stream, lines))
        candidates.finish()
        known, size, left = lines, draw.size(lines), candidates.left()
        if left >= size:
            final = Flags(candidates.sample(left, size)).stream
            return np.concatenate([_thinned(bits, final) for bits in kept] or [np.zeros(0, np.uint8)])
    raise AssertionError  # count() has no end


def _packed(stream: Iterator[int], lines: int) -> Iterator[NDArray[np.uint8]]:
    for begin in range(0, lines, _STEP):
        yield np.packbits(np.fromiter(islice(stream, min(_STEP, lines - begin)), np.uint8))


def _thinned(bits: NDArray[np.uint8], final: Iterator[int]) -> NDArray[np.uint8]:
    """Return the candidates' bits without those whose flag in `final`, one for each candidate, is 0."""
    flags = np.unpackbits(bits)
    places = np.flatnonzero(flags)
    flags[places] = np.fromiter(islice(final, len(places)), np.uint8, len(places))
    return np.packbits(flags)


def split(bits: NDArray[np.uint8], lines: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """Yield the bits of each part of a text: the next so many lines."""
    at = 0
    for number in lines:
        begin = at // 8
        own = np.unpackbits(bits[begin : (at + number + 7) // 8])[at - 8 * begin :][:number]
        yield np.packbits(own)
        at += number
