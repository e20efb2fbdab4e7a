"""Packages of R that the tests write themselves, and a repository of them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.support.modules import Page

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="no Rscript on PATH: install r-base-dev")
GOOD = ["labgood", "labneeds", "labcxx", "labfortran"]

NAMESPACE = "export(answer)\n"
FUNCTION = "answer <- function() 42\n"
CXX = """#include <Rinternals.h>
#include <string>
extern "C" SEXP length_of(SEXP text) {
  return Rf_ScalarInteger(std::string(CHAR(STRING_ELT(text, 0))).size());
}
"""
FORTRAN = """      subroutine twice(x)
      double precision x
      x = 2 * x
      end
"""
PACKAGES: dict[str, dict[str, str]] = {
    "labgood": {},
    "labneeds": {"Imports": "labgood (>= 1.0), labbase", "R/": "answer <- function() labgood::answer()\n"},
    "labbase": {},
    "labplain": {},
    "labother": {},
    "labmore": {},
    "labcxx": {"src/length.cpp": CXX, "R/": 'answer <- function() .Call("length_of", "abc", PACKAGE = "labcxx")\n'},
    "labfortran": {
        "src/twice.f": FORTRAN,
        "R/": 'answer <- function() .Fortran("twice", x = 21, PACKAGE = "labfortran")$x\n',
    },
    "labcompile": {"src/wrong.c": "int main(void) { return undeclared_thing; }\n"},
    "labheader": {"src/wrong.c": "#include <no_such_library.h>\n", "SystemRequirements": "libnosuch (>= 2)"},
    "labload": {"R/": FUNCTION + '.onLoad <- function(...) stop("the moon is not full")\n'},
    "labnewer": {"Depends": "R (>= 99.0)"},
    "lababove": {"Imports": "labcompile"},
    "labdangling": {"Imports": "labnowhere"},
    "labconflict": {"Imports": "labgood (>= 9.0)"},
}


def write(folder: Path, name: str, version: str = "1.0", **parts: str) -> Path:
    """Write a source package; `parts` are fields of its DESCRIPTION, files by their path, or `R/`, its code."""
    fields = {"Package": name, "Version": version, "Title": "A Package of the Tests", "License": "MIT"}
    fields.update({"Description": "Nothing.", "Author": "labserver", "Maintainer": "labserver <a@example.org>"})
    files = {path: text for path, text in parts.items() if ("/" in path and path != "R/") or path == "configure"}
    fields.update({key: text for key, text in parts.items() if "/" not in key and key != "configure"})
    sources = any(path.startswith("src/") for path in files)
    fields["NeedsCompilation"] = "yes" if sources else "no"
    files["R/code.R"] = parts.get("R/", FUNCTION)
    files["NAMESPACE"] = NAMESPACE + (f"useDynLib({name})\n" if sources else "")
    files["DESCRIPTION"] = "".join(f"{key}: {text}\n" for key, text in fields.items())
    archive = folder / f"{name}_{version}.tar.gz"
    with tarfile.open(archive, "w:gz") as content:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            member.mode = 0o755 if path == "configure" else 0o644
            content.addfile(member, io.BytesIO(text.encode()))
    return archive


def index(repository: Path) -> None:
    """Write the index of the packages in a repository's src/contrib."""
    code = 'invisible(tools::write_PACKAGES(commandArgs(TRUE), type = "source", latestOnly = FALSE))'
    subprocess.run(["Rscript", "-e", code, str(repository / "src/contrib")], check=True, capture_output=True)


def repository(folder: Path, *names: str) -> Path:
    """Make a repository of some packages of the tests, of all when none is named."""
    contrib = folder / "src/contrib"
    contrib.mkdir(parents=True)
    for name in names or PACKAGES:
        write(contrib, name, **PACKAGES[name])
    index(folder)
    return folder


def pages(repository: Path) -> dict[str, Page]:
    """Return what a server of a repository answers."""
    contrib = repository / "src/contrib"
    return {f"/src/contrib/{file.name}": Page(file.read_bytes()) for file in contrib.iterdir() if file.is_file()}


APT = """#!/bin/sh
# A stand-in for apt-get, apt-cache and dpkg-query: "packages" are folders of {offered}, installed into {site}
echo "$(basename "$0") $*" >>{log}
case "$(basename "$0") $1" in
  "apt-cache policy")
    shift
    for package; do
      [ -d {offered}/$package ] || continue
      printf '%s:\\n  Installed: (none)\\n  Candidate: %s\\n' "$package" "$(cat {offered}/$package/version)"
    done ;;
  "dpkg-query --search")
    shift
    for file; do
      name=$(basename "$(dirname "$file")")
      case $file in {site}/*) echo "r-cran-$name: $file" ;; *) echo "dpkg-query: no path found" >&2; status=1 ;; esac
    done
    exit ${{status:-0}} ;;
  apt-get*)
    for argument; do
      case $argument in
        remove) doing=remove ;; update) doing=update ;; source) doing=fetch ;; --print-uris) doing=uris ;;
        r-cran-*) packages="$packages $argument" ;; *) last=$argument ;;
      esac
    done
    [ "$doing" != update ] || {{ cat {offered}/update 2>/dev/null; exit 0; }}
    case $doing in fetch|uris)
      [ -d {offered}/source-$last ] || {{ echo "E: Unable to find a source package for $last"; exit 100; }}
      [ $doing = fetch ] || {{ echo "'http://deb.example.org/$last.dsc' ${{last}}_1.0-1.dsc 9 SHA256:0"; exit 0; }}
      cp -r {offered}/source-$last "$last-1.0"; exit 0 ;;
    esac
    for package in $packages; do
      [ ! -e {offered}/$package/fails ] || {{ cat {offered}/$package/fails; exit 100; }}
    done
    for package in $packages; do
      if [ "$doing" = remove ]; then rm -r {site}/${{package#r-cran-}}; else cp -r {offered}/$package/R/. {site}; fi
    done ;;
esac
"""


class StandInApt:
    """Programs of apt's names in a folder, which install R packages that were built before."""

    def __init__(self, folder: Path, built: Path) -> None:
        self.bin, self.site, self.offered, self.log = (folder / name for name in ("bin", "site", "offered", "log"))
        self.built = built
        for path in (self.bin, self.site, self.offered):
            path.mkdir(parents=True)
        script = APT.format(offered=self.offered, site=self.site, log=self.log)
        for name in ("apt-get", "apt-cache", "apt-mark", "dpkg-query"):
            (self.bin / name).write_text(script)
            (self.bin / name).chmod(0o755)

    def offer(self, *names: str, version: str = "1.0-1", fails: str = "") -> None:
        """Offer a package with what it needs, which is `names`; it fails with words where some are given."""
        package = self.offered / f"r-cran-{names[0].lower()}"
        for name in names:
            shutil.copytree(self.built / name, package / "R" / name)
        (package / "version").write_text(version)
        if fails:
            (package / "fails").write_text(f"{fails}\n")

    def offer_source(self, source: str, name: str, folder: str, **parts: str) -> Path:
        """Offer a source package that holds a package of R in a folder; return its tree."""
        tree = self.offered / f"source-{source}"
        tree.mkdir()
        with tarfile.open(write(tree, name, **parts)) as archive:
            archive.extractall(tree)
        (tree / folder).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).rename(tree / folder)
        return tree

    def calls(self, program: str) -> list[str]:
        """Return the arguments that a program was called with, and forget them."""
        said = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [line.partition(" ")[2] for line in said if line.startswith(f"{program} ")]


class Run(Protocol):
    """Runs the module; the fixture `run_module` cannot, for it has an option `name` of its own."""

    def __call__(self, *, check: bool = False, diff: bool = False, **options: object) -> dict[str, Any]: ...


def options(library: Path, repository: Path | str, *names: str, **more: Any) -> dict[str, Any]:
    repos = repository.as_uri() if isinstance(repository, Path) else repository
    return {"name": list(names), "library": library, "repos": repos, "distro": "never", **more}


def answer(library: Path, name: str) -> str:
    """Return what a package's function gives in an R of its own."""
    code = f"cat({name}::answer())"
    environment = {**os.environ, "R_LIBS": str(library)}
    done = subprocess.run(["Rscript", "-e", code], check=True, capture_output=True, text=True, env=environment)
    return done.stdout


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does, however busy the machine is."""
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in 10 minutes"
        time.sleep(0.05)
