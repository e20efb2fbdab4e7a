"""The first of several review sets that is available."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..download.fetch import download
from ..download.request import DownloadRequest, DownloadResult
from ..errors import LabError


@dataclass(frozen=True)
class SetRequest:
    """What review_set is asked for: descriptions of sets by name, and the names of those to try, in order."""

    path: Path
    sets: Mapping[str, Mapping[str, Any]]
    names: tuple[str, ...]
    in_use: str = ""
    connect_timeout: int = 10
    python: str = sys.executable

    def check(self) -> None:
        """Raise LabError for a set that is not described."""
        missing = sorted(set(self.names) - set(self.sets))
        if missing or not self.names:
            raise LabError(
                f"{', '.join(missing) or 'no review set'} is asked for and not described: describe it (title, file, "
                f"sources), or use {', '.join(self.sets)}"
            )
        for name in self.names:
            absent = sorted({"title", "file", "sources"} - set(self.sets[name]))
            if absent:
                raise LabError(f"the description of the review set {name} has no {', '.join(absent)}: add it")

    def candidates(self) -> tuple[str, ...]:
        """Return the sets to try. A source that answers one day and not the next must not change the set in use."""
        return (self.in_use,) if self.in_use in self.names else self.names


@dataclass
class SetResult:
    """The set that is there, and why those before it are not, by title."""

    name: str = ""
    file: DownloadResult | None = None
    unavailable: dict[str, str] = field(default_factory=dict)


def usable_python(path: str) -> str:
    """Return `path` where it is a program, else the Python that runs this."""
    return path if os.access(path, os.X_OK) and Path(path).is_file() else sys.executable


def download_first(request: SetRequest, *, check: bool = False) -> SetResult:
    """Fetch the first set that is available. Raises LabError, also where anything but the reach is wrong."""
    request.check()
    result = SetResult()
    for name in request.candidates():
        description = request.sets[name]
        sha256 = description.get("sha256")
        download_request = DownloadRequest(
            dest=request.path / description["file"],
            sources=list(description["sources"]),
            sha256=sha256 and sha256.lower(),
            connect_timeout=request.connect_timeout,
            python=request.python,
        )
        file = download(download_request, required=False, check=check)
        if file.available:
            result.name, result.file = name, file
            break
        result.unavailable[description["title"]] = file.reason
    return result
