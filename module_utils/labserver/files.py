"""Whole files or none: a locked partial file beside the destination, renamed when it is complete."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from .errors import LabError

_BUFFER = 1 << 20  # bytes: larger writes cost less per byte


def check_dest(dest: Path) -> None:
    """Raise LabError when `dest` cannot become a regular file."""
    if not dest.is_absolute():
        raise LabError(f"dest {dest} is not an absolute path: write it from the root, such as /srv/data/{dest.name}")
    if dest.exists() and not dest.is_file():
        raise LabError(f"dest {dest} is not a regular file: set `dest` to the path of the file to write")
    if not dest.parent.is_dir():
        raise LabError(f"the directory of dest, {dest.parent}, does not exist: create it first or set another `dest`")


def refuse_link(dest: Path) -> None:
    """Raise LabError where `dest` is a link, which would be replaced, and not the file that it leads to."""
    if dest.is_symlink():
        raise LabError(
            f"{dest} is a link, and would be replaced by a file: set `dest` to {os.path.realpath(dest)}, or remove the "
            "link"
        )


def part_path(dest: Path) -> Path:
    """Return the name under which `dest` is written until it is complete."""
    return dest.with_name(f".{dest.name}.part")


@contextmanager
def locked_part(dest: Path) -> Iterator[BinaryIO]:
    """Open the partial file of `dest`, waiting for another run that is writing it.

    One fixed name: what a killed run left is taken over by the next, so leftovers do not add up. The lock goes
    when its process dies. The caller decides what to do with bytes found in it.
    """
    path = part_path(dest)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        with os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=_BUFFER) as part:
            if os.fstat(part.fileno()).st_uid != os.geteuid():
                raise LabError(
                    f"{path} belongs to another user: remove it, or choose a `dest` in a directory of your own"
                )
            fcntl.flock(part, fcntl.LOCK_EX)
            if has_name(part.fileno(), path):  # else the run that had the lock has renamed or removed it
                yield part
                return


def has_name(fd: int, path: Path) -> bool:
    """Return whether `path` is the open file; it may vanish at any moment, so it is looked at once."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def publish(part: BinaryIO, dest: Path) -> None:
    """Give the finished partial file its name; an old `dest` keeps its owner and mode."""
    part.flush()
    if dest.exists():
        old = dest.stat()
        os.fchmod(part.fileno(), stat.S_IMODE(old.st_mode))
        if os.geteuid() == 0:
            os.fchown(part.fileno(), old.st_uid, old.st_gid)
    os.fsync(part.fileno())
    part_path(dest).replace(dest)
    directory = os.open(dest.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def replacing(dest: Path) -> Iterator[BinaryIO]:
    """Write a file for `dest`: it takes the name at the end of the block, or vanishes when the block fails."""
    refuse_link(dest)
    with locked_part(dest) as part:
        part.truncate(0)
        try:
            yield part
            publish(part, dest)
        finally:
            path = part_path(dest)
            if has_name(part.fileno(), path):
                path.unlink()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as readable JSON, whole or not at all."""
    with replacing(path) as part:
        part.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file of ours; an empty one when the file is absent, torn or something else."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of a file's bytes, as hexadecimal digits."""
    digest = hashlib.new(algorithm)
    with path.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
