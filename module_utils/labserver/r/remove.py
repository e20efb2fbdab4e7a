"""Removes packages: the distribution's by its tool, the others from their libraries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ..packages import dependents, installed
from ..record import Record
from .diagnosis import Problem, tail
from .distribution import Distribution
from .install import Installation
from .locks import discard
from .process import QueryResult
from .request import PackageRequest, PackageResult


def remove(request: PackageRequest, distribution: Distribution | None, *, check: bool) -> PackageResult:
    """Remove packages from the given library, or from all; the distribution's by its tool."""
    with ExitStack() as locks:
        installation = Installation(request, distribution, locks)
        before = installation.query([])
        libraries = [request.library] if request.library else before.paths
        names = _names(request, before)
        copies = {name: _copies(name, libraries) for name in names}
        result = PackageResult(library=str(before.library))
        required = {name: _why_required(name, names, copies[name], before) for name in names}
        result.problems = {name: problem for name, problem in required.items() if problem}
        to_remove = [path for name in names if name not in result.problems for path in copies[name]]
        owners = distribution.owners([path / "DESCRIPTION" for path in to_remove]) if distribution and to_remove else {}
        owned = {path: owners[path / "DESCRIPTION"] for path in to_remove if path / "DESCRIPTION" in owners}
        if request.distro == "never" or os.geteuid() != 0:
            fix = "set `distro: prefer`" if request.distro == "never" else "run with `become: true`"
            for path, package in owned.items():
                result.problems[path.name] = Problem(f"{path} belongs to the distribution's package {package}: {fix}")
            owned = {}
        unowned = [path for path in to_remove if path not in owned and path.name not in result.problems]
        result.before = {path.name: _version_at(before, path) for path in to_remove}
        result.after = {name: version for name, version in result.before.items() if name in result.problems}
        if check:
            return result
        for library in {path.parent for path in unowned}:
            installation.lock(library)
        for path in unowned:
            discard(path)
        if owned and distribution:
            output = distribution.remove(sorted(set(owned.values())))
            for path in owned:
                if path.is_dir():
                    result.problems[path.name] = Problem(f"{distribution.tool} could not remove it: {tail(output, 4)}")
                    result.after[path.name] = result.before[path.name]
        if request.record is not None and not result.problems:
            _remove_requirements(request, request.record, names, libraries, distribution)
        result.log = installation.r.log + (distribution.log if distribution else "")
        return result


def _remove_requirements(
    request: PackageRequest,
    record: Record,
    names: Sequence[str],
    libraries: Sequence[str],
    distribution: Distribution | None,
) -> None:
    """Remove what only the removed packages needed; what others need by now stays, and is removed with those."""
    kept = [name for name in record.content.get("installed", []) if name not in names]
    files = [path / "DESCRIPTION" for name in kept for path in _copies(name, libraries)]
    if distribution and files and request.distro != "never":
        distribution.mark_auto(sorted({*distribution.owners(files).values()}))
    _remove_system_packages(record.content.get("packages", []), distribution)
    record.remove()


def _remove_system_packages(recorded: Sequence[str], distribution: Distribution | None) -> None:
    """Remove what was installed to compile packages, unless somebody has come to need it."""
    own = installed(recorded) if recorded and distribution else []
    if own and distribution and not dependents(own):
        distribution.remove(own)


def _copies(name: str, libraries: Sequence[str]) -> list[Path]:
    return [Path(library) / name for library in libraries if (Path(library) / name).is_dir()]


def _names(request: PackageRequest, answer: QueryResult) -> list[str]:
    """Return what to remove: what is named, or of what is recorded all that nobody else has come to need."""
    if request.record is None:
        return request.names
    names = [name for name in request.record.content.get("installed", []) if name not in _base(answer)]
    libraries = [request.library] if request.library else answer.paths
    while needed := [name for name in names if _why_required(name, names, _copies(name, libraries), answer)]:
        names = [name for name in names if name not in needed]
    return names


def _base(answer: QueryResult) -> set[str]:
    return {copy.name for copy in answer.installed if copy.priority == "base"}


def _version_at(answer: QueryResult, path: Path) -> str:
    at = (copy.version for copy in answer.installed if copy.name == path.name and copy.library == str(path.parent))
    return next(at, "(incomplete)")


def _why_required(name: str, to_remove: Sequence[str], copies: Sequence[Path], answer: QueryResult) -> Problem | None:
    if name in _base(answer):
        return Problem("it is part of R itself: take it out of `name`")
    staying = [copy for copy in answer.installed if copy.name == name and Path(copy.library) / name not in copies]
    needed = sorted(
        {copy.name for copy in answer.installed if name in copy.dependencies and copy.name not in to_remove}
    )
    if copies and needed and not staying:
        return Problem(f"{', '.join(needed)} cannot load without it: add to `name`, or keep it")
    return None
