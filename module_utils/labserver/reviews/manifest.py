"""The manifest beside an output: what it was made from and how, so that it is made again only when that changed."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..content.codecs import gzip_engine
from ..content.source import Source
from ..files import read_json, write_json

FORMAT = 3  # raised when the same parameters give another output


@dataclass
class Manifest:
    """One output of one module: its source and the parameters that decide its bytes."""

    module: str
    source: Source
    dest: Path
    parameters: dict[str, Any]
    identity: dict[str, Any] = field(init=False)
    old: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Read what is there."""
        self.identity = self.source.identity()
        self.parameters = json.loads(json.dumps(self.parameters))  # tuples as they come back
        self.old = read_json(manifest_path(self.dest))

    def reason(self) -> str:
        """Return why the output has to be made (again); empty when it is up to date."""
        if not self.dest.exists():
            return "dest does not exist"
        if not self.old:
            return "dest has no manifest"
        if (self.old.get("module"), self.old.get("format")) != (self.module, FORMAT):
            return "dest was made by another module or version"
        before = self.old.get("parameters", {})
        changes = [
            f"{name} changed from {json.dumps(before.get(name))} to {json.dumps(value)}"
            for name, value in self.parameters.items()
            if before.get(name) != value
        ]
        if not self._same_source():
            changes.append("src changed")
        if self.old.get("output") != Source(self.dest).identity():
            changes.append("dest was changed by something else")
        return ", ".join(changes)

    def _same_source(self) -> bool:
        source = self.old.get("source", {})
        return all(source.get(key) == value for key, value in self.identity.items())

    def known(self, name: str) -> Any:
        """Return a result of the old run when it was of the same source, else None."""
        return self.old.get("result", {}).get(name) if self._same_source() else None

    @contextmanager
    def making(self) -> Iterator[None]:
        """Write a manifest before the output is made: it marks the output as ours also where the run is killed."""
        path = manifest_path(self.dest)
        if not path.exists():
            write_json(path, {"module": self.module})
        try:
            yield
        except BaseException:
            if not self.old:
                path.unlink(missing_ok=True)
            raise

    def write(self, result: dict[str, Any]) -> None:
        """Record a finished output and its counts."""
        write_json(
            manifest_path(self.dest),
            {
                "module": self.module,
                "format": FORMAT,
                "source": {"path": str(self.source.path), **self.identity},
                "parameters": self.parameters,
                "output": Source(self.dest).identity(),
                "result": result,
                "versions": {"python": platform.python_version(), "gzip": gzip_engine().__name__},
            },
        )


def manifest_path(dest: Path) -> Path:
    """Return the path of the manifest of `dest`."""
    return dest.parent / f"{dest.name}.manifest.json"


class ProgressFile:
    """Writes how far a long run is to a file, at most once a second, for whoever waits for it."""

    def __init__(self, path: str | None = None) -> None:
        """Without a path nothing is written."""
        self._path = Path(path) if path else None
        self._start = time.monotonic()
        self._due = self._start

    def __call__(self, done: int, size: int) -> None:
        """Take note of bytes read and bytes of the source."""
        if time.monotonic() >= self._due:
            self._write(done, size, min(99, 100 * done // size if size else 0))
            self._due = time.monotonic() + 1

    def finish(self, source: Source) -> None:
        """Write that the run is at its end."""
        self._write(source.done, source.size, 100)

    def _write(self, done: int, size: int, percent: int) -> None:
        if self._path is not None:
            seconds = round(time.monotonic() - self._start, 1)
            state = {"bytes": done, "size": size, "percent": percent, "seconds": seconds, "finished": percent == 100}
            write_json(self._path, state)
