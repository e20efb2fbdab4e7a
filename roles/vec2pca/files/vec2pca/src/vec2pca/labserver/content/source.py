"""A file of text, plain or compressed (recognised by its first bytes), read block by block in little memory."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Callable

from ..errors import LabError
from .codecs import BLOCK, Blocks, decode
from .signatures import HEAD, recognise, require_readable

_COMPRESSED_BLOCK = 64 << 10
_LARGEST_FREED = 2 << 20  # bytes, never touched
_DIGEST_BLOCKS, _DIGEST_BLOCK = 64, 4096


class MissingError(LabError):
    """There is no such file (yet)."""


class Source:
    """A regular file that is read from its beginning to its end, perhaps twice. Raises LabError on bad files.

    name: what messages call it. kind: as `recognise` tells. warnings: what was passed over in reading it.
    """

    def __init__(self, path: Path, name: str = "") -> None:
        """Check the file; nothing but its first bytes is read yet."""
        self.path = path
        self.name = name or f"src {path}"
        self.done = 0  # bytes of the file, as it lies on the disk, that were read
        self.warnings: list[str] = []
        try:
            self.stat = path.stat()
        except FileNotFoundError as error:
            raise MissingError(f"{self.name} does not exist: correct the path, or fetch the file first") from error
        if not stat.S_ISREG(self.stat.st_mode):
            if stat.S_ISDIR(self.stat.st_mode):
                raise LabError(f"{self.name} is a directory, not a regular file: name the file itself")
            raise LabError(f"{self.name} is a device or pipe, not a regular file: write what it gives to a file first")
        self.size = self.stat.st_size
        with path.open("rb") as file:
            self.kind, self._advice = recognise(file.read(HEAD))

    def identity(self) -> dict[str, Any]:
        """Return what distinguishes this content from another without reading all of it: size, mtime_ns, digest.

        The digest is the SHA-256 of 64 blocks of 4 KiB spread evenly over the file, its first and last bytes (and
        so a gzip's own checksum) among them. A whole digest of a large file would cost more than sampling it.
        """
        digest = hashlib.sha256()
        with self.path.open("rb", buffering=0) as file:
            span = max(self.size - _DIGEST_BLOCK, 0)
            for i in range(_DIGEST_BLOCKS):
                digest.update(os.pread(file.fileno(), _DIGEST_BLOCK, span * i // (_DIGEST_BLOCKS - 1)))
        return {"size": self.size, "mtime_ns": self.stat.st_mtime_ns, "digest": f"sha256-64x4k:{digest.hexdigest()}"}

    def require_text(self) -> None:
        """Raise LabError for a file that is no text, as far as its first bytes tell."""
        require_readable(self.name, self.kind, self._advice)

    def blocks(self) -> Iterator[bytes]:
        """Yield the text in blocks of at most BLOCK bytes. Raises LabError for a damaged or changing file."""
        self.done = 0
        self.warnings.clear()
        # Until a larger block was freed, glibc gives every freed block back to the kernel, to fault it in anew.
        bytes(_LARGEST_FREED)
        self.require_text()
        if self.kind == "plain":
            yield from self._raw(BLOCK)
        else:
            packed = self._raw(_COMPRESSED_BLOCK)
            yield from unpacked(packed, self.kind, self.name, self._damaged, self.warnings)
        try:
            now = self.path.stat()
        except FileNotFoundError as error:
            raise LabError(f"{self.name} vanished while it was read: run again when it is back") from error
        if (now.st_size, now.st_mtime_ns) != (self.stat.st_size, self.stat.st_mtime_ns):
            raise LabError(f"{self.name} changed while it was read: run again when nothing writes to it")

    def _raw(self, size: int) -> Iterator[bytes]:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            while block := os.read(fd, size):
                self.done += len(block)
                yield block
        finally:
            os.close(fd)

    def _damaged(self, why: str) -> LabError:
        return damaged(self.name, self.kind, why, self.done, self.size)


def damaged(name: str, kind: str, why: str, done: int, size: int) -> LabError:
    """Return the error for the file called `name`, of `size` bytes, where its decoder failed after `done` of them."""
    return LabError(f"{name} is a damaged {kind} file ({why}, after {done} of {size} bytes): fetch it again")


def unpacked(packed: Blocks, kind: str, name: str, fail: Callable[[str], LabError], warnings: list[str]) -> Blocks:
    """Yield the text of the blocks of a compressed file, in blocks of at most BLOCK bytes.

    kind: one of READABLE, but not plain. fail: what makes the error of a damaged file from its reason. warnings: gets
    what was passed over. Raises LabError, also where there is no text in it, but an archive, for example.
    """
    blocks = decode(kind, packed, name, fail, lambda what: warnings.append(f"{name}: {what}"))
    first, head = [], b""
    for block in blocks:
        first.append(block)
        head += block[:HEAD]
        if len(head) >= HEAD:
            break
    inside, advice = recognise(head[:HEAD])
    if inside != "plain":
        raise LabError(f"{name} holds, compressed with {kind}, no text but {inside}: {advice or 'unpack it once'}")
    yield from chain(first, blocks)


class _BlockReader(io.RawIOBase):
    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def as_file(blocks: Iterable[bytes]) -> io.BufferedReader:
    """Return blocks of bytes as a file with lines."""
    return io.BufferedReader(_BlockReader(blocks), BLOCK)
