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
    text = field.encode("utf-8", "surrogateescape")
    text = re.sub(rb"\\([0-3][0-7]{2})", lambda escape: bytes([int(escape[1], 8)]), text)
    return text.decode("utf-8", "surrogateescape")


def escaped(path: str) -> str:
    """Return a path as fstab spells it."""
    return re.sub(r"[ \t\n\\]", lambda character: f"\\{ord(character[0]):03o}", path)


def lines(text: str) -> list[str]:
    """Return the lines, each with its end. Python's own splitlines ends one at characters that a path may have."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def fields(line: str) -> list[str]:
    """Return the fields of a line, between spaces and tabs alone: other white space may be part of a path."""
    return [unescaped(field) for field in re.split(r"[ \t]+", line.strip(" \t\r\n"))]


def entries(text: str) -> Iterator[Entry]:
    """Yield the lines that say something, each with its end of line."""
    for line in lines(text):
        source, target, kind, options, *_ = [*fields(line), "", "", "", ""]
        if kind and not source.startswith("#"):
            yield Entry(line, source, target, kind, tuple(options.split(",")))
