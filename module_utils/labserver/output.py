"""Write a file plain or compressed, as its name says."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from .errors import LabError
from .source import ZSTD_HELP, optional

_BUFFER = 256 << 10  # bytes
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


def is_compressed(dest: Path) -> bool:
    """Tell whether `dest` is to be compressed."""
    return dest.suffix in (".gz", ".zst")


def check_encoder(dest: Path) -> None:
    """Raise LabError when this Python cannot compress `dest`."""
    if dest.suffix == ".zst" and not optional("compression.zstd", "backports.zstd", "zstandard"):
        raise LabError(f"dest {dest} is to be compressed with zstd, and {ZSTD_HELP}, or let its name end in .gz")


@contextmanager
def encoded(part: BinaryIO, dest: Path) -> Iterator[BinaryIO]:
    """Give what to write the text of `dest` to, so that `part` gets its bytes; equal text gives equal bytes."""
    if not is_compressed(dest):
        yield part
        return
    # The packers deal slowly with many small writes.
    with _packer(part, dest) as packed, io.BufferedWriter(packed, _BUFFER) as text:
        yield text


def _packer(part: BinaryIO, dest: Path) -> Any:
    if dest.suffix == ".gz":
        gzip = importlib.import_module("gzip")
        return gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=part, mtime=0)
    zstd = optional("compression.zstd", "backports.zstd")
    if zstd:
        setting = zstd.CompressionParameter
        return zstd.ZstdFile(part, "wb", options={setting.compression_level: _ZSTD_LEVEL, setting.checksum_flag: 1})
    zstandard = importlib.import_module("zstandard")
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).stream_writer(part, closefd=False)
