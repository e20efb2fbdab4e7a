"""Why a package cannot be installed or loaded, found in what R, compilers and package tools print."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .locks import temporary_folder

FULL_DISK = re.compile(
    r"no space left|disk quota exceeded|not enough free space|don't have enough free space", re.IGNORECASE
)
_LITTLE = 1 << 20  # bytes, free after what was half installed is removed again
_UNREACHABLE = re.compile(
    r"could not resolve|couldn't resolve|temporary failure|(could not|couldn't|unable to|failed to|cannot) connect|"
    r"connection (failed|refused|timed out)|cannot initiate the connection|timeout was reached|curl error|"
    r"all mirrors were tried|no route to host|network is unreachable",
    re.IGNORECASE,
)
_MISMATCH = re.compile(r"checksum|hash sum mismatch", re.IGNORECASE)
_DISTRUSTED = re.compile(r"certificate|SSL peer", re.IGNORECASE)
DISTRUSTED = "the certificate of the repository is not trusted"
TRUST = "install the certificate of its authority on the host, or set `repos`"


def is_distrusted(output: str) -> bool:
    """Return whether a certificate was refused, which is an error, however much else went wrong."""
    return bool(_DISTRUSTED.search(output))


def is_unreachable(output: str) -> bool:
    """Return whether a program failed because a server is out of reach."""
    wrong = is_distrusted(output) or _MISMATCH.search(output) or FULL_DISK.search(output)
    return bool(_UNREACHABLE.search(output)) and not wrong


@dataclass(frozen=True)
class Problem:
    """Why a package cannot be installed, with the fix; `unreachable` when its sources are out of reach and no more."""

    reason: str
    unreachable: bool = False

    def of(self, other: str) -> Problem:
        """Return the problem of a package that needs `other`, which has this one."""
        return Problem(f"needs {other}, which cannot be installed: {self.reason}", self.unreachable)


def clean_output(text: str) -> str:
    """Return output without credentials in addresses, and without durations, which differ from run to run."""
    return re.sub(r" after \d+ (ms|milliseconds)", "", re.sub(r"(\w+://)[^/\s]+@", r"\1***@", text))


def tail(text: str, lines: int = 12) -> str:
    """Return the last lines that say something."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-lines:])


def file_system(path: Path) -> tuple[int, str]:
    """Return the free bytes of the file system that holds a path, and its mount point with its room."""
    while not path.exists():
        path = path.parent
    room = shutil.disk_usage(path)
    while not path.is_mount():
        path = path.parent
    return room.free, f"{path} ({room.free >> 10} of {room.total >> 10} KiB are free)"


def full_disk(text: str, work: Path, library: Path | None = None) -> str:
    """Return the message for a full disk: that of the library, or that of the temporary files.

    R passes over what it could not write when it closes a file: then only the loading of what was cut off fails.
    """
    (free, where), place = min((file_system(place), place) for place in (work, library) if place)
    cut_off = "loading failed" in text and free < _LITTLE
    if not FULL_DISK.search(text) and not cut_off:
        return ""
    fix = "set TMPDIR in the task's environment" if place == work else "set `library` to a larger one"
    return f"no room left on the file system {where}, which holds {place}: free space there, or {fix}"


def explain(error: OSError) -> str:
    """Return a message for an error of the operating system: most often a full disk of temporary files."""
    place = Path(error.filename) if isinstance(error.filename, str) else temporary_folder()
    full = full_disk(error.strerror or "", temporary_folder(), None if place == temporary_folder() else place)
    fix = "run with `become: true`, or set `library`, or TMPDIR in the task's environment"
    return full or f"{error.strerror}: {place}: {fix}"


def why_not_fetched(url: str, output: str, work: Path) -> Problem:
    """Return why a package was not downloaded."""
    address = clean_output(url)
    reason = full_disk(output, work)
    unreachable = is_unreachable(output)
    if reason:
        return Problem(reason)
    if is_distrusted(output):
        reason = f"{DISTRUSTED}: {address}: {output}: {TRUST}"
    elif unreachable:
        reason = f"the repository is out of reach: {address}: {output}: check the network and proxy, or set `repos`"
    elif re.search(r"status was '4\d\d|cannot open file|No such file", output):
        reason = f"the repository's index names {address}, but it is not there ({output}): run again, or set `repos`"
    else:
        reason = f"the repository stopped half-way through {address} ({output}): run again, or set `repos`"
    return Problem(reason, unreachable)


def _conflict(name: str, output: str) -> str:
    match = re.search(r"namespace .(\S+). (\S+) is (?:already loaded|being loaded), but (.+?) is required", output)
    if not match:
        return ""
    other, has, needs = match.groups()
    return f"version conflict: {other} {has} is installed, {name} needs {needs}: set `state: latest` for {other} first"


def why_not_loaded(name: str, output: str) -> str:
    """Return why a package that is installed does not load."""
    reason = f"is installed but does not load: {output}: try library({name}) in R, or set another `version`"
    return _conflict(name, output) or reason


def why_not_installed(name: str, log: str, system: str) -> str:
    """Find the cause in what R CMD INSTALL printed, with the compiler's last lines."""
    if re.search(r"Killed|cannot allocate memory|out of memory|virtual memory exhausted", log, re.IGNORECASE):
        return f"memory ran out: add swap (role swap), or set MAKEFLAGS=-j1 in the task's environment: {_compiler(log)}"
    newer = re.search(r"this R is version (\S+), package .* requires R (.*)", log)
    if newer:
        return f"needs R {newer[2]}, this is R {newer[1]}: set `version` to an older release, or install a newer R"
    conflict = _conflict(name, log)
    if conflict:
        return conflict
    tool = re.search(
        r"\b(make|gmake|cmake|gcc|g\+\+|cc|c\+\+|gfortran|f95|cargo|rustc|pkg-config)\S*: (?:command )?not found", log
    )
    if tool or "not set up to install source packages" in log:
        missing = f"{tool[1]} is missing" if tool else "R's development files are missing"
        return f"{missing} to compile it: run role r_base, which installs compilers: {_compiler(log)}"
    header = re.search(
        r"fatal error: (\S+): No such file|cannot find -l(\S+)|Package '?(\S+?)'? was not found|configure: error: (.+)",
        log,
    )
    if header:
        missing = next(group for group in header.groups() if group)
        says = f" (its SystemRequirements: {system})" if system else ""
        return (
            f"a library of the system is missing, {missing}{says}: install its -dev or -devel package: {_compiler(log)}"
        )
    if re.search(r"compilation failed|make: \*\*\*|make\[\d+\]: \*\*\*", log):
        return f"does not compile: set another `version`, or `distro: prefer`: {_compiler(log)}"
    if "loading failed" in log or "lazy loading failed" in log:
        return f"installs but does not load, so R removed it again: set another `version`: {_error(log)}"
    return f"could not be installed: {_error(log)}"


def _compiler(log: str) -> str:
    """Return the compiler's first error, which side by side compiling may print early, and its last lines."""
    lines = [line.rstrip() for line in log.splitlines() if line.strip() and not line.startswith("* removing")]
    at = next(
        (i for i, line in enumerate(lines) if re.search(r"\berror:|Error:|undefined reference", line)), len(lines)
    )
    first = lines[at : at + 4] if at < len(lines) - 12 else []
    return "\n".join(["the compiler's last lines:", *first, *lines[-12:]])


def _error(log: str) -> str:
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    at = next((i for i, line in enumerate(lines) if re.match(r"\s*(Error|ERROR)", line)), max(0, len(lines) - 8))
    return "\n" + "\n".join(lines[at : at + 8])
