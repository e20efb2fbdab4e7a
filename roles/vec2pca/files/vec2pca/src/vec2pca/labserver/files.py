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

from .errors import LabError, explain

_BUFFER = 1 << 20  # bytes: larger writes cost less per byte


def check_outputs(
    outputs: Mapping[str, Path], inputs: Mapping[str, Path] | None = None, *, folder_later: bool = False
) -> None:
    """Raise LabError unless each of `outputs` (option -> absolute path) can be written whole, before any work.

    An output is a regular file or not there yet, never a link, a device or a pipe, in a folder that may be written to,
    under a name that has room for what is written beside it; and it is none of `inputs` (option -> path) nor another
    output, also by way of links. In check mode its folder may be made later.
    """
    taken = {_canonical(path): option for option, path in (inputs or {}).items()}
    for option, path in outputs.items():
        check_dest(path, option, folder_later=folder_later)
        refuse_link(path, option)
        for name in (path, part_path(path)):
            if other := taken.get(_canonical(name)):
                raise LabError(f"{option} and {other} are the same file, {path}: choose another path for {option}")
            taken[_canonical(name)] = option
        for other, source in (inputs or {}).items():
            if path.exists() and source.exists() and path.samefile(source):
                raise LabError(f"{option} and {other} are the same file, {path}: choose another path for {option}")


def check_dest(dest: Path, option: str = "dest", *, folder_later: bool = False) -> None:
    """Raise LabError when `dest`, which comes from `option`, cannot become a regular file."""
    another = f"set `{option}` to another path"
    if "\0" in str(dest):
        raise LabError(f"{option} {str(dest)!r} has a zero byte in it: {another}")
    if not dest.is_absolute():
        raise LabError(
            f"{option} {dest} is not an absolute path: write it from the root, such as /srv/data/{dest.name}"
        )
    status = _status(dest)
    if status and not stat.S_ISREG(status.st_mode):
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "device or pipe"
        raise LabError(f"{option} {dest} is a {kind}, not a regular file: {another}")
    if dest.parent.is_dir():
        if problem := _problem_of_folder(dest, status):
            raise LabError(f"{option} {dest} {problem}: {another}")
    elif not folder_later:
        raise LabError(f"the folder of {option}, {dest.parent}, does not exist: create it first or {another}")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LabError(explain(error)) from error


def _problem_of_folder(dest: Path, status: os.stat_result | None) -> str:
    """Return why `dest`, whose own status is given where it exists, cannot be written into its folder; else nothing."""
    folder = dest.parent
    longest, limit = len(os.fsencode(part_path(dest).name)), os.pathconf(folder, "PC_NAME_MAX")
    if longest > limit:
        return f"has too long a name: with that of its partial file {longest} bytes, of {limit} in this file system"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "is in a folder that this user may not write to"
    user, above = os.geteuid(), folder.stat()
    if status and above.st_mode & stat.S_ISVTX and user not in (0, above.st_uid, status.st_uid):
        return "belongs to another user, in a folder where it may not be replaced"
    part = part_path(dest)
    if os.path.lexists(part) and (not stat.S_ISREG(part.lstat().st_mode) or part.lstat().st_uid != user):
        return (
            f"cannot be written by way of {part.name}, which belongs to another user or is no file: remove that first"
        )
    return ""


def _canonical(path: Path) -> Path:
    """Return the path of the file itself, for an output: without links on the way, and as it is at the end."""
    return Path(os.path.realpath(path.parent), path.name)


def refuse_link(dest: Path, option: str = "dest") -> None:
    """Raise LabError where `dest` is a link, which would be replaced, and not the file that it leads to."""
    if dest.is_symlink():
        raise LabError(
            f"{option} {dest} is a link, and would be replaced by a file: set `{option}` to {os.path.realpath(dest)}, "
            "or remove the link"
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
        part.write((json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file of ours; an empty one when the file is absent, torn or something else."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def check_own_json(path: Path, key: str, option: str) -> None:
    """Raise LabError where the JSON file of ours that `option` names is somebody else's: ours has `key`, or is torn."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return
    if content and not (isinstance(content, dict) and key in content):
        raise LabError(f"{option}, {path}, is there and was not made by labserver: move it, or choose another dest")


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of a file's bytes, as hexadecimal digits."""
    digest = hashlib.new(algorithm)
    with path.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
