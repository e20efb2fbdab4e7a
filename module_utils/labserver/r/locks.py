"""Folders that are ours alone while we work: temporary files, and the library that is installed into."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import LabError

LOCK_WAIT = 600  # seconds, for another R that is installing
_PREFIX = "labserver-r_package-"


def temporary_folder() -> Path:
    """Return the folder for temporary files, rather than a /tmp in memory: compiling takes hundreds of megabytes."""
    standard = "/var/tmp" if Path("/var/tmp").is_dir() else tempfile.gettempdir()  # noqa: S108 - mkdtemp takes it
    return Path(os.environ.get("TMPDIR") or standard)


@contextmanager
def work_folder() -> Iterator[tuple[Path, int]]:
    """Make a folder for R's temporary files, and remove it, and those of runs that were killed."""
    base = temporary_folder()
    for folder in base.glob(f"{_PREFIX}*"):
        _sweep(folder)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, lock
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    with suppress(OSError):
        about = folder.lstat()
        if about.st_uid != os.geteuid() or time.time() - about.st_mtime < 10:  # seconds: one that is just being made
            return
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


@contextmanager
def library_lock(library: Path) -> Iterator[tuple[int, bool]]:
    """Lock a library; yield whether that took waiting. R processes inherit the lock, also when their run is killed."""
    waited = False
    lock = os.open(library, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                busy = installing(library)
            except BlockingIOError:
                busy = "another run of this module"
            if not busy:
                break
            if time.monotonic() > deadline:
                raise LabError(f"{busy} is installing into {library}: wait for it to end, or end it, and run again")
            waited = True
            time.sleep(1)
        yield lock, waited
    finally:
        os.close(lock)


def installing(library: Path) -> str:
    """Name a process of R CMD INSTALL that works on a library, or may, started by whomever."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode("utf-8", "replace")
            if "nextArg" not in command:  # as that script hands its arguments on to R
                continue
            folder = re.search(r"nextArg(?:-lnextArg|--library=)(.*?)(?:nextArg|\0)", command)
            if not folder or ((process / "cwd").resolve() / folder[1]).resolve() == library.resolve():
                return f"process {process.name} (R CMD INSTALL)"
        except OSError:
            continue
    return ""


def clear(library: Path) -> bool:
    """Remove what killed installations left in a locked library; restore what they had set aside."""
    left = [*library.glob("00LOCK*"), *library.glob(".removed-*")]
    for folder in left:
        for aside in folder.glob("*/DESCRIPTION") if folder.name.startswith("00LOCK") else ():
            discard(library / aside.parent.name)
            aside.parent.replace(library / aside.parent.name)
        shutil.rmtree(folder, ignore_errors=True)
    return bool(left)


def discard(package: Path) -> None:
    """Remove a package at once for all who look, and then its files."""
    gone = package.with_name(f".removed-{package.name}")
    shutil.rmtree(gone, ignore_errors=True)
    with suppress(FileNotFoundError):
        package.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)
