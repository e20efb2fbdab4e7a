"""R as a program that is queried: one fixed program, a file of fields in, a file of fields out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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


@dataclass
class QueryResult:
    """What R output."""

    version: str = ""
    home: str = ""
    library: Path = Path()
    paths: list[str] = field(default_factory=list)
    installed: list[Installed] = field(default_factory=list)
    loaded: dict[str, tuple[str, str]] = field(default_factory=dict)  # name: version, library
    broken: dict[str, str] = field(default_factory=dict)  # name: why it does not load
    queried: bool = False  # whether repositories were
    repositories: list[Repository] = field(default_factory=list)
    offers: dict[str, list[Offer]] = field(default_factory=dict)
    alike: dict[str, str] = field(default_factory=dict)  # name: the one that differs in its capitals

    def read(self, line: Sequence[str]) -> None:
        """Read one line of fields."""
        kind, *rest = line
        if kind == "r":
            self.version, self.home, self.library = rest[0], rest[1], Path(rest[2])
        elif kind == "path":
            self.paths.append(rest[0])
        elif kind == "installed":
            self.installed.append(Installed(rest[0], rest[1], rest[2], rest[3], parse_dependencies(rest[4])))
        elif kind == "loaded":
            self.loaded[rest[0]] = (rest[1], rest[2])
        elif kind == "broken":
            self.broken[rest[0]] = rest[1]
        elif kind == "queried":
            self.queried = True
        elif kind == "repository":
            self.repositories.append(Repository(clean_output(rest[0]), rest[1], clean_output(rest[2])))
        elif kind == "offer":
            self.offers.setdefault(rest[0], []).append(Offer(rest[0], rest[1], rest[2], parse_dependencies(rest[3])))
        elif kind == "alike":
            self.alike[rest[0]] = rest[1]


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
        answer = QueryResult()
        for line in output:
            answer.read(line)
        answer.broken.update(crashed)
        return answer
