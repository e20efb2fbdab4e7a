"""What is asked for, where it may come from, and what came of it."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import LabError
from ..files import check_dest
from .http import SourceError, mask

KINDS = ("http", "https", "file", "s3", "pypi")
_MEMBER = re.compile(r"pypi:(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[A-Za-z0-9][\w.!+-]*)#(?P<path>.+)")


@dataclass(frozen=True)
class Member:
    """One file of one distribution, as in `pypi:<distribution>==<version>#<path inside it>`."""

    name: str
    version: str
    path: str


def member_of(source: str) -> Member:
    """Return the parts of a `pypi:` source, or raise SourceError naming the right form."""
    match = _MEMBER.fullmatch(source)
    if not match:
        raise SourceError("not of the form pypi:<distribution>==<version>#<path of the file inside it>")
    return Member(**match.groupdict())


def bucket_and_key(source: str) -> tuple[str, str]:
    """Return the parts of an `s3:` source, empty where they are missing."""
    bucket, _, key = source[len("s3://") :].partition("/") if source.startswith("s3://") else ("", "", "")
    return bucket, key


def kind_of(source: str) -> str:
    """Return the scheme of a source; a path is of the kind `file`."""
    return "file" if source.startswith("/") else source.partition(":")[0]


@dataclass(frozen=True)
class DownloadRequest:
    """A file and the ordered list of its sources: the options of the module dataset_file."""

    dest: Path
    sources: list[str]
    sha256: str | None = None
    connect_timeout: int = 10
    python: str = sys.executable  # whose pip knows the package index
    force: bool = False

    def check(self) -> None:
        """Raise LabError for options that cannot work, naming the fix."""
        if self.dest.parent.is_dir() or not self.dest.is_absolute():
            check_dest(self.dest)  # in check mode a role may not have made the directory yet
        if not self.sources:
            raise LabError("sources is empty: name at least one place to fetch the file from")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise LabError(
                f"sha256 {self.sha256!r} is not 64 hexadecimal digits: give what `sha256sum` prints, or leave it out"
            )
        if self.connect_timeout < 1:
            raise LabError(f"connect_timeout {self.connect_timeout} is not a number of seconds above 0")
        for source in self.sources:
            if kind_of(source) not in KINDS:
                raise LabError(
                    f"source {mask(source)!r} is of no known kind: write an https:// or http:// address, an absolute "
                    "path, s3://bucket/key, or pypi:<distribution>==<version>#<file>"
                )
            if kind_of(source) == "pypi":
                try:
                    member_of(source)
                except SourceError as error:
                    raise LabError(f"source {source!r} is {error}") from error
            if kind_of(source) == "s3" and not all(bucket_and_key(source)):
                raise LabError(f"source {source!r} is not of the form s3://<bucket>/<key>")


@dataclass
class DownloadResult:
    """What is there now (in check mode: what would be tried), and why the sources before did not serve."""

    changed: bool
    dest: str
    source: str | None = None
    sha256: str | None = None
    size: int | None = None
    pinned: bool = False
    unavailable: list[dict[str, str]] = field(default_factory=list)
    available: bool = True
    reason: str = ""
    before: dict[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Return values of the module."""
        return {key: value for key, value in asdict(self).items() if key != "before"}


class UnavailableError(LabError):
    """No source gave the file; `unavailable` is a list of {source, reason}."""

    def __init__(self, request: DownloadRequest, unavailable: list[dict[str, str]], *, out_of_reach: bool) -> None:
        """Keep the reasons beside the message, and whether all of them are that the source is out of reach."""
        self.unavailable = unavailable
        self.out_of_reach = out_of_reach
        self.reason = "; ".join(f"{entry['source']}: {entry['reason']}" for entry in unavailable)
        super().__init__(
            f"{request.dest} could not be fetched from any of {len(unavailable)} sources. {self.reason}. "
            "Set `sources` to a place this host can reach, or put the file there by hand as a path in `sources`"
        )
