"""Make one output of one module unless it is up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from ..content.codecs import check_encoder, encoder
from ..content.source import Source
from ..files import check_outputs, check_own_json, replacing
from .manifest import Manifest, manifest_path

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

    def outputs(self) -> dict[str, Path]:
        """Return what is written, by option."""
        progress: str | None = getattr(self, "progress", None)
        made = {"dest": self.dest, "the manifest of dest": manifest_path(self.dest)}
        return {**made, "progress": Path(progress)} if progress else made

    def parameters(self) -> dict[str, Any]:
        """Return what decides the bytes of the output, beside the source."""
        return {}

    def values(self) -> dict[str, Any]:
        """Return what of the request the module returns."""
        return {}

    def produce(self, source: Source) -> Counts:
        """Write the output, whole or not at all; return its counts."""
        raise NotImplementedError

    def warnings(self, counts: Counts) -> list[str]:
        """Return what the user should know of the output that was made."""
        return []

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


def make(request: OutputRequest, *, check: bool = False) -> dict[str, Any]:
    """Make the output unless it is up to date; return the module's result. Raises LabError or OSError."""
    request.check()
    source, dest = Source(request.src), request.dest
    check_outputs(request.outputs(), {"src": source.path}, folder_later=check)
    check_own_json(manifest_path(dest), "module", "the manifest of dest")
    check_encoder(dest)
    source.require_text()
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
    result["warnings"] = [*source.warnings, *request.warnings(counts)] if reason and not check else []
    return {**result, "source_digest": manifest.identity["digest"], **request.values(), **request.unknown, **counts}
