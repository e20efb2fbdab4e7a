"""gzip and zstd, by the quickest decoder that this Python has. Compressing equal text gives equal bytes."""

from __future__ import annotations

import functools
import importlib
import io
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Callable

from ..errors import LabError

BLOCK = 256 << 10  # bytes of text handed on at a time: fits the processor's cache
_GZIP_WBITS = 31  # a gzip header and checksum around the data
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_ZSTD_HELP = "this Python knows no zstd: install the Python package zstandard"

Blocks = Iterator[bytes]
Damaged = Callable[[str], LabError]  # from what is wrong with the data to the error to raise


def optional(name: str) -> ModuleType | None:
    """Return the module of this name where it is importable."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def gzip_engine() -> ModuleType:
    """Return the quickest importable module with zlib's decompressobj."""
    return optional("isal.isal_zlib") or zlib


def gunzip(raw: Blocks, damaged: Damaged) -> Blocks:
    """Yield the text of a gzip file's blocks, in blocks of at most BLOCK bytes."""
    engine = gzip_engine()
    member: Any = engine.decompressobj(wbits=_GZIP_WBITS)
    try:
        for data in raw:
            while data or member:
                if member is None:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    member = engine.decompressobj(wbits=_GZIP_WBITS)
                block = member.decompress(data, BLOCK)
                if block:
                    yield block
                if member.eof:
                    data, member = member.unused_data, None
                else:
                    data = member.unconsumed_tail
                    if not block and not data:
                        break
    except (zlib.error, getattr(engine, "error", zlib.error)) as error:
        raise damaged(str(error)) from error
    if member is not None:
        raise damaged("it ends in the middle")


def unzstd(raw: Blocks, damaged: Damaged, name: str) -> Blocks:
    """Do the same for zstd. Raises LabError, about the file called `name`, where no decoder is importable.

    The package's objects put no limit on one answer: small pieces are fed.
    """
    module = optional("zstandard")
    if module is None:
        raise LabError(f"{name} is compressed with zstd, and {_ZSTD_HELP}, or unpack the file first")
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


def check_encoder(dest: Path) -> None:
    """Raise LabError when this Python cannot compress `dest`."""
    if dest.suffix == ".zst" and not optional("zstandard"):
        raise LabError(f"dest {dest} is to be compressed with zstd, and {_ZSTD_HELP}, or let its name end in .gz")


def encoder(dest: Path) -> Callable[[BinaryIO], AbstractContextManager[BinaryIO]] | None:
    """Return what compresses the text of `dest` into a file, as its name says; None for a plain one."""
    return functools.partial(_encoded, suffix=dest.suffix) if dest.suffix in (".gz", ".zst") else None


@contextmanager
def _encoded(part: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    packer: Any
    if suffix == ".gz":
        gzip = importlib.import_module("gzip")
        packer = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=part, mtime=0)
    else:
        zstandard = importlib.import_module("zstandard")
        packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).stream_writer(part, closefd=False)
    # The packers deal slowly with many small writes
    with packer, io.BufferedWriter(packer, BLOCK) as text:
        yield text
