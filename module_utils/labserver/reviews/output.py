"""Make one output of one module unless it is up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from ..errors import LabError
from ..files import check_dest, replacing
from .codecs import check_encoder, encoder
from .manifest import Manifest, manifest_path
from .source import Source

Counts = dict[str, Any]


@dataclass(frozen=True)
class OutputRequest:
    """An output and how it is made; each module has a class of its own, with its options for fields."""

    module: ClassVar[str]
    unknown: ClassVar[Counts]  # what check mode returns where it cannot know

    src: Path
    dest: Path

    def check(self) -> None:
        """Raise LabError for options that cannot work."""

    def parameters(self) -> dict[str, Any]:
        """Return what decides the bytes of the output, beside the source."""
        return {}

    def values(self) -> dict[str, Any]:
        """Return what of the request the module returns."""
        return {}

    def produce(self, source: Source) -> Counts:
        """Write the output, whole or not at all; return its counts."""
        raise NotImplementedError

    def expected(self, known: Counts) -> Counts:
        """Return the counts in check mode from those of an older output of the same source, None where unknown."""
        return known


@contextmanager
def written(dest: Path) -> Iterator[BinaryIO]:
    """Open what the text of `dest` is written to: compressed when its name says so, whole or not at all."""
    encode = encoder(dest)
    with replacing(dest) as part:
        if encode is None:
            yield part
        else:
            with encode(part) as out:
                yield out


def check_output(source: Source, dest: Path) -> None:
    """Raise LabError where `dest` cannot be written, or is the source itself."""
    check_encoder(dest)
    if dest.exists() and dest.samefile(source.path):
        raise LabError(f"src and dest are the same file, {dest}: choose another `dest`")


def make(request: OutputRequest, *, check: bool = False) -> dict[str, Any]:
    """Make the output unless it is up to date; return the module's result. Raises LabError or OSError."""
    request.check()
    source, dest = Source(request.src), request.dest
    if dest.parent.is_dir() or not dest.is_absolute() or not check:
        check_dest(dest)  # in check mode a role may not have made the directory yet
    check_output(source, dest)
    manifest = Manifest(request.module, source, dest, request.parameters())
    reason = manifest.reason()
    if not reason:
        counts = manifest.old["result"]
    elif check:
        known = {key: manifest.known(key) for key in request.unknown}
        counts = request.expected({key: value for key, value in known.items() if value is not None})
    else:
        with manifest.making():
            counts = request.produce(source)
        manifest.write(counts)
    result = {"changed": bool(reason), "reason": reason, "dest": str(dest), "manifest": str(manifest_path(dest))}
    return {**result, "source_digest": manifest.identity["digest"], **request.values(), **request.unknown, **counts}
