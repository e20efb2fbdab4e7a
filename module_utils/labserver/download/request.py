"""The file to download, its sources, and the result."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import LabError
from ..files import check_dest
from .address import mask
from .answer import SourceError

KINDS = ("http", "https", "file", "s3", "pypi")
_MEMBER = re.compile(r"pypi:([A-Za-z0-9][\w.-]*)==([A-Za-z0-9][\w.!+-]*)#(.+)")


def member_of(source: str) -> tuple[str, str, str]:
    """Return distribution, version and path inside it of a `pypi:` source, or raise SourceError."""
    match = _MEMBER.fullmatch(source)
    if not match:
        raise SourceError("not of the form pypi:<distribution>==<version>#<path of the file inside it>")
    return match[1], match[2], match[3]


def bucket_and_key(source: str) -> tuple[str, str]:
    """Return the parts of an `s3:` source, or raise SourceError."""
    match = re.fullmatch(r"s3://([^/]+)/(.+)", source, re.DOTALL)
    if not match:
        raise SourceError("not of the form s3://<bucket>/<key>")
    return match[1], match[2]


def path_of(source: str) -> Path:
    """Return the path of a source that is a path or a `file:` address."""
    return Path(url2pathname(urlsplit(source).path)) if source.startswith("file:") else Path(source)


def kind_of(source: str) -> str:
    """Return the scheme of a source; a path is of the kind `file`."""
    return "file" if source.startswith("/") else source.strip().partition(":")[0].lower()


@dataclass(frozen=True)
class DownloadRequest:
    """A file and the ordered list of its sources: the options of the module dataset_file."""

    dest: Path
    sources: list[str]
    sha256: str | None = None
    connect_timeout: int = 10
    python: str = sys.executable  # whose pip knows the package index
    force: bool = False
    # That the folder of dest comes from. With it, a file that somebody put there and that is not the right one is an
    # error, and not replaced.
    variable: str = ""

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
            try:
                if kind_of(source) == "pypi":
                    member_of(source)
                elif kind_of(source) == "s3":
                    bucket_and_key(source)
            except SourceError as error:
                raise LabError(f"source {mask(source)!r} is {error}") from error


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
    identity: str = ""  # of the source, in the record

    def values(self) -> dict[str, Any]:
        """Return the values that the module returns."""
        return {key: value for key, value in asdict(self).items() if key not in ("before", "identity")}

    def diff(self) -> dict[str, Any]:
        """Return the difference that the module shows."""
        after = {"sha256": self.sha256, "size": self.size, "source": self.source}
        return {"before": self.before, "after": after if self.changed else self.before}


class UnavailableError(LabError):
    """No source gave the file; `unavailable` is a list of {source, reason}."""

    def __init__(self, request: DownloadRequest, unavailable: list[dict[str, str]], *, out_of_reach: bool) -> None:
        """Keep the reasons beside the message, and whether all of them are that the source is out of reach."""
        self.unavailable = unavailable
        self.out_of_reach = out_of_reach
        self.reason = "; ".join(f"{entry['source']}: {entry['reason']}" for entry in unavailable)
        remedy = (
            "Set `sources` to a place this host can reach" if out_of_reach else "Correct that, or set other `sources`"
        )
        super().__init__(
            f"{request.dest} could not be fetched from any of {len(unavailable)} sources. {self.reason}. "
            f"{remedy}, or put the file there by hand as a path in `sources`"
        )
