"""The packages of R that a distribution has built: what apt or dnf offers, in one transaction."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .diagnosis import Problem, clean_output, is_unreachable, tail
from .metadata import version_of

HOMES = ("/usr/lib/R", "/usr/lib64/R")  # of the R whose packages these are; another R does not look there


def run(*argv: str, folder: Path | None = None) -> tuple[int, str]:
    """Run a program in English, without a terminal; return its status and all it printed."""
    process = subprocess.run(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en", "DEBIAN_FRONTEND": "noninteractive"},
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
    """A package tool. `names` are R's, `packages` the distribution's."""

    log: str = field(default="", init=False)
    tool: ClassVar[str]
    install_command: ClassVar[Sequence[str]]
    remove_command: ClassVar[Sequence[str]]

    def package(self, name: str) -> str:
        """Return the distribution's name for a package of R."""
        raise NotImplementedError

    def owners(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the distribution's packages that files belong to."""
        raise NotImplementedError

    def _offered(self, packages: Iterable[str]) -> dict[str, str]:
        raise NotImplementedError

    def refresh(self) -> None:
        """Fetch the lists of packages where there are none."""

    def _run(self, *argv: str) -> str:
        status, text = run(*argv)
        self.log += text
        return text or f"exit status {status}" if status else ""

    def candidates(self, names: Iterable[str]) -> dict[str, str]:
        """Return the versions, as R writes them, of those that could be installed."""
        by_package = {self.package(name): name for name in names}
        offered = self._offered(by_package) if by_package else {}
        return {name: offered[package] for package, name in by_package.items() if package in offered}

    def remove(self, packages: Iterable[str]) -> str:
        """Remove packages; return what went wrong."""
        return self._run(*self.remove_command, *packages)

    def mark_auto(self, packages: Sequence[str]) -> None:
        """Mark packages as installed automatically, to be removed with what needs them, where the tool knows that."""

    def install(self, names: Sequence[str]) -> dict[str, Problem]:
        """Install all in one transaction, and one by one when that fails; return what went wrong by R's name."""
        problem = self.install_packages([self.package(name) for name in names])
        if not problem:
            return {}
        if len(names) == 1:
            return {names[0]: problem}
        problems: dict[str, Problem] = {}
        for name in names:
            problems.update(self.install([name]))
        return problems

    def install_packages(self, packages: Sequence[str]) -> Problem | None:
        """Install packages, which have the distribution's names here; return what went wrong."""
        output = clean_output(self._run(*self.install_command, *packages)) if packages else ""
        if not output:
            return None
        errors = "\n".join(line for line in output.splitlines() if re.match(r"(E|W|Err|Error)\b", line))
        last = tail(errors or output, 4)
        if is_unreachable(output):
            return Problem(f"{self.tool} cannot reach the source of {' '.join(packages)}: {last}", unreachable=True)
        return Problem(f"{self.tool} could not install {' '.join(packages)}: {last}")


class Apt(Distribution):
    """Debian and Ubuntu."""

    tool = "apt-get"
    lists = Path("/var/lib/apt/lists")
    command = ("apt-get", "--yes", "--option=DPkg::Lock::Timeout=600")
    # --reinstall, for what is installed and yet on this list has lost files
    install_command = (*command, "install", "--no-install-recommends", "--reinstall")
    remove_command = (*command, "remove")

    def package(self, name: str) -> str:
        """Return the distribution's name for a package of R."""
        return f"r-cran-{name.lower()}"

    def _offered(self, packages: Iterable[str]) -> dict[str, str]:
        _, text = run("apt-cache", "policy", *packages)
        offered = re.findall(r"^(\S+):\n(?: .*\n)*?\s+Candidate: (\d\S*)", text, re.MULTILINE)
        return {package: upstream(version) for package, version in offered}

    def owners(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the distribution's packages that files belong to."""
        _, text = run("dpkg-query", "--search", *map(str, paths))
        lines = (line.rpartition(": ") for line in text.splitlines() if ": /" in line)
        return {Path(path): package.split(":")[0] for package, _, path in lines}

    def mark_auto(self, packages: Sequence[str]) -> None:
        """Mark packages as installed automatically (`apt-mark auto`)."""
        if packages:
            self._run("apt-mark", "auto", *packages)

    def refresh(self) -> None:
        """Fetch the package lists where there are none, for without them nothing is a candidate."""
        if os.geteuid() == 0 and not any(self.lists.glob("*_Packages*")):
            self._run(*self.command, "update")

    def _run(self, *argv: str) -> str:
        output = super()._run(*argv)
        if "dpkg --configure -a" in output:  # what a run left that was killed
            super()._run("dpkg", "--configure", "-a")
            output = super()._run(*argv)
        if "install" in argv and re.search(r"\b404\b", output):  # lists older than the archive
            super()._run(*self.command, "update")
            output = super()._run(*argv)
        return output


class Dnf(Distribution):
    """Fedora, RHEL, Amazon Linux."""

    tool = "dnf"
    install_command = ("dnf", "--assumeyes", "--setopt=install_weak_deps=False", "install")
    remove_command = ("dnf", "--assumeyes", "--setopt=clean_requirements_on_remove=False", "remove")

    def package(self, name: str) -> str:
        """Return the distribution's name for a package of R."""
        return f"R-{name}"

    def _offered(self, packages: Iterable[str]) -> dict[str, str]:
        status, text = run("dnf", "--quiet", "repoquery", "--queryformat=%{name} %{version}\n", *packages)
        versions = [] if status else re.findall(r"^(\S+) (\S+)$", text, re.MULTILINE)
        # one line a version, oldest first or last: the newest counts
        return dict(sorted(versions, key=lambda line: version_of(line[1])))

    def owners(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the distribution's packages that files belong to."""
        owners: dict[Path, str] = {}
        for path in paths:
            status, text = run("rpm", "--query", "--file", "--queryformat=%{name}\n", str(path))
            if not status:
                owners[path] = text.split()[0]
        return owners
