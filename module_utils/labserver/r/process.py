"""R as a program that is queried: one fixed program, a file of fields in, a file of fields out."""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import LabError
from .diagnosis import clean_output, tail
from .metadata import Dependencies, parse_dependencies
from .program import PROGRAM


@dataclass(frozen=True)
class Installed:
    """A package in a library, whether or not it loads."""

    name: str
    version: str
    library: str
    priority: str
    dependencies: Dependencies


@dataclass(frozen=True)
class Offer:
    """A version of a package that a repository has."""

    name: str
    version: str
    url: str
    dependencies: Dependencies


@dataclass(frozen=True)
class Repository:
    """A repository that was queried: the HTTP status of its index where there is one, and what went wrong."""

    url: str
    status: str
    problem: str


@dataclass(frozen=True)
class QueryResult:
    """What R output."""

    version: str
    home: str
    library: Path
    paths: list[str]
    installed: list[Installed]
    loaded: dict[str, tuple[str, str]]  # name: version, library
    broken: dict[str, str]  # name: why it does not load
    queried: bool  # whether repositories were
    repositories: list[Repository]
    offers: dict[str, list[Offer]]
    alike: dict[str, str]  # name: the one that differs in its capitals

    @classmethod
    def read(cls, output: Iterable[Sequence[str]], crashed: dict[str, str]) -> QueryResult:
        """Read the lines of fields, and take in which packages made R crash."""
        lines: dict[str, list[list[str]]] = defaultdict(list)
        for kind, *fields in output:
            lines[kind].append(fields)
        version, home, library = lines["r"][0] if lines["r"] else ("", "", "")
        offers: dict[str, list[Offer]] = defaultdict(list)
        for name, offered, url, dependencies in lines["offer"]:
            offers[name].append(Offer(name, offered, url, parse_dependencies(dependencies)))
        return cls(
            version=version,
            home=home,
            library=Path(library),
            paths=[path for (path,) in lines["path"]],
            installed=[
                Installed(name, installed, place, priority, parse_dependencies(dependencies))
                for name, installed, place, priority, dependencies in lines["installed"]
            ],
            loaded={name: (loaded, place) for name, loaded, place in lines["loaded"]},
            broken={**dict(lines["broken"]), **crashed},
            queried=bool(lines["queried"]),
            repositories=[Repository(*map(clean_output, line)) for line in lines["repository"]],
            offers=dict(offers),
            alike=dict(lines["alike"]),
        )


@dataclass
class RProcess:
    """An R program, a folder to work in, and the locks its processes keep as long as they live."""

    program: str
    work: Path
    locks: list[int]
    log: str = ""
    runs: int = 0

    def run(self, do: str, lines: Iterable[Sequence[str]]) -> tuple[list[list[str]], str]:
        """Run the driver once; return its lines, and what R printed when it did not come to its end."""
        self.runs += 1
        script, input_file, output, printed = (self.work / f"{self.runs}.{name}" for name in ("R", "in", "out", "log"))
        script.write_text(PROGRAM, encoding="utf-8")
        fields = [("do", do), ("folder", str(self.work)), *lines]
        input_file.write_text("".join("\t".join(line) + "\n" for line in fields), encoding="utf-8")
        output.touch()
        options = ["--no-echo", "--no-restore", "--no-save", f"--file={script}", "--args"]
        if Path(self.program).name == "Rscript":
            options = [str(script)]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en", "TMPDIR": str(self.work)}
        with printed.open("wb") as log:
            process = subprocess.run(
                [self.program, "--no-init-file", *options, str(input_file), str(output)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.work,
                pass_fds=self.locks,
                umask=0o022,  # others load what root installs
                check=False,
            )
        text = clean_output(printed.read_text(encoding="utf-8", errors="replace"))
        self.log += text
        answer = [line.split("\t") for line in output.read_text(encoding="utf-8", errors="replace").splitlines()]
        return answer, "" if process.returncode == 0 else text or f"exit status {process.returncode}"

    def query(self, names: Sequence[str], lines: Sequence[Sequence[str]]) -> QueryResult:
        """Query what is installed, what of `names` loads, and (by `lines`) what repositories offer.

        A package that takes its R process down with it is named by the line that was begun; R is queried again without.
        """
        crashed: dict[str, str] = {}
        while True:
            packages = [("package", name) for name in names] + [("skip", name) for name in crashed]
            output, problem = self.run("query", [*lines, *packages])
            if output and output[-1][0] == "loading":
                crashed[output[-1][1]] = f"R ended while it was loaded: {tail(problem, 5)}"
            elif problem:
                raise LabError(f"R ({self.program}) could not say what is installed: {tail(problem)}")
            else:
                break
        return QueryResult.read(output, crashed)
