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

MARK = ".labserver"
_MADE = "This folder was made by the project labserver, which removes it once nothing else is in it.\n"
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
        return self.mark.is_file() or (self.recorded and self.path.is_dir())

    def is_free(self) -> bool:
        """Whether the folder is all ours, or can become so."""
        return self.is_ours() or not self.path.is_dir() or not any(self.path.iterdir())

    def require(self, *, whole: bool) -> None:
        """Raise LabError where this cannot be our folder; one that is to be ours as a `whole` has nothing of others."""
        if self.path.exists() and not self.path.is_dir():
            raise LabError(f"{self.path} is no folder, and is left as it is: set {self.variable} to another path")
        if whole and not self.is_free():
            found = min(entry.name for entry in self.path.iterdir())
            what = "is a virtual environment" if (self.path / "pyvenv.cfg").exists() else f"holds files ({found})"
            raise LabError(
                f"{self.path} {what} that was not made here, and is left as it is: set {self.variable} to a folder "
                "that is empty or not there yet"
            )

    def ensure(self, *, whole: bool, mode: int = 0o755) -> None:
        """Create the folder where it is missing; its mode is set only where it was made here."""
        self.require(whole=whole)
        if not self.path.is_dir():
            self._make(self.path, mode)
        elif whole and not self.mark.exists():
            self.changed = True
            if not self.check:
                self._write_mark(self.path, _MADE if self.recorded else _USED)
        if self._was_made(self.path) and self.path.stat().st_mode & 0o7777 != mode:
            self.changed = True
            if not self.check:
                self.path.chmod(mode)

    def clear(self) -> None:
        """Remove all but the mark from a folder that is ours."""
        for entry in sorted(self.path.iterdir()) if self.path.is_dir() else ():
            if entry.name != MARK:
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
        for entry in sorted(self.path.iterdir()):
            found = f"{entry.name}/" if entry.is_dir() and not entry.is_symlink() else entry.name
            if any(fnmatch.fnmatchcase(found, name) for name in contents):
                self._remove(entry)
            elif entry.name != MARK:
                kept.append(entry.name)
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

    def _make(self, folder: Path, mode: int) -> None:
        """Make the folder and those above it, whatever the umask."""
        if folder.parent != folder and not folder.parent.is_dir():
            self._make(folder.parent, 0o755)
        self.changed = True
        if not self.check:
            folder.mkdir()
            self._write_mark(folder, _MADE)
            folder.chmod(mode)

    def _write_mark(self, folder: Path, text: str) -> None:
        (folder / MARK).write_text(text, encoding="utf-8")
        (folder / MARK).chmod(0o644)

    def _was_made(self, folder: Path) -> bool:
        mark = folder / MARK
        return mark.is_file() and not mark.is_symlink() and mark.read_text(encoding="utf-8", errors="replace") == _MADE

    def _remove_file(self, path: Path) -> None:
        """Remove a file with its records, and what a run that was killed left of them."""
        records = _records(path)
        # One that somebody put there is only used, as its record says
        ours = any(record.exists() for record in records) and read_json(records[0]).get("source") != str(path)
        part = path.with_name(f".{path.name}.part")
        names = [*([path] if ours else []), *records, part, part.with_name(f"{part.name}.json")]
        for name in [*names, *(record.with_name(f".{record.name}.part") for record in records)]:
            if name.is_file() or name.is_symlink():
                self._remove(name)

    def _remove(self, entry: Path) -> None:
        self.changed = True
        if self.check:
            return
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()

    def _remove_empty(self) -> None:
        """Remove the folder, and those above it, that were made here and have nothing but their mark left."""
        folder = self.path
        while self._was_made(folder) and [entry.name for entry in folder.iterdir()] == [MARK]:
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


def _records(path: Path) -> tuple[Path, Path]:
    """Return where the modules record where a file came from, and what it was made from."""
    return path.with_name(f"{path.name}.source.json"), path.with_name(f"{path.name}.manifest.json")
