"""Folders that are ours, by a mark in them, beside those of others: what is not ours is never replaced or removed."""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .files import read_json
from .fstab import fields, lines

MARK = ".labserver"
MOUNTS = Path("/proc/self/mountinfo")
# What a mark says: a folder that is all ours, one that was empty before, and one in which others may have files, too
_MADE = "This folder was made by the project labserver, which removes it once nothing else is in it.\n"
_SHARED = "This folder was made by the project labserver for files of its own, and goes with the last of all files.\n"
_USED = "This folder was empty, and is used by the project labserver, which removes what it put here.\n"


@dataclass
class OwnFolder:
    """A folder at a path that somebody chose; in check mode nothing is changed.

    One that was made here has a mark, and so has one that was empty and is all ours. `recorded` says that a release
    which did not mark its folders recorded this one as its own.
    """

    path: Path
    variable: str  # that the path comes from
    recorded: bool = False
    check: bool = False
    changed: bool = False

    def __post_init__(self) -> None:
        """Find the folder itself: a link to it stays."""
        if not self.path.is_absolute():
            raise LabError(f"{self.variable} is {self.path}: set it to an absolute path, such as /srv/labserver")
        self.path = Path(os.path.realpath(self.path))

    @property
    def mark(self) -> Path:
        """Where the mark of the folder is."""
        return self.path / MARK

    def is_ours(self) -> bool:
        """Whether all that is in the folder is ours."""
        return self._is_marked_whole() or (self.recorded and self.path.is_dir())

    def is_free(self) -> bool:
        """Whether the folder is all ours, or can become so."""
        return self.is_ours() or not self.path.is_dir() or not self._entries()

    def require(self, *, whole: bool) -> None:
        """Raise LabError where this cannot be our folder; one that is to be ours as a `whole` has nothing of others."""
        if self.path.exists() and not self.path.is_dir():
            raise LabError(f"{self.path} is no folder, and is left as it is: set {self.variable} to another path")
        if whole and not self.is_free():
            found = self._entries()[0].name
            what = "is a virtual environment" if (self.path / "pyvenv.cfg").exists() else f"holds files ({found})"
            raise LabError(
                f"{self.path} {what} that was not made here, and is left as it is: set {self.variable} to a folder "
                "that is empty or not there yet"
            )

    def ensure(self, *, whole: bool, mode: int = 0o755) -> None:
        """Create the folder where it is missing; its mode is set only where it was made here."""
        self.require(whole=whole)
        if not self.path.is_dir():
            self._make(self.path, mode, _MADE if whole else _SHARED)
        elif whole and not self._is_marked_whole():
            self.changed = True
            if not self.check:
                self._write_mark(self.path, _MADE if self.recorded or self._was_made(self.path) else _USED)
        if self._was_made(self.path) and self.path.stat().st_mode & 0o7777 != mode:
            self.changed = True
            if not self.check:
                self.path.chmod(mode)

    def clear(self) -> None:
        """Remove all but the mark from a folder that is ours."""
        for entry in self._entries() if self.path.is_dir() else ():
            self._remove(entry)

    def check_files(self, files: Sequence[str]) -> None:
        """Raise LabError where a file that is to be made has the name of one of somebody else."""
        for name in files:
            path = self.path / name
            if os.path.lexists(path) and not any(record.exists() for record in _records(path)):
                raise LabError(
                    f"{path} was not made here, and would be replaced: move it away, or set {self.variable} to another "
                    "folder"
                )

    def remove(self, files: Sequence[str], contents: Sequence[str]) -> list[str]:
        """Remove what is ours, then the folder if it was made here and is empty; return what stays in it.

        Of `files` those go that have a record beside them, of `contents` all: names or patterns of files and, with a
        slash at the end, of folders.
        """
        if not self.path.is_dir():
            return []
        for name in files:
            self._remove_file(self.path / name)
        kept = []
        for entry in self._entries():
            found = f"{entry.name}/" if entry.is_dir() and not entry.is_symlink() else entry.name
            if any(fnmatch.fnmatchcase(found, name) for name in contents):
                self._remove(entry)
            else:
                kept.append(entry.name)
        if not kept and self._says(self.path) == _USED:
            self._remove(self.mark)
        self._remove_empty()
        return kept

    def remove_whole(self) -> bool:
        """Remove all that is in the folder, and the folder if it was made here; nothing where it is not ours."""
        if not self.is_ours():
            return not self.path.exists()
        if not self.mark.exists() and not self.check:
            self._write_mark(self.path, _MADE)
        self.clear()
        if not self._was_made(self.path):
            self._remove(self.mark)
        self._remove_empty()
        return True

    def _make(self, folder: Path, mode: int, text: str) -> None:
        """Make the folder and those above it, whatever the umask."""
        if folder.parent != folder and not folder.parent.is_dir():
            self._make(folder.parent, 0o755, _SHARED)
        self.changed = True
        if not self.check:
            folder.mkdir()
            self._write_mark(folder, text)
            folder.chmod(mode)

    def _write_mark(self, folder: Path, text: str) -> None:
        (folder / MARK).write_text(text, encoding="utf-8")
        (folder / MARK).chmod(0o644)

    def _entries(self) -> list[Path]:
        """Return what is in the folder, besides the mark."""
        return sorted(entry for entry in self.path.iterdir() if entry.name != MARK)

    def _says(self, folder: Path) -> str:
        """Return what the mark of a folder says; nothing where it has none."""
        mark = folder / MARK
        return mark.read_text(encoding="utf-8", errors="replace") if mark.is_file() and not mark.is_symlink() else ""

    def _is_marked_whole(self) -> bool:
        return self.mark.is_file() and self._says(self.path) != _SHARED

    def _was_made(self, folder: Path) -> bool:
        return self._says(folder) in (_MADE, _SHARED)

    def _remove_file(self, path: Path) -> None:
        """Remove a file with its records, and what a run that was killed left of them."""
        records = _records(path)
        # One that somebody put there is only used: its record names the file itself, by whatever way led to it then
        source = str(read_json(records[0]).get("source"))
        ours = any(record.exists() for record in records) and os.path.realpath(source) != os.path.realpath(path)
        part = path.with_name(f".{path.name}.part")
        names = [*([path] if ours else []), *records, part, part.with_name(f"{part.name}.json")]
        for name in [*names, *(record.with_name(f".{record.name}.part") for record in records)]:
            if name.is_file() or name.is_symlink():
                self._remove(name)

    def _remove(self, entry: Path) -> None:
        folder = entry.is_dir() and not entry.is_symlink()
        if folder and (mounted := _mounts_in(entry)):
            raise LabError(
                f"{mounted[0]} is mounted in {self.path}, and its files would be removed with this folder: unmount it "
                f"(umount '{mounted[0]}'), and run again"
            )
        self.changed = True
        if self.check:
            return
        if folder:
            shutil.rmtree(entry)
        else:
            entry.unlink()

    def _remove_empty(self) -> None:
        """Remove the folder, and those above it, that were made here and have nothing but their mark left."""
        folder = self.path
        # The mark may have been moved onto a volume, together with all that was in the folder
        while (
            self._was_made(folder)
            and not os.path.ismount(folder)
            and [entry.name for entry in folder.iterdir()] == [MARK]
        ):
            self.changed = True
            if self.check:
                return
            (folder / MARK).unlink()
            folder.rmdir()
            folder = folder.parent
        # An earlier release made this one, and did not mark it
        if folder == self.path and self.recorded and not any(folder.iterdir()):
            self.changed = True
            if not self.check:
                folder.rmdir()


def _mounts_in(folder: Path) -> list[Path]:
    """Return where something is mounted, at a folder or below it."""
    try:
        table = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    targets = [Path(fields(line)[4]) for line in lines(table)]
    return [target for target in targets if folder in (target, *target.parents)]


def _records(path: Path) -> tuple[Path, Path]:
    """Return where the modules record where a file came from, and what it was made from."""
    return path.with_name(f"{path.name}.source.json"), path.with_name(f"{path.name}.manifest.json")
