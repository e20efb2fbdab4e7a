"""Files in archives: one member copied out, or all of them unpacked."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Callable

from ..errors import LabError
from ..files import replacing
from .answer import SourceError

_COPY = 1 << 20  # bytes at a time


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
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
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
    """Write the members of a zip archive that `folder` lacks or has in another size; return their names.

    A member that would lie outside of `folder`, or is a link, is an error, and nothing is written then.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            members = [member for member in content.infolist() if not member.is_dir()]
            targets = {member.filename: _target(folder, member) for member in members}
            missing = [
                member
                for member in members
                if not (target := targets[member.filename]).is_file() or target.stat().st_size != member.file_size
            ]
            for member in [] if check else missing:
                target = targets[member.filename]
                _make_folders(target.parent)
                with content.open(member) as data, replacing(target) as part:
                    shutil.copyfileobj(data, part, _COPY)
                    os.fchmod(part.fileno(), 0o644)
    except (zipfile.BadZipFile, EOFError) as error:
        raise LabError(f"{archive} cannot be unpacked ({error}): `unpack` takes zip archives") from error
    return [member.filename for member in missing]


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
