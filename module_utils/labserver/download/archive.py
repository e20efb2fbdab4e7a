"""Files in archives: one member copied out, or all of them unpacked."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Callable

from ..errors import LabError
from ..files import replacing
from .answer import SourceError

_COPY = 1 << 20  # bytes at a time
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)


def copy_member(archive: Path, path: str, start: Callable[[], BinaryIO]) -> None:
    """Write one file of an archive into what `start()` returns once it is found. Raises SourceError."""
    try:
        if archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as content:
                entries = [entry for entry in content.infolist() if not entry.is_dir()]
                entry = entries[_position([entry.filename for entry in entries], path, archive)]
                with content.open(entry) as data:
                    shutil.copyfileobj(data, start(), _COPY)
        else:
            with tarfile.open(archive) as packed:
                files = [file for file in packed.getmembers() if file.isfile()]
                extracted = packed.extractfile(files[_position([file.name for file in files], path, archive)])
                if extracted is not None:  # of a regular file it never is
                    shutil.copyfileobj(extracted, start(), _COPY)
    except (*_DAMAGED, tarfile.TarError) as error:
        raise SourceError(f"{archive.name} is damaged: {error}") from error


def _position(names: list[str], path: str, archive: Path) -> int:
    """Return the position of `path`; a source distribution holds everything in one top directory."""
    path = path.strip("/")
    exact = [i for i, name in enumerate(names) if name == path]
    below_top = [i for i, name in enumerate(names) if name.partition("/")[2] == path]
    for candidates in (exact, [] if archive.suffix == ".whl" else below_top):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            found = ", ".join(names[i] for i in candidates)
            raise SourceError(
                f"{archive.name} holds {path} {len(candidates)} times ({found}): name one by its full path"
            )
    alike = [name for name in names if Path(name).name == Path(path).name][:5]
    hint = f"; it has {', '.join(alike)}" if alike else ""
    raise SourceError(f"{archive.name} holds no {path}{hint}: correct the path after `#`")


def unpack(archive: Path, folder: Path, *, check: bool = False) -> list[str]:
    """Write the members of a zip archive that `folder` lacks or has otherwise; return their names.

    A member that would lie outside of `folder`, or is a link, is an error, and nothing is written then.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            members = [member for member in content.infolist() if not member.is_dir()]
            targets = {member.filename: _target(folder, member) for member in members}
            missing = [member for member in members if not _is_there(targets[member.filename], member)]
            for member in [] if check else missing:
                target = targets[member.filename]
                _make_folders(target.parent)
                with content.open(member) as data, replacing(target) as part:
                    shutil.copyfileobj(data, part, _COPY)
                    os.fchmod(part.fileno(), 0o644)
    except (*_DAMAGED, RuntimeError) as error:  # also of one with a password, or a method that is not known here
        raise LabError(
            f"{archive} cannot be unpacked ({error}): `unpack` takes zip archives; delete a damaged one, and run again"
        ) from error
    return [member.filename for member in missing]


def _is_there(target: Path, member: zipfile.ZipInfo) -> bool:
    """Return whether the file is the member, by its size and its CRC-32."""
    if not target.is_file() or target.stat().st_size != member.file_size:
        return False
    found = 0
    with target.open("rb") as content:
        while block := content.read(_COPY):
            found = zlib.crc32(block, found)
    return found == member.CRC


def _target(folder: Path, member: zipfile.ZipInfo) -> Path:
    path = PurePosixPath(member.filename)
    target = folder / path
    if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16):
        raise LabError(f"the member {member.filename} of the archive would leave {folder}: do not trust this archive")
    if folder.resolve() not in target.resolve().parents:
        raise LabError(f"{target} leads out of {folder} by a link that is there: remove the link")
    return target


def _make_folders(folder: Path) -> None:
    """Make a directory that everybody may enter, whatever the umask."""
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir()
        folder.chmod(0o755)
