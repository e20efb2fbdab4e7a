"""The packages of R within the distribution's source packages, fetched by apt with lists of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .diagnosis import Problem, clean_output, is_unreachable, tail
from .distribution import run, upstream
from .metadata import parse_fields
from .process import Offer
from .request import DistributionSource


def source_lists(etc: Path) -> Iterator[tuple[str, str]]:
    """Yield the files of a host's list of package archives, changed to give the sources of what they give."""
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if path.suffix == ".list":
            lines = re.findall(r"^[ \t]*deb([ \t].*)$", text, re.MULTILINE)
            if lines:
                yield path.name, "".join(f"deb-src{line}\n" for line in lines)
        elif path.suffix == ".sources":
            yield path.name, re.sub(r"^Types:.*", "Types: deb-src", text, flags=re.MULTILINE | re.IGNORECASE)


class AptSources:
    """Sources, trusted as the host's packages are: apt verifies the signature of their index and their checksums."""

    def __init__(self, folder: Path, etc: Path = Path("/etc/apt")) -> None:
        """Begin; the lists are fetched into `folder` when they are needed."""
        self.folder, self.etc, self.updated = folder, etc, ""
        parts, lists = folder / "sources.list.d", folder / "lists"
        self.options = [
            f"--option=Dir::Etc::{key}" for key in (f"sourcelist={folder}/none", f"sourceparts={parts}")
        ] + [
            f"--option=Dir::State::Lists={lists}",
            "--option=Dir::Cache::pkgcache=",
            "--option=Dir::Cache::srcpkgcache=",
        ]
        # its own user may not enter the folder
        self.options.append("--option=APT::Sandbox::User=root")

    def offer(self, source: DistributionSource) -> Offer | Problem:
        """Return the newest version of a source, as R writes it, with what the package in it needs."""
        self._update()
        status, text = self._get("--print-uris", source.source)
        found = re.search(r"^'(\S+)' \S+_(\S+)\.dsc ", text, re.MULTILINE)
        if not status and found:
            return Offer(source.name, upstream(found[2]), found[1], source.dependencies)
        output = clean_output(self.updated)
        if is_unreachable(output):
            return Problem(f"apt-get cannot reach the distribution's sources: {tail(output, 2)}", unreachable=True)
        return Problem(f"the distribution has no source package {source.source}: {tail(text, 1)}")

    def fetch(self, source: DistributionSource) -> Path | Problem:
        """Fetch and unpack a source; return the folder of the package of R, ready to be compiled."""
        place = self.folder / source.source
        place.mkdir()
        status, text = self._get(source.source, folder=place)
        if status:
            output = clean_output(text)
            errors = "\n".join(line for line in output.splitlines() if line.startswith("E:")) or output
            return Problem(f"apt-get could not fetch source {source.source}: {tail(errors, 4)}", is_unreachable(output))
        package = next(path for path in place.iterdir() if path.is_dir()) / source.folder
        description = package / "DESCRIPTION"
        text = description.read_text(encoding="utf-8", errors="replace") if description.is_file() else ""
        if parse_fields(text).get("Package") != source.name:
            return Problem(
                f"{source.folder} in source {source.source} is not the package {source.name}: correct `folder`"
            )
        if source.makevars:
            for name in ("configure", "cleanup"):
                (package / name).unlink(missing_ok=True)
            (package / "src/Makevars").write_text(source.makevars, encoding="utf-8")
        return package

    def _update(self) -> None:
        if self.updated:
            return
        parts = self.folder / "sources.list.d"
        for folder in (parts, self.folder / "lists"):
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in source_lists(self.etc):
            (parts / name).write_text(text, encoding="utf-8")
        self.updated = run("apt-get", *self.options, "update")[1] or "nothing was fetched"

    def _get(self, *arguments: str, folder: Path | None = None) -> tuple[int, str]:
        return run("apt-get", *self.options, "source", "--only-source", *arguments, folder=folder)
