"""A swap file and its line in fstab: what is there, what of it is ours, and how it is made and removed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from .errors import LabError
from .fstab import MARK, Entry, entries, escaped, fields, lines

# File systems on whose files the kernel does not swap
UNSUPPORTED = ("aufs", "devtmpfs", "nfs", "nfs4", "overlay", "proc", "ramfs", "squashfs", "sysfs", "tmpfs", "zfs")
LABEL = "labserver"  # in the signature of the swap files that are made here: the file itself shows whose it is
MIB = 1 << 20
RESERVE_MB = 200  # what is to stay free on the disk
_PAGES = (4096, 8192, 16384, 65536)  # the signature stands at the end of the first page
_LABEL_AT = slice(1052, 1068)
# What swapon says where the host is a container that may not swap, or the file system cannot
_REFUSED = ("Operation not permitted", "Permission denied", "Invalid argument", "Function not implemented")

NOTHING, SWAP_FILE = "nothing", "a swap file"
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


def canonical(path: str) -> str:
    """Return the one spelling of the path of a file, which itself may be a link."""
    folder, name = os.path.split(path.rstrip("/"))
    return os.path.realpath(path) if name in ("", ".", "..") else str(Path(os.path.realpath(folder), name))


def paths_in_use(proc_swaps: str) -> set[str]:
    """Return the files and devices in /proc/swaps."""
    return {fields(line)[0] for line in lines(proc_swaps)[1:] if line.strip()}


def file_system_of(df: str) -> tuple[str, int]:
    """Return type and free MiB from the output of ``df --output=fstype,avail --block-size=1M``."""
    kind, available = df.splitlines()[-1].split()
    return kind, int(available)


@dataclass(frozen=True)
class SwapFile:
    """What is at a path."""

    path: str
    what: str  # NOTHING, SWAP_FILE, or something else, in words
    label: str
    size_mb: int
    in_use: bool


def inspect(path: str, in_use: Collection[str]) -> SwapFile:
    """Return what is at a canonical path."""
    try:
        status = os.lstat(path)
    except OSError:  # nothing there, or a folder on the way that is none
        return SwapFile(path, NOTHING, "", 0, in_use=False)
    what, label = _KINDS.get(stat.S_IFMT(status.st_mode), "a file without a swap signature"), ""
    if stat.S_ISREG(status.st_mode):
        with Path(path).open("rb") as content:
            head = content.read(max(_PAGES))
        if any(head[page - 10 : page] == b"SWAPSPACE2" for page in _PAGES):
            what, label = SWAP_FILE, head[_LABEL_AT].rstrip(b"\0").decode("utf-8", "replace")
    return SwapFile(path, what, label, status.st_size // MIB, in_use=_is_in_use(path, in_use))


def _is_in_use(path: str, listed: Collection[str]) -> bool:
    """Return whether the kernel swaps on a file; `listed` are the paths of /proc/swaps.

    After a restart of a container the file is still in use, under what is left of its path without the mount that is
    gone. Then the kernel itself is asked, which lets nobody write into a swap file.
    """
    if path in listed or not any(path.endswith(other) for other in listed):
        return path in listed
    file = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.posix_fallocate(file, 0, 1)  # that byte is there already
    except OSError as error:
        return error.errno == errno.ETXTBSY
    finally:
        os.close(file)
    return False


@dataclass
class Fstab:
    """The text of /etc/fstab, of which no line but ours is changed."""

    text: str

    def _swaps(self) -> Iterator[tuple[str, Entry]]:
        """Yield each line about swap on a path, with the canonical path."""
        for entry in entries(self.text):
            if entry.kind == "swap" and entry.source.startswith("/"):
                yield canonical(entry.source), entry

    def marked(self) -> list[str]:
        """Return the paths of the lines that are ours."""
        return [path for path, entry in self._swaps() if entry.ours]

    def add(self, path: str, *, ours: bool) -> None:
        """Enable the path at boot, by the line that exists or by one of ours.

        The line of an earlier release for a file of `ours` gets the mark.
        """
        found = [entry for other, entry in self._swaps() if other == path]
        wanted = f"{escaped(path)} none swap sw,{MARK} 0 0\n"
        if not found:
            # Before a last line without its end, so that the removal leaves the bytes as they were
            whole, end, torn = self.text.rpartition("\n")
            self.text = whole + end + wanted + torn
        elif ours and found[0].options == ("sw",):
            self.text = self.text.replace(found[0].line, wanted, 1)

    def remove(self, path: str, *, unmarked: bool) -> None:
        """Remove our lines about the path; with `unmarked` also those of earlier releases, which have no mark."""
        gone = [entry.line for other, entry in self._swaps() if other == path and (entry.ours or unmarked)]
        self.text = "".join(line for line in lines(self.text) if line not in gone)


@dataclass
class SwapHost:
    """Makes and removes swap files on a host; in check mode only finds out what would change."""

    run: Callable[[list[str]], tuple[int, str, str]]
    fstab: Fstab
    recorded: Collection[str] = ()  # canonical paths that an earlier run recorded as its own
    check: bool = False
    proc_swaps: Path = Path("/proc/swaps")
    changed: bool = False
    warnings: list[str] = field(default_factory=list)

    def inspect(self, path: str) -> SwapFile:
        """Return what is at a canonical path."""
        text = self.proc_swaps.read_text(encoding="utf-8", errors="surrogateescape") if self.proc_swaps.exists() else ""
        return inspect(path, paths_in_use(text))

    def is_ours(self, file: SwapFile) -> bool:
        """Whether a run of ours made the file: its label says so, or, of an earlier release, the record."""
        return file.what == SWAP_FILE and (file.label == LABEL or (not file.label and file.path in self.recorded))

    def known(self) -> list[str]:
        """Return the paths that fstab or the record names as ours."""
        return sorted({*self.fstab.marked(), *self.recorded})

    def files(self) -> list[str]:
        """Return the paths of our swap files that are there."""
        return [path for path in self.known() if self.is_ours(self.inspect(path))]

    def ensure(self, path: str, size_mb: int) -> str:
        """Put a swap file into use, now and at every boot, and no other of ours; return why it cannot be used.

        Raises LabError before anything is changed where the path is not free for it.
        """
        file = self.inspect(path)
        ours = self.is_ours(file)
        file_system, free = self._check(file, size_mb, ours=ours)
        if not self.proc_swaps.exists():
            return "the kernel of this host was built without swap"
        if file_system in UNSUPPORTED:
            return f"a file on {file_system} ({path}) cannot hold swap: set swap_path to a folder on ext4, xfs or btrfs"
        creating = file.size_mb != size_mb
        if creating and free + (file.size_mb if ours else 0) - size_mb < RESERVE_MB:
            raise LabError(
                f"{Path(path).parent} has {free} MB free, too few for {size_mb} MB of swap. Lower swap_size_mb, "
                "set swap_path to a larger file system, or free some space"
            )
        if creating:
            self._delete(file)
            self._create(path, size_mb, file_system)
        if creating or not file.in_use:
            reason = self._enable(path, made=creating)
            if reason:
                return reason
        self.fstab.add(path, ours=ours or creating)
        self._remove(other for other in self.known() if other != path)
        return ""

    def remove(self, path: str) -> None:
        """Remove what is ours: at this path, and where fstab or the record says."""
        self._remove(dict.fromkeys([path, *self.known()]))
        if not self.check:
            _part(path).unlink(missing_ok=True)

    def _check(self, file: SwapFile, size_mb: int, *, ours: bool) -> tuple[str, int]:
        """Return type and free MiB of the file system. Raises LabError where there can be no such swap file."""
        folder = Path(file.path).parent
        if size_mb < 1:
            raise LabError(
                f"swap_size_mb is {size_mb}: set it to the size in MiB, 1 or more; to have no swap, set swap_state: "
                "absent"
            )
        if file.what not in (NOTHING, SWAP_FILE):
            raise LabError(
                f"{file.path} is {file.what}, and is left as it is: set swap_path to a file that is not there yet, or "
                "to a swap file"
            )
        if file.what == SWAP_FILE and not ours and file.size_mb != size_mb:
            raise LabError(
                f"{file.path} is a swap file of {file.size_mb} MB that was not made here, and is left as it is: to use "
                f"it, set swap_size_mb: {file.size_mb}; else set swap_path to another file, or remove it yourself"
            )
        if not folder.is_dir():
            raise LabError(
                f"there is no folder {folder}. Create it, or set swap_path to a file in a folder that exists"
            )
        if not self.check:
            _part(file.path).unlink(missing_ok=True)  # of a run that was killed
        return file_system_of(self._command("df", "--output=fstype,avail", "--block-size=1M", str(folder)))

    def _create(self, path: str, size_mb: int, file_system: str) -> None:
        """Write the file under another name until it is a swap file, so that a run that is killed leaves none half."""
        self.changed = True
        if self.check:
            return
        part = _part(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(part, flags, 0o600), "wb") as content:
                # Copy-on-write must be off, and can be switched off for an empty file only
                if file_system == "btrfs":
                    self._command("chattr", "+C", str(part))
                # In full, not merely allocated: xfs and btrfs would leave holes, on which the kernel does not swap
                for _ in range(size_mb):
                    content.write(bytes(MIB))
                content.flush()
                os.fchmod(content.fileno(), 0o600)
                os.fsync(content.fileno())
            self._command("mkswap", "--label", LABEL, str(part))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _enable(self, path: str, *, made: bool) -> str:
        """Enable a swap file; return why the kernel refuses, which can only be found out by trying."""
        self.changed = True
        if self.check:
            return ""
        code, _, error = self.run(["swapon", path])
        if code == 0:
            return ""
        if made:
            Path(path).unlink()
            self.fstab.remove(path, unmarked=False)
        error = " ".join(error.split())
        if any(words in error for words in _REFUSED):
            return error
        raise LabError(f"{error}. Mend that, or set swap_path to another file")

    def _delete(self, file: SwapFile) -> None:
        """Disable and delete a file of ours."""
        if file.what == NOTHING:
            return
        self.changed = True
        if self.check:
            return
        if file.in_use:
            code, _, error = self.run(["swapoff", file.path])
            if code:
                raise LabError(
                    f"{' '.join(error.split())}. What is in the swap file has to fit into the memory: end programs "
                    "that use much of it, and run again"
                )
        Path(file.path).unlink()

    def _remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            file = self.inspect(path)
            ours = self.is_ours(file)
            if ours:
                self._delete(file)
            elif file.what != NOTHING:
                self.warnings.append(f"{path} is {file.what} that was not made here, and is left as it is")
            self.fstab.remove(path, unmarked=path in self.recorded and (ours or file.what == NOTHING))

    def _command(self, *command: str) -> str:
        code, out, error = self.run(list(command))
        if code:
            raise LabError(f"{command[0]} failed: {' '.join((error or out).split())}")
        return out


def _part(path: str) -> Path:
    return Path(path).with_name(f".{Path(path).name}.{LABEL}")
