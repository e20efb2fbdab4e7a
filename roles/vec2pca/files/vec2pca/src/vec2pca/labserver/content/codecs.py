"""gzip, zstd, bzip2 and xz, by the quickest decoder that this Python has. Compressing equal text gives equal bytes."""

from __future__ import annotations

import functools
import importlib
import io
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Callable

from ..errors import LabError

BLOCK = 256 << 10  # bytes of text handed on at a time: fits the processor's cache
_GZIP_WBITS = 31  # a gzip header and checksum around the data
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_ZSTD_WINDOW = 128 << 20  # bytes; what the program zstd allows itself, too (zstd(1), --long)
_ZSTD_PIECE = 4 << 10  # bytes
_XZ_MEMORY = 256 << 20  # bytes; `xz -9` needs 65 MiB
_ZSTD_HELP = "this Python knows no zstd: install the Python package zstandard"

Blocks = Iterator[bytes]
Damaged = Callable[[str], LabError]  # from what is wrong with the data to the error to raise
Warn = Callable[[str], None]  # is told what was passed over


def optional(name: str) -> ModuleType | None:
    """Return the module of this name where it is importable."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def gzip_engine() -> ModuleType:
    """Return the quickest importable module with zlib's decompressobj."""
    return optional("isal.isal_zlib") or zlib


@dataclass(frozen=True)
class _Format:
    """A compression of one or more members, one after the other.

    begin: makes the decoder of a member. feed: gives it data and yields text, at most BLOCK bytes at a time. errors:
    what it raises. padding: what may stand between members. magic: what one begins with; other things are passed over.
    """

    begin: Callable[[], Any]
    feed: Callable[[Any, bytes], Blocks]
    errors: tuple[type[Exception], ...]
    padding: bytes = b""
    magic: bytes = b""


def decode(kind: str, raw: Blocks, name: str, damaged: Damaged, warn: Warn) -> Blocks:
    """Yield the text of the blocks of a file called `name`, compressed with `kind`, in blocks of at most BLOCK bytes.

    After a member of gzip or bzip2 may stand anything else, which is passed over, as gzip(1) and bzip2(1) do. Raises
    what `damaged` makes of the reason, and LabError where this Python lacks the decoder.
    """
    form = {"gzip": _gzip, "zstd": _zstd, "bzip2": _bzip2, "xz": _xz}[kind](name)
    member: Any = form.begin()
    begin = b""  # of what follows a member, while it is too short to tell what it is
    for block in raw:
        data, begin = begin + block, b""
        while data:
            if member is None:
                data = data.lstrip(form.padding) if form.padding else data
                if len(data) < len(form.magic):
                    begin = data
                    break
                if not data.startswith(form.magic):
                    warn(f"what follows its last part in {kind} is something else, and was passed over")
                    return
                if not data:  # but padding
                    break
                member = form.begin()
            try:
                yield from form.feed(member, data)
            except form.errors as error:
                raise _refused(str(error), name) or damaged(str(error)) from error
            data, member = (member.unused_data, None) if member.eof else (b"", member)
    if member is not None:
        raise damaged("it ends in the middle")
    if begin:
        warn(f"what follows its last part in {kind} is something else, and was passed over")


def _refused(why: str, name: str) -> LabError | None:
    """Return the error for a file that is not damaged, but cannot be unpacked here."""
    if "too much memory" in why:  # zstd
        needs = f"was compressed with a window of more than {_ZSTD_WINDOW >> 20} MiB: zstd -d --long=31"
    elif "Memory usage limit" in why:  # xz
        needs = f"needs more than {_XZ_MEMORY >> 20} MiB of memory: xz -d"
    elif "Dictionary mismatch" in why:
        return LabError(f"{name} was compressed with a dictionary: unpack it with zstd -d -D")
    else:
        return None
    return LabError(f"{name} {needs} unpacks it where there is as much memory")


def _gzip(_name: str) -> _Format:
    engine = gzip_engine()

    def feed(member: Any, data: bytes) -> Blocks:
        while True:
            text = member.decompress(data, BLOCK)
            if text:
                yield text
            data = member.unconsumed_tail
            if member.eof or not (text or data):
                return

    errors = (zlib.error, getattr(engine, "error", zlib.error))
    return _Format(functools.partial(engine.decompressobj, wbits=_GZIP_WBITS), feed, errors, b"\0", b"\x1f\x8b")


def _zstd(name: str) -> _Format:
    module = optional("zstandard")
    if module is None:
        raise LabError(f"{name} is compressed with zstd, and {_ZSTD_HELP}, or unpack the file first")

    return _Format(functools.partial(_ZstdFrame, module), _ZstdFrame.feed, (module.ZstdError,))


class _ZstdFrame:
    """A frame. The package's objects put no limit on one answer: small pieces are fed."""

    def __init__(self, module: Any) -> None:
        self._frame = module.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self.eof = False
        self.unused_data = b""

    def feed(self, data: bytes) -> Blocks:
        for start in range(0, len(data), _ZSTD_PIECE):
            text = self._frame.decompress(data[start : start + _ZSTD_PIECE])
            for i in range(0, len(text), BLOCK):
                yield text[i : i + BLOCK]
            if self._frame.eof:
                self.eof = True
                self.unused_data = self._frame.unused_data + data[start + _ZSTD_PIECE :]
                return


def _bzip2(name: str) -> _Format:
    return _Format(_standard("bz2", "bzip2", name).BZ2Decompressor, _feed_stream, (OSError,), magic=b"BZh")


def _xz(name: str) -> _Format:
    module = _standard("lzma", "xz", name)
    begin = functools.partial(module.LZMADecompressor, module.FORMAT_XZ, memlimit=_XZ_MEMORY)
    return _Format(begin, _feed_stream, (module.LZMAError,), padding=b"\0")


def _feed_stream(stream: Any, data: bytes) -> Blocks:
    """Feed a decoder with the interface of bz2.BZ2Decompressor."""
    while True:
        text = stream.decompress(data, BLOCK)
        if text:
            yield text
        if stream.eof or stream.needs_input:
            return
        data = b""


def _standard(module: str, kind: str, name: str) -> ModuleType:
    """Return a module of the standard library, which some builds of Python lack."""
    found = optional(module)
    if found is None:
        raise LabError(f"{name} is compressed with {kind}, and this Python lacks its module {module}: unpack it first")
    return found


def check_encoder(dest: Path) -> None:
    """Raise LabError when this Python cannot compress `dest`."""
    if dest.suffix == ".zst" and not optional("zstandard"):
        raise LabError(f"dest {dest} is to be compressed with zstd, and {_ZSTD_HELP}, or let its name end in .gz")


def encoder(dest: Path) -> Callable[[BinaryIO], AbstractContextManager[BinaryIO]] | None:
    """Return what compresses the text of `dest` into a file, as its name says; None for a plain one."""
    known = dest.suffix in (".gz", ".zst", ".bz2", ".xz")
    return functools.partial(_encoded, suffix=dest.suffix) if known else None


@contextmanager
def _encoded(part: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    packer: Any
    if suffix == ".gz":
        gzip = importlib.import_module("gzip")
        packer = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=part, mtime=0)
    elif suffix == ".bz2":
        packer = importlib.import_module("bz2").BZ2File(part, "wb")
    elif suffix == ".xz":
        packer = importlib.import_module("lzma").LZMAFile(part, "wb")
    else:
        zstandard = importlib.import_module("zstandard")
        packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).stream_writer(part, closefd=False)
    # The packers deal slowly with many small writes
    with packer, io.BufferedWriter(packer, BLOCK) as text:
        yield text
