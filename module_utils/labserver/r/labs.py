"""The results of the labs in R: which labs can run, which published results are current."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import LabError
from ..files import read_json, write_json

_LISTS = ("scripts", "data", "requires", "requires_any", "suggests")


@dataclass(frozen=True)
class Lab:
    """A lab: the scripts and data that it reads, R packages that it requires or suggests, and its settings."""

    name: str
    scripts: Sequence[str] = ()
    data: Sequence[str] = ()
    requires: Sequence[str] = ()
    requires_any: Sequence[str] = ()
    suggests: Sequence[str] = ()
    settings: Sequence[Any] = ()

    @classmethod
    def read(cls, name: str, options: object) -> Lab:
        """Check and read a lab as it is given to the module."""
        known = {*_LISTS, "settings"}
        if not isinstance(options, dict) or not known.issuperset(options):
            raise LabError(f"lab {name}: write a mapping of {', '.join(sorted(known))}")
        for key, values in options.items():
            if not isinstance(values, list) or (key in _LISTS and not all(isinstance(item, str) for item in values)):
                raise LabError(f"lab {name}: `{key}` is not a list of names: write it as one")
        return cls(name, **options)


@dataclass(frozen=True)
class LabInputs:
    """What a host has: versions of R and packages, checksums of scripts and data, reasons for data that it lacks."""

    packages: Mapping[str, str]
    scripts: Mapping[str, str]
    data: Mapping[str, str]
    missing_data: Mapping[str, str]
    package_hint: str

    def unavailable(self, lab: Lab) -> str:
        """Return why a lab cannot run, or nothing."""
        missing = [name for name in lab.requires if name not in self.packages]
        if not missing and not any(name in self.packages for name in lab.requires_any):
            missing = list(lab.requires_any)
        if missing:
            return self.package_hint.format(" or ".join(missing))
        return "; ".join(self.missing_data[file] for file in lab.data if file in self.missing_data)

    def key(self, lab: Lab) -> str:
        """Return the name of a result: a digest of everything that it depends on."""
        try:
            files = [self.scripts[name] for name in lab.scripts] + [self.data[name] for name in lab.data]
        except KeyError as error:
            raise LabError(f"lab {lab.name}: no checksum of {error.args[0]}: add it to `scripts` or `data`") from error
        names = ["R", *lab.requires, *lab.requires_any, *lab.suggests]
        packages = {name: self.packages[name] for name in names if name in self.packages}
        parts = json.dumps([files, packages, list(lab.settings)], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()


class LabResults:
    """The labs of a host, in order: why some cannot run, the keys of the others, and their current results."""

    def __init__(self, folder: Path, labs: Sequence[Lab], inputs: LabInputs) -> None:
        """Find out which labs can run, and which published results are current."""
        self.folder = folder
        self.keys: dict[str, str] = {}
        self.unavailable: dict[str, str] = {}
        self.results: dict[str, dict[str, Any]] = {}
        for lab in labs:
            reason = inputs.unavailable(lab)
            if reason:
                self.unavailable[lab.name] = reason
                continue
            self.keys[lab.name] = inputs.key(lab)
            result = read_json(self.path(lab.name))
            if result.get("key") == self.keys[lab.name]:
                self.results[lab.name] = result
        for lab in labs:
            for name in [*lab.requires_any, *lab.suggests]:
                if name not in inputs.packages:
                    self.unavailable[name] = inputs.package_hint.format(name)

    def path(self, name: str) -> Path:
        """Return the file of a lab's result."""
        return self.folder / f"{name}.json"

    def publish(self, name: str, text: str, *, check: bool) -> None:
        """Publish what a lab has written as its result under its key."""
        try:
            result = json.loads(text)
        except ValueError as error:
            raise LabError(f"lab {name} has written no JSON ({error}): run it by hand to see why") from error
        if not isinstance(result, dict):
            raise LabError(f"lab {name} has written no JSON object: run it by hand to see why")
        if name not in self.keys:
            raise LabError(f"lab {name} cannot be published: {self.unavailable.get(name, 'add it to `labs`')}")
        self.results[name] = {**result, "key": self.keys[name]}
        if not check:
            write_json(self.path(name), self.results[name])
            self.path(name).chmod(0o644)
