"""Lines of fstab: how they spell a path, and which of them are ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARK = "x-labserver"  # option of our lines, which mount and swapon ignore


@dataclass(frozen=True)
class Entry:
    """One line, with its fields as they are meant."""

    line: str
    source: str
    target: str
    kind: str
    options: tuple[str, ...]

    @property
    def ours(self) -> bool:
        """Whether one of our roles wrote it."""
        return MARK in self.options


def unescaped(field: str) -> str:
    """Return a path as fstab and /proc/swaps spell it, with octal numbers for spaces and the like, as it is."""
    return re.sub(r"\\([0-7]{3})", lambda escape: chr(int(escape[1], 8)), field)


def escaped(path: str) -> str:
    """Return a path as fstab spells it."""
    return re.sub(r"[ \t\n\\]", lambda character: f"\\{ord(character[0]):03o}", path)


def entries(text: str) -> Iterator[Entry]:
    """Yield the lines that say something, each with its end of line."""
    for line in text.splitlines(keepends=True):
        source, target, kind, options, *_ = [*map(unescaped, line.split()), "", "", "", ""]
        if kind and not source.startswith("#"):
            yield Entry(line, source, target, kind, tuple(options.split(",")))
