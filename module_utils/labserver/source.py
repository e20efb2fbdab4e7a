"""Read a large file of lines block by block, plain or compressed (told by its first bytes), in little memory."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

from .errors import LabError

BLOCK = 256 << 10  # bytes of text handed on at a time: fits the processor's cache
RECORD_LIMIT = 1 << 20  # bytes; a line that is read as a record is held in memory
_COMPRESSED_BLOCK = 64 << 10
_LARGEST_FREED = 2 << 20  # bytes, never touched
_GZIP_WBITS = 31  # a gzip header and checksum around the data
_UNSUPPORTED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
ZSTD_HELP = "this Python knows no zstd: install the Python package zstandard (or use Python 3.14)"
_DIGEST_BLOCKS, _DIGEST_BLOCK = 64, 4096


class MissingError(LabError):
    """There is no such file (yet)."""


class Source:
    """A regular file that is read from its beginning to its end, perhaps twice. Raises LabError on bad files."""

    def __init__(self, path: Path) -> None:
        """Look at the file; nothing but its first bytes is read yet."""
        self.path = path
        self.done = 0  # bytes of the file, as it lies on the disk, that were read
        try:
            self.stat = path.stat()
        except FileNotFoundError as error:
            raise MissingError(f"src {path} does not exist: correct `src`, or fetch the file first") from error
        if not stat.S_ISREG(self.stat.st_mode):
            kind = "a directory" if stat.S_ISDIR(self.stat.st_mode) else "a device or pipe"
            raise LabError(f"src {path} is {kind}, not a regular file: set `src` to the file itself")
        with path.open("rb") as file:
            self._magic = file.read(6)
        self.kind = "plain"
        if self._magic.startswith(b"\x1f\x8b"):
            self.kind = "gzip"
        elif self._magic.startswith(b"\x28\xb5\x2f\xfd"):
            self.kind = "zstd"

    def identity(self) -> dict[str, Any]:
        """Return what tells this content from another without reading all of it: size, mtime_ns, digest.

        The digest is the SHA-256 of 64 blocks of 4 KiB spread evenly over the file, its first and last bytes (and
        so a gzip's own checksum) among them. A whole digest of a large file would cost more than sampling it.
        """
        digest = hashlib.sha256()
        size = self.stat.st_size
        with self.path.open("rb", buffering=0) as file:
            span = max(size - _DIGEST_BLOCK, 0)
            for i in range(_DIGEST_BLOCKS):
                digest.update(os.pread(file.fileno(), _DIGEST_BLOCK, span * i // (_DIGEST_BLOCKS - 1)))
        return {"size": size, "mtime_ns": self.stat.st_mtime_ns, "digest": f"sha256-64x4k:{digest.hexdigest()}"}

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
            yield from self._gunzip()
        else:
            yield from self._unzstd()
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
            f"src {self.path} is a damaged {self.kind} file ({why}, after {self.done} of {self.stat.st_size} bytes): "
            "fetch it again"
        )

    def _gunzip(self) -> Iterator[bytes]:
        engine = gzip_engine()
        members = _Members(lambda: engine.decompressobj(wbits=_GZIP_WBITS))
        try:
            for data in self._raw(_COMPRESSED_BLOCK):
                yield from members.feed(data)
        except (zlib.error, getattr(engine, "error", zlib.error)) as error:
            raise self._damaged(str(error)) from error
        if members.unfinished:
            raise self._damaged("it ends in the middle")

    def _unzstd(self) -> Iterator[bytes]:
        decompress = zstd_engine()
        if decompress is None:
            raise LabError(f"src {self.path} is compressed with zstd, and {ZSTD_HELP}, or unpack the file first")
        yield from decompress(self._raw(_COMPRESSED_BLOCK), self._damaged)


class _Members:
    """Decompresses a gzip file, which may be several one after the other, with zeros behind."""

    def __init__(self, new: Callable[[], Any]) -> None:
        self._new = new  # makes an object with the interface of zlib.decompressobj
        self._member: Any = new()

    @property
    def unfinished(self) -> bool:
        """Whether the data ended inside a member."""
        return self._member is not None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the text of the next compressed bytes, in blocks of at most BLOCK."""
        while data or self._member:
            if self._member is None:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._member = self._new()
            block = self._member.decompress(data, BLOCK)
            if block:
                yield block
            if self._member.eof:
                data, self._member = self._member.unused_data, None
            else:
                data = self._member.unconsumed_tail
                if not block and not data:
                    return


def optional(*names: str) -> ModuleType | None:
    """Return the first of these modules that is importable."""
    for name in names:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    return None


def gzip_engine() -> ModuleType:
    """Return the quickest importable module with zlib's decompressobj."""
    return optional("isal.isal_zlib", "zlib_ng.zlib_ng") or zlib


_Blocks = Iterator[bytes]
_Damaged = Callable[[str], LabError]


def zstd_engine() -> Callable[[_Blocks, _Damaged], _Blocks] | None:
    """Return a function from compressed blocks to blocks of text, or None when no decoder is importable."""
    standard = optional("compression.zstd", "backports.zstd")
    if standard:
        return functools.partial(_zstd_standard, standard)
    package = optional("zstandard")
    return functools.partial(_zstd_package, package) if package else None


def _zstd_standard(module: ModuleType, raw: _Blocks, damaged: _Damaged) -> _Blocks:
    """Decompress with the interface of Python 3.14's compression.zstd."""
    frame: Any = None
    try:
        for data in raw:
            while data or (frame and not frame.needs_input):
                if frame is None:
                    frame = module.ZstdDecompressor()
                block = frame.decompress(data, BLOCK)
                data = b""
                if block:
                    yield block
                if frame.eof:
                    data, frame = frame.unused_data, None
    except module.ZstdError as error:
        raise damaged(str(error)) from error
    if frame is not None:
        raise damaged("it ends in the middle")


def _zstd_package(module: ModuleType, raw: _Blocks, damaged: _Damaged) -> _Blocks:
    """Decompress with the package zstandard, whose objects put no limit on one answer: small pieces are fed."""
    frame: Any = None
    try:
        for data in raw:
            for start in range(0, len(data), 1 << 12):
                piece = data[start : start + (1 << 12)]
                while piece:
                    if frame is None:
                        frame = module.ZstdDecompressor().decompressobj()
                    text = frame.decompress(piece)
                    for i in range(0, len(text), BLOCK):
                        yield text[i : i + BLOCK]
                    piece, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    except module.ZstdError as error:
        raise damaged(str(error)) from error
    if frame is not None:
        raise damaged("it ends in the middle")


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


def records(blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines of the blocks in lists, as Lines puts them together."""
    lines = Lines()
    for block in blocks:
        yield lines.feed(block)
    yield lines.rest()
