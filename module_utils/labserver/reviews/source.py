"""A file of text, plain or compressed (recognised by its first bytes), read block by block in little memory."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import LabError
from .codecs import BLOCK, gunzip, unzstd

_COMPRESSED_BLOCK = 64 << 10
_LARGEST_FREED = 2 << 20  # bytes, never touched
_UNSUPPORTED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
_DIGEST_BLOCKS, _DIGEST_BLOCK = 64, 4096


class MissingError(LabError):
    """There is no such file (yet)."""


class Source:
    """A regular file that is read from its beginning to its end, perhaps twice. Raises LabError on bad files."""

    def __init__(self, path: Path) -> None:
        """Check the file; nothing but its first bytes is read yet."""
        self.path = path
        self.done = 0  # bytes of the file, as it lies on the disk, that were read
        try:
            self.stat = path.stat()
        except FileNotFoundError as error:
            raise MissingError(f"src {path} does not exist: correct `src`, or fetch the file first") from error
        if not stat.S_ISREG(self.stat.st_mode):
            kind = "a directory" if stat.S_ISDIR(self.stat.st_mode) else "a device or pipe"
            raise LabError(f"src {path} is {kind}, not a regular file: set `src` to the file itself")
        self.size = self.stat.st_size
        with path.open("rb") as file:
            self._magic = file.read(6)
        self.kind = "plain"
        if self._magic.startswith(b"\x1f\x8b"):
            self.kind = "gzip"
        elif self._magic.startswith(b"\x28\xb5\x2f\xfd"):
            self.kind = "zstd"

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

    def blocks(self) -> Iterator[bytes]:
        """Yield the text in blocks of at most BLOCK bytes. Raises LabError for a damaged or changing file."""
        self.done = 0
        # Until a larger block was freed, glibc gives every freed block back to the kernel, to fault it in anew.
        bytes(_LARGEST_FREED)
        for magic, name in _UNSUPPORTED.items():
            if self._magic.startswith(magic):
                raise LabError(f"src {self.path} is compressed with {name}: unpack it, or use gzip or zstd")
        if self.kind == "plain":
            yield from self._raw(BLOCK)
        elif self.kind == "gzip":
            yield from gunzip(self._raw(_COMPRESSED_BLOCK), self._damaged)
        else:
            yield from unzstd(self._raw(_COMPRESSED_BLOCK), self._damaged, f"src {self.path}")
        try:
            now = self.path.stat()
        except FileNotFoundError as error:
            raise LabError(f"src {self.path} vanished while it was read: run again when it is back") from error
        if (now.st_size, now.st_mtime_ns) != (self.stat.st_size, self.stat.st_mtime_ns):
            raise LabError(f"src {self.path} changed while it was read: run again when nothing writes to it")

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
        return LabError(
            f"src {self.path} is a damaged {self.kind} file ({why}, after {self.done} of {self.size} bytes): "
            "fetch it again"
        )
