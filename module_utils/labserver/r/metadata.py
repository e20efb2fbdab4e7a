"""What packages say of themselves: versions, dependencies, DESCRIPTION."""

from __future__ import annotations

import operator
import re
import tarfile
from collections.abc import Iterable
from email import message_from_string
from pathlib import Path

from ..errors import LabError

Constraints = list[tuple[str, str]]
Version = tuple[int, ...]
_COMPARE = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
Dependencies = dict[str, list[tuple[str, str]]]  # package: what its version must fulfil, as (operator, version)


def version_of(text: str) -> Version:
    """Return the parts of an R version, which may stand between points and hyphens."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def parse_dependencies(text: str) -> Dependencies:
    """Return what a dependency field asks: `foreach (>= 1.2), R (>= 4.1)`."""
    dependencies: Dependencies = {}
    for part in text.split(","):
        match = re.match(r"\s*([A-Za-z][A-Za-z0-9.]*)\s*(?:\(\s*([<>=!]+)\s*([0-9][0-9.-]*)\s*\))?", part)
        if match:
            constraints = dependencies.setdefault(match[1], [])
            if match[2]:
                constraints.append((match[2], match[3]))
    return dependencies


def satisfies(version: str, constraints: Iterable[tuple[str, str]]) -> bool:
    """Return whether a version satisfies all of (operator, version)."""
    mine = version_of(version)
    return all(_COMPARE[sign](mine, version_of(other)) for sign, other in constraints if sign in _COMPARE)


def format_constraints(constraints: Constraints) -> str:
    """Return ` (>= 1.2)` and the like."""
    return f" ({', '.join(f'{sign} {version}' for sign, version in constraints)})" if constraints else ""


def parse_fields(text: str) -> dict[str, str]:
    """Return the fields of a DESCRIPTION."""
    return {key: " ".join(value.split()) for key, value in message_from_string(text).items()}


def read_description(archive: Path, name: str) -> dict[str, str]:
    """Read a package's archive to its end, and return its DESCRIPTION; raise LabError when it is not whole."""
    description = ""
    try:
        with tarfile.open(archive, "r:*") as content:
            for member in content:
                if member.name.removeprefix("./") == f"{name}/DESCRIPTION":
                    stream = content.extractfile(member)
                    description = stream.read().decode("utf-8", "replace") if stream else ""
    except (tarfile.TarError, EOFError, OSError) as error:
        raise LabError(f"not a whole archive ({error})") from error
    fields = parse_fields(description)
    if fields.get("Package") != name:
        raise LabError("not an R package: it has no DESCRIPTION of its name")
    return fields
