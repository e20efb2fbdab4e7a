"""Several text files that everyone may read, each whole, in folders that everyone may enter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .files import replacing

FILE, FOLDER = 0o644, 0o755


@dataclass(frozen=True)
class Change:
    """What was there, and what is there now or, in check mode, would be: a text, or the mode."""

    path: Path
    before: str
    after: str


def write_text_files(
    root: Path, files: Mapping[str, str], marks: Mapping[str, str], *, variable: str = "path", check: bool = False
) -> Iterator[Change]:
    """Write what is missing or differs, in its order; yield each change. With `check` nothing is written.

    The names of the files are relative to the root, a folder that exists and is left as it is; folders below it are
    created, or opened where they are closed. A file that has a mark, a text, is replaced only where it contains that.
    Raises LabError before anything is written where a name leads out of the root, or to something that must not be
    replaced; `variable` is what the user can set.
    """
    folders = list(dict.fromkeys(root / folder for name in files for folder in _folders(name)))
    _require_ours(root, files, folders, marks, variable)
    for folder in folders:
        if not folder.is_dir():
            if not check:
                folder.mkdir()
            yield Change(folder, "", "a folder\n")
        yield from _set_mode(folder, FOLDER, check=check)
    for name, text in files.items():
        path = root / name
        before = path.read_bytes() if path.exists() else None
        if before != text.encode():
            if not check:
                with replacing(path) as part:
                    part.write(text.encode())
            yield Change(path, (before or b"").decode("utf-8", "replace"), text)
        yield from _set_mode(path, FILE, check=check)


def _folders(name: str) -> list[Path]:
    """Return the folders that a name has, the upper ones first."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise LabError(f"the name {name!r} leads out of the folder: write it relative to that, as in labs/index.html")
    return [*path.parents][-2::-1]


def _require_ours(
    root: Path, files: Iterable[str], folders: Iterable[Path], marks: Mapping[str, str], variable: str
) -> None:
    """Raise LabError where a file or a folder would replace something of others."""
    problems = {root / name: _problem(root / name, marks.get(name, "")) for name in files}
    problems |= {folder: "is no folder" for folder in folders if os.path.lexists(folder) and not folder.is_dir()}
    for path, problem in problems.items():
        if problem:
            remedy = f"move it away, or set {variable} to another folder"
            raise LabError(f"{path} {problem}, and is left as it is: {remedy}")


def _problem(path: Path, mark: str) -> str:
    """Return why a file must not be written there; else nothing."""
    if not os.path.lexists(path):
        return ""
    if path.is_symlink() or not path.is_file():
        return "is no regular file"
    return "was not made here" if mark and mark.encode() not in path.read_bytes() else ""


def _set_mode(path: Path, wanted: int, *, check: bool) -> Iterator[Change]:
    """Set the mode of what is there, whatever the umask was when it was made."""
    if not path.exists() or (mode := path.stat().st_mode & 0o7777) == wanted:
        return
    if not check:
        path.chmod(wanted)
    yield Change(path, f"mode {mode:04o}\n", f"mode {wanted:04o}\n")
