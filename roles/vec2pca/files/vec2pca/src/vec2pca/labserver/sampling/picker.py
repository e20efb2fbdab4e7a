"""Copy the flagged lines of a stream of blocks.

The work per line is done in C: BytesIO finds the lines of a block, compress() picks those whose flag is 1.
"""

from __future__ import annotations

from io import BytesIO
from itertools import compress
from typing import IO

from .flags import Flags

_NEWLINE = 10


class Picker:
    """Copies the flagged lines of a stream of blocks to a file; a line may be longer than memory."""

    def __init__(self, flags: Flags, out: IO[bytes]) -> None:
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
