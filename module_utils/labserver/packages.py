"""Packages of the distribution: which are there, and who would miss them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence


def run(*argv: str) -> str:
    """Run a program in English and return what it printed, whatever its status."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en"}
    process = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False)
    return process.stdout.decode("utf-8", "replace") + process.stderr.decode("utf-8", "replace")


def has_dpkg() -> bool:
    """Whether this is Debian's family."""
    return shutil.which("dpkg-query") is not None


def installed(packages: Sequence[str]) -> list[str]:
    """Return those that are installed."""
    if has_dpkg():
        text = run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n", *packages)
        found = set(re.findall(r"^installed (\S+)$", text, re.MULTILINE))
    else:
        found = set(run("rpm", "--query", "--queryformat=%{NAME}\n", *packages).splitlines())
    return [package for package in packages if package in found]


def dependents(packages: Sequence[str]) -> list[str]:
    """Return the packages that people installed and that would go with these."""
    if has_dpkg():
        text = run("apt-get", "--simulate", "remove", *packages)
        others = [name for name in re.findall(r"^Remv (\S+)", text, re.MULTILINE) if name not in packages]
        return sorted(run("apt-mark", "showmanual", *others).split()) if others else []
    # "R-core is needed by (installed) R-foreach-1.5.2-1.noarch"
    text = run("rpm", "--erase", "--test", *packages)
    needed = re.findall(r"is needed by \(installed\) (\S+?)-[^-\s]+-[^-\s]+$", text, re.MULTILINE)
    return sorted({name for name in needed if name not in packages})
