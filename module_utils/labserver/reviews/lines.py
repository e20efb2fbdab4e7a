"""Put blocks of text together to lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO

RECORD_LIMIT = 1 << 20  # bytes; a line that is read as a record is held in memory


class Lines:
    """Puts blocks together to lines, with their newlines; b"" stands for a line longer than RECORD_LIMIT."""

    def __init__(self) -> None:
        """Begin before the first line."""
        self._pieces: list[bytes] = []  # of the line at the end of the last block
        self._length = 0

    def feed(self, block: bytes) -> list[bytes]:
        """Return the lines that end in the next block, which is not empty."""
        lines = list(BytesIO(block))
        ended = block.endswith(b"\n")
        if self._pieces:
            self._length += len(lines[0])
            self._pieces = [*self._pieces, lines[0]] if self._length <= RECORD_LIMIT else [b""]
            if len(lines) == 1 and not ended:
                return []
            lines[0] = b"".join(self._pieces)
            self._pieces = []
        if not ended:
            self._pieces = [lines.pop()]
            self._length = len(self._pieces[0])
        return lines

    def rest(self) -> list[bytes]:
        """Return the last line, if it lacks its newline."""
        return [b"".join(self._pieces)] if self._pieces else []


def lines_of(blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines of the blocks in lists, as Lines puts them together."""
    lines = Lines()
    for block in blocks:
        yield lines.feed(block)
    yield lines.rest()
