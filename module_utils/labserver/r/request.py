"""The request of one call of module r_package, and its result."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ..errors import LabError
from ..record import Record
from .diagnosis import Problem, clean_output
from .metadata import Dependencies

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]")
_VERSION = re.compile(r"\d+([.-]\d+)+")
_SOURCE = re.compile(r"[a-z0-9][a-z0-9.+-]+")
_ADDRESS = re.compile(r"(https?|file)://\S+")
_LOG = 20_000  # characters of R's output that are returned


@dataclass(frozen=True)
class DistributionSource:
    """Where the distribution's sources hold a package of R that it does not build, and what compiling it takes."""

    name: str
    source: str
    folder: str = "."
    dependencies: Dependencies = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    makevars: str = ""

    def check(self) -> None:
        """Raise LabError for a folder outside of the source, or what is no name of one."""
        folder = PurePosixPath(self.folder)
        if folder.is_absolute() or ".." in folder.parts or not _SOURCE.fullmatch(self.source):
            raise LabError(
                f"`distribution_sources` has source {self.source!r} and folder {self.folder!r} for {self.name}: write"
                " the name of a source package, and a folder within it"
            )


@dataclass(frozen=True)
class PackageRequest:
    """The options of one call of the module."""

    names: list[str]
    state: str = "present"
    version: str | None = None
    library: str | None = None
    repositories: list[str] = field(default_factory=list)
    kind: str = "auto"
    distro: str = "prefer"
    program: str = "R"
    timeout: int = 30
    cores: int = 1
    record: Record | None = None
    sources: dict[str, DistributionSource] = field(default_factory=dict)

    @property
    def constraints(self) -> list[tuple[str, str]]:
        """What the version of a requested package has to fulfil."""
        return [("==", self.version)] if self.version else []

    def check(self) -> None:
        """Raise LabError for what can be seen to be wrong without R."""
        if not self.names or self.timeout < 1:
            raise LabError("`name` must list a package, and `timeout` be 1 or more: set them")
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise LabError(
                    f"invalid package name {name!r}: set `name` to names as in library(), of letters, digits and points"
                )
        if self.version is not None and (len(self.names) != 1 or self.state != "present"):
            raise LabError(
                "`version` is for one package with `state: present`: use one task for each package with a version"
            )
        if self.version is not None and not _VERSION.fullmatch(self.version):
            raise LabError(
                f"invalid `version` {self.version!r}: write it as R packages do, such as 1.7.11.1 or 4.7-1.1"
            )
        for url in self.repositories:
            if not _ADDRESS.fullmatch(url):
                raise LabError(
                    f"`repos` has {clean_output(url)!r}, which is not an address: write https://..., http://... or file:///..."
                )
        for source in self.sources.values():
            source.check()
        if self.library is not None and (not self.library.startswith("/") or re.search(r"[\t\r\n:]", self.library)):
            raise LabError(f"`library` {self.library!r} is not an absolute path without colons: write it from the root")


@dataclass
class PackageResult:
    """What was installed or removed, and what could not be."""

    packages: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    log: str = ""
    library: str = ""

    @property
    def unreachable(self) -> bool:
        """Whether sources out of reach are all that is wrong."""
        return bool(self.problems) and all(problem.unreachable for problem in self.problems.values())

    def reason(self) -> str:
        """Return every package that failed, and why; a reason that several have is given once."""
        names: dict[str, list[str]] = {}
        for name, problem in self.problems.items():
            names.setdefault(problem.reason, []).append(name)
        return "; ".join(f"{', '.join(alike)}: {reason}" for reason, alike in names.items())

    def return_values(self) -> dict[str, object]:
        """Return the module's results."""
        lists = [
            "".join(f"{name} {version}\n" for name, version in sorted(side.items()))
            for side in (self.before, self.after)
        ]
        return {
            "changed": self.before != self.after,
            "available": not self.problems,
            "reason": self.reason(),
            "packages": self.packages,
            "failures": {name: problem.reason for name, problem in self.problems.items() if not problem.unreachable},
            "unavailable": {name: problem.reason for name, problem in self.problems.items() if problem.unreachable},
            "library": self.library,
            "log": self.log[-_LOG:],
            "diff": {"before": lists[0], "after": lists[1]},
        }
