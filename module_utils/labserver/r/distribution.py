"""The packages of R that a distribution has built: what apt or dnf offers, in one transaction."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .diagnosis import Problem, clean_output, is_unreachable, tail

HOMES = ("/usr/lib/R", "/usr/lib64/R")  # of the R whose packages these are; another R does not look there


def run(argv: Sequence[str], **environment: str) -> tuple[int, str]:
    """Run a program in English, without a terminal; return its status and all it printed."""
    process = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en", **environment},
        check=False,
    )
    return process.returncode, process.stdout.decode("utf-8", "replace")


def upstream(version: str) -> str:
    """Return R's version of one of Debian's: of "1:4.7-1.1-1+b2" 4.7-1.1, of "1.14.8+dfsg-1" 1.14.8."""
    without_epoch = version.rpartition(":")[2]
    without_revision = without_epoch.rpartition("-")[0] or without_epoch
    match = re.match(r"[0-9.-]*[0-9]", without_revision)
    return match[0] if match else "0"


def find_distribution() -> Distribution | None:
    """Return the distribution's package tool, None where there is none that we know."""
    if shutil.which("apt-get") and shutil.which("apt-cache"):
        return Apt()
    return Dnf() if shutil.which("dnf") else None


@dataclass
class Distribution:
    """A package tool. `names` are R's."""

    log: str = field(default="", init=False)
    tool = ""

    def package(self, name: str) -> str:
        """Return the distribution's name for a package of R."""
        raise NotImplementedError

    def candidates(self, names: Iterable[str]) -> dict[str, str]:
        """Return the versions, as R writes them, of those that could be installed."""
        raise NotImplementedError

    def owners(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the distribution's packages that files belong to."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Fetch the lists of packages where there are none."""

    def _install(self, packages: Sequence[str]) -> str:
        raise NotImplementedError

    def remove(self, packages: Sequence[str]) -> str:
        """Remove packages of these names; return what went wrong."""
        raise NotImplementedError

    def _run(self, *argv: str, **environment: str) -> str:
        status, text = run(argv, **environment)
        self.log += text
        return text or f"exit status {status}" if status else ""

    def install(self, names: Sequence[str]) -> dict[str, Problem]:
        """Install all in one transaction, and one by one when that fails; return what went wrong by R's name."""
        output = self._install([self.package(name) for name in names])
        if not output:
            return {}
        if len(names) == 1:
            return {names[0]: self._explain(names[0], output)}
        problems: dict[str, Problem] = {}
        for name in names:
            problems.update(self.install([name]))
        return problems

    def _explain(self, name: str, output: str) -> Problem:
        output = clean_output(output)
        errors = "\n".join(line for line in output.splitlines() if re.match(r"(E|W|Err|Error)\b", line))
        last = tail(errors or output, 4)
        if is_unreachable(output):
            return Problem(f"{self.tool} cannot reach the source of {self.package(name)}: {last}", unreachable=True)
        return Problem(f"{self.tool} could not install {self.package(name)}: {last}")


class Apt(Distribution):
    """Debian and Ubuntu."""

    tool = "apt-get"
    lists = Path("/var/lib/apt/lists")

    def package(self, name: str) -> str:
        """Return the distribution's name for a package of R."""
        return f"r-cran-{name.lower()}"

    def candidates(self, names: Iterable[str]) -> dict[str, str]:
        """Return the versions, as R writes them, of those that could be installed."""
        by_package = {self.package(name): name for name in names}
        if not by_package:
            return {}
        _, text = run(["apt-cache", "policy", *by_package])
        offered: dict[str, str] = {}
        package = ""
        for line in text.splitlines():
            if line.endswith(":") and not line.startswith(" "):
                package = line[:-1]
            match = re.match(r"\s+Candidate: (?:\d+:)?(\d[0-9.-]*)", line)
            if match and package in by_package:
                offered[by_package[package]] = upstream(line.split()[1])
        return offered

    def owners(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the distribution's packages that files belong to."""
        _, text = run(["dpkg-query", "--search", *map(str, paths)])
        lines = (line.rpartition(": ") for line in text.splitlines() if ": /" in line)
        return {Path(path): package.split(":")[0] for package, _, path in lines}

    def _apt(self, *arguments: str) -> str:
        command = ["apt-get", "--yes", "--option=DPkg::Lock::Timeout=600", *arguments]
        output = self._run(*command, DEBIAN_FRONTEND="noninteractive")
        if "dpkg --configure -a" in output:  # what a run left that was killed
            self._run("dpkg", "--configure", "-a", DEBIAN_FRONTEND="noninteractive")
            output = self._run(*command, DEBIAN_FRONTEND="noninteractive")
        return output

    def refresh(self) -> None:
        """Fetch the package lists where there are none, for without them nothing is a candidate."""
        if os.geteuid() == 0 and not any(self.lists.glob("*_Packages*")):
            self._apt("update")

    def _install(self, packages: Sequence[str]) -> str:
        # --reinstall, for what is installed and yet on this list has lost files
        arguments = ("install", "--no-install-recommends", "--reinstall", *packages)
        output = self._apt(*arguments)
        if output and re.search(r"\b404\b", output):  # lists older than the archive
            self._apt("update")
            output = self._apt(*arguments)
        return output

    def remove(self, packages: Sequence[str]) -> str:
        """Remove packages of these names; return what went wrong."""
        return self._apt("remove", *packages)


class Dnf(Distribution):
    """Fedora, RHEL, Amazon Linux."""

    tool = "dnf"

    def package(self, name: str) -> str:
        """Return the distribution's name for a package of R."""
        return f"R-{name}"

    def candidates(self, names: Iterable[str]) -> dict[str, str]:
        """Return the versions, as R writes them, of those that could be installed."""
        by_package = {self.package(name): name for name in names}
        if not by_package:
            return {}
        # one line a version, oldest first or last: the newest counts
        status, text = run(["dnf", "--quiet", "repoquery", "--queryformat=%{name} %{version}\n", *by_package])
        offered: dict[str, str] = {}
        for line in [] if status else text.splitlines():
            package, _, version = line.partition(" ")
            name = by_package.get(package)
            if name and _newer(version, offered.get(name, "")):
                offered[name] = version
        return offered

    def owners(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the distribution's packages that files belong to."""
        owners: dict[Path, str] = {}
        for path in paths:
            status, text = run(["rpm", "--query", "--file", "--queryformat=%{name}\n", str(path)])
            if not status:
                owners[path] = text.split()[0]
        return owners

    def _install(self, packages: Sequence[str]) -> str:
        return self._run("dnf", "--assumeyes", "--setopt=install_weak_deps=False", "install", *packages)

    def remove(self, packages: Sequence[str]) -> str:
        """Remove packages of these names; return what went wrong."""
        return self._run("dnf", "--assumeyes", "--setopt=clean_requirements_on_remove=False", "remove", *packages)


def _newer(version: str, than: str) -> bool:
    return [int(part) for part in re.findall(r"\d+", version)] > [int(part) for part in re.findall(r"\d+", than)]
