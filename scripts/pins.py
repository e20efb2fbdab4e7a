"""scripts/lock --outdated: which of the pinned releases have a newer one."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import environment
from machine import ROOT

RSTUDIO = "https://github.com/rstudio/rstudio"
PYTHON = "https://github.com/python/cpython"
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Pin:
    """A release that the project names: of what, which, in which file, and the newest one there is."""

    name: str
    pinned: str
    newest: str
    file: str

    @property
    def outdated(self) -> bool:
        """Whether there is a newer release, as far as is known."""
        return bool(self.newest) and release(self.newest) > release(self.pinned)


def release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, to compare by."""
    return tuple(map(int, NUMBER.findall(version)))


def newest_tag(tags: Iterable[str], pattern: str) -> str:
    """Return the newest of the tags that are releases by the pattern; an empty text where none is."""
    return max((tag for tag in tags if re.fullmatch(pattern, tag)), key=release, default="")


def tags_of(repository: str) -> list[str]:
    """Return the tags of a git repository; none where it cannot be reached."""
    command = ("git", "ls-remote", "--tags", "--refs", repository)
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.rpartition("refs/tags/")[2] for line in listing.splitlines()]


def pins() -> Iterator[Pin]:
    """Yield every pin that is not the range of a Python package."""
    workflow = ".github/workflows/test.yml"
    for action, tag in sorted(set(re.findall(r"uses: (\S+)@v(\S+)", read(workflow)))):
        yield Pin(action, tag, newest_tag(tags_of(f"https://github.com/{action}"), r"v\d+").lstrip("v"), workflow)
    newest = newest_tag(tags_of(PYTHON), r"v\d+\.\d+\.\d+").lstrip("v").rpartition(".")[0]
    tested = max(re.findall(r'python: "([\d.]+)"', read(workflow)), key=release)
    yield Pin("Python of the controller", tested, newest, workflow)
    versions = "roles/rstudio_server/vars/main.yml"
    newest = newest_tag(tags_of(RSTUDIO), r"v\d{4}\.\d+\.\d+\+\d+").lstrip("v")
    for version in re.findall(r"version: (\S+)", read(versions)):
        yield Pin("RStudio Server", version, newest, versions)
    snapshot = "roles/r_base/vars/main.yml"
    newest = dt.datetime.now(dt.UTC).strftime("%Y-%m-01")  # there is one of every day
    day = max(re.findall(r"'(\d{4}-\d{2}-\d{2})'", read(snapshot)))
    yield Pin("Posit's snapshot of CRAN", day, newest, snapshot)


def packages(python: Path, file: str) -> Iterator[Pin]:
    """Yield the outdated Python packages of an environment, as uv finds them in the package index."""
    command = ("uv", "pip", "list", "--outdated", "--format", "json", "--python", str(python))
    listing = subprocess.run(
        command, env=environment.uv_environment(), stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    for package in json.loads(listing):
        yield Pin(package["name"], package["version"], package["latest_version"], file)


def read(file: str) -> str:
    """Return the text of one of the project's files."""
    return (ROOT / file).read_text(encoding="utf-8")


def table(found: Iterable[Pin]) -> str:
    """Return a Markdown table of the pins that are outdated or not known to be."""
    rows = [pin for pin in found if pin.outdated or not pin.newest]
    lines = [f"| {pin.name} | {pin.pinned} | {pin.newest or 'not known: out of reach'} | {pin.file} |" for pin in rows]
    return "\n".join(["| what | pinned | newest | where |", "|---|---|---|---|", *lines])


def outdated() -> str:
    """Return the table of all pins; of the hosts' packages where scripts/test has installed them."""
    found = [*pins(), *packages(Path(environment.python()), "requirements/controller.txt")]
    for name, file in (("lab", "roles/python_venv/files/lab.txt"), ("spark", "roles/spark/files/spark.txt")):
        python = ROOT / ".state" / name / "bin" / "python"
        if python.exists():
            found += packages(python, file)
    return table(found)
