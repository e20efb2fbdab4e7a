"""Installs packages: the distribution's in one transaction, a repository's in one R process, then sources."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ..errors import LabError
from ..packages import installed
from .diagnosis import (
    FULL_DISK,
    Problem,
    clean_output,
    full_disk,
    tail,
    why_not_fetched,
    why_not_installed,
    why_not_loaded,
)
from .distribution import HOMES, Apt, Distribution
from .locks import clear, discard, library_lock, work_folder
from .metadata import read_description, satisfies, version_of
from .plan import ORIGINS, Choice, Plan
from .process import Offer, QueryResult, RProcess
from .request import PackageRequest, PackageResult
from .sources import AptSources


class Installation:
    """One call of the module."""

    def __init__(self, request: PackageRequest, distribution: Distribution | None, locks: ExitStack) -> None:
        """Begin; `locks` are kept until the end."""
        work, lock = locks.enter_context(work_folder())
        self.request, self.r, self.locks = request, RProcess(request.program, work, [lock]), locks
        self.distribution = distribution if request.distro != "never" else None
        self.locked: set[Path] = set()
        self.rejected: dict[str, Problem] = {}
        self.built: dict[str, Choice] = {}  # what the distribution has installed
        self.logs: dict[str, str] = {}
        self.systems: dict[str, str] = {}  # what packages say of the system libraries they need
        self.not_fetched: dict[str, Problem] = {}
        self.apt_sources = AptSources(work / "sources")

    def query(self, names: Sequence[str], offers: Sequence[str] = (), known: QueryResult | None = None) -> QueryResult:
        """Query R; what a moment ago it was `known` to load, or not to, is not loaded again, which takes long."""
        lines = [("timeout", str(self.request.timeout)), ("type", self.request.kind)]
        lines += [("repository", url) for url in self.request.repositories]
        lines += [("offers", name) for name in offers]
        newest = "yes" if self.request.state == "latest" else None
        settings = (("newest", newest), ("version", self.request.version), ("library", self.request.library))
        lines += [(key, value) for key, value in settings if value]
        if known:
            lines += [("skip", name) for name in (*known.loaded, *known.broken)]
        answer = self.r.query(names, lines)
        if known:
            answer = replace(answer, loaded=known.loaded | answer.loaded, broken=known.broken | answer.broken)
        if answer.home not in HOMES:
            self.distribution = None
        return answer

    def _candidates(self, names: Iterable[str]) -> dict[str, str]:
        names = [name for name in names if name not in self.rejected]
        return self.distribution.candidates(names) if self.distribution and names else {}

    def _is_built(self, copy: Path) -> bool:
        return bool(self.distribution and self.distribution.owners([copy / "DESCRIPTION"]))

    def initial_query(self) -> QueryResult:
        """Query what is installed and, where no distribution is used, at once what repositories offer for the rest."""
        names = self.request.names
        return self.query(names, () if self.distribution or self.request.distro == "only" else names)

    def plan(self, answer: QueryResult, *, refresh: bool) -> Plan:
        """Plan the sources of what is missing; repositories are queried for what the distribution does not offer."""
        request = self.request
        loaded = {name for name, (version, _) in answer.loaded.items() if satisfies(version, request.constraints)}
        open_names = [name for name in request.names if name not in loaded or request.state == "latest"]
        if refresh and self.distribution and open_names:
            self.distribution.refresh()
        candidates = self._candidates(open_names)
        sources: dict[str, Offer | Problem] = {}
        if request.distro != "only":
            missing = [
                name
                for name in open_names
                if request.state == "latest"
                or name not in candidates
                or not satisfies(candidates[name], request.constraints)
            ]
            by_apt = isinstance(self.distribution, Apt)
            described = [request.sources[name] for name in missing if name in request.sources and by_apt]
            if missing:
                needs = {need for source in described for need in source.dependencies}
                answer = answer if answer.queried else self.query(request.names, [*missing, *sorted(needs)], answer)
                others = set(answer.offers) - set(answer.loaded) - set(candidates)
                others |= {need for offers in answer.offers.values() for offer in offers for need in offer.dependencies}
                candidates.update(self._candidates(sorted((others | needs) - set(candidates) - set(answer.loaded))))
            sources = {
                source.name: self.apt_sources.offer(source)
                for source in described
                if source.name not in {**candidates, **answer.offers, **answer.loaded}
            }
        tool = self.distribution.tool if self.distribution else ""
        return Plan(request, answer, candidates, self.rejected, tool, sources)

    def lock(self, library: Path) -> bool:
        """Lock the library and clear what killed installations left; return whether it may have changed."""
        if library in self.locked:
            return False
        try:
            library.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"the library {library} cannot be made ({error.strerror}): set `library`") from error
        if not os.access(library, os.W_OK):
            raise LabError(f"the library {library} cannot be written: run with `become: true`, or set `library`")
        lock, waited = self.locks.enter_context(library_lock(library))
        self.r.locks.append(lock)
        self.locked.add(library)
        return clear(library) or waited

    def install_from_distribution(self, plan: Plan) -> bool:
        """Install what the plan has from the distribution; return whether what failed needs another plan."""
        names = plan.to_install("distribution")
        if not names or self.distribution is None:
            return False
        failed = self.distribution.install(names)
        self.rejected.update(failed)
        for name in set(names) - set(failed):
            self.built[name] = plan.choices[name]
            # a copy in our library, which does not load or is of another version, would be found before the new one
            copy = plan.answer.library / name
            if copy.is_dir() and not self._is_built(copy):
                self.lock(plan.answer.library)
                discard(copy)
        return bool(failed)

    def install_from_repository(self, plan: Plan) -> None:
        """Install what the plan has from repositories and can be downloaded."""
        chosen = (plan.choices[name].offer for name in plan.to_install("repository"))
        offers = [offer for offer in chosen if offer]
        if not offers:
            return
        descriptions = self._fetch(offers)
        for offer in offers:
            culprit = next((other for other in plan.closure([offer.name]) if other in self.not_fetched), None)
            if culprit and culprit != offer.name:
                self.not_fetched[offer.name] = self.not_fetched[culprit].of(culprit)
        names = [offer.name for offer in offers if offer.name not in self.not_fetched]
        if names:
            self._install(names, descriptions, plan.answer.library)

    def install_from_source(self, plan: Plan) -> None:
        """Compile what the plan has from the distribution's sources."""
        for name in plan.to_install("source"):
            source = self.request.sources[name]
            problem = self.distribution.install_packages(source.packages) if self.distribution else None
            folder = problem or self.apt_sources.fetch(source)
            if isinstance(folder, Problem):
                self.not_fetched[name] = folder
                continue
            start = len(self.r.log)
            lines = [("library", str(plan.answer.library)), ("cores", str(self.request.cores)), ("source", str(folder))]
            self.r.run("build", lines)
            self.logs[name] = self.r.log[start:]
            if FULL_DISK.search(self.logs[name]):
                discard(plan.answer.library / name)
            clear(plan.answer.library)

    def _fetch(self, offers: Sequence[Offer]) -> dict[str, dict[str, str]]:
        files = {offer.name: self.r.work / offer.url.rpartition("/")[2] for offer in offers}
        lines = [("fetch", offer.name, offer.url, str(files[offer.name])) for offer in offers]
        if self.request.kind == "source":
            lines.append(("type", "source", "", ""))
        output, ended = self.r.run("fetch", lines)
        complaints = {line[1]: clean_output(line[2]) for line in output if line[0] == "fetched"}
        descriptions: dict[str, dict[str, str]] = {}
        for offer in offers:
            file = files[offer.name]
            try:
                description = read_description(file, offer.name)
            except LabError as error:
                complaint = complaints.get(offer.name) or (tail(ended, 3) if ended else str(error))
                self.not_fetched[offer.name] = why_not_fetched(offer.url, complaint, self.r.work)
                continue
            if self.request.kind == "binary" and "Built" not in description:
                reason = f"the repository gives {offer.name} as source only: set `type: auto` to compile it"
                self.not_fetched[offer.name] = Problem(reason)
            descriptions[offer.name] = {**description, "File": file.name}
        return descriptions

    def _install(self, names: Sequence[str], descriptions: dict[str, dict[str, str]], library: Path) -> None:
        keys = ("Package", "Version", "Depends", "Imports", "LinkingTo", "NeedsCompilation", "File")
        index = ""
        lines = [("library", str(library)), ("cores", str(self.request.cores))]
        for name in names:
            about = descriptions[name]
            index += "".join(f"{key}: {about[key]}\n" for key in keys if about.get(key)) + "\n"
            lines.append(("package", name))
            if "Built" not in about and about.get("NeedsCompilation", "yes") != "no":
                lines.append(("compiled", name))
            self.systems[name] = about.get("SystemRequirements", "")
        (self.r.work / "PACKAGES").write_text(index, encoding="utf-8")
        _, ended = self.r.run("install", lines)
        for name in names:
            file = self.r.work / "logs" / f"{name}.out"
            self.logs[name] = (
                clean_output(file.read_text(encoding="utf-8", errors="replace")) if file.exists() else ended
            )
            if FULL_DISK.search(self.logs[name]) and (library / name).is_dir():
                discard(library / name)  # R only warns of what it could not write: it may load, and yet be incomplete
        clear(library)

    def diagnose(self, name: str, plan: Plan, after: QueryResult) -> Problem | None:
        """Return why a package of the plan does not load, or has another version than planned."""
        if name in self.not_fetched:
            return self.not_fetched[name]
        source, version = plan.choices[name].source, plan.choices[name].version
        loaded = after.loaded.get(name)
        if loaded and (source == "present" or version_of(loaded[0]) == version_of(version)):
            return None
        log = self.logs.get(name, "")
        if loaded and source == "source" and loaded[1] == str(after.library):
            return None  # of Debian's 1.7.4, R's version is 1.7.4.1
        if source in ("repository", "source") and log:
            full = full_disk(log, self.r.work, after.library)
            if full or f"* DONE ({name})" not in log:
                return Problem(full or why_not_installed(name, log, self.systems.get(name, "")))
        if loaded:
            copy = Path(loaded[1]) / name
            # a distribution's version may have parts that R's has not
            if source == "distribution" and not self.request.version and self._is_built(copy):
                return None
            reason = f"version conflict: {name} {loaded[0]} in {loaded[1]} is found before {name} {version}"
            return Problem(f"{reason}: remove it, or set `library`")
        if name in after.broken:
            return Problem(why_not_loaded(name, after.broken[name]))
        by = f"{self.distribution.tool} installed" if self.distribution and source == "distribution" else "R installed"
        return Problem(f"{by} it without a complaint, but R does not find it: see `log`, and .libPaths() in R")


def install_packages(request: PackageRequest, distribution: Distribution | None, *, check: bool) -> PackageResult:
    """Install the packages so that they load, in the requested version; with `check` only report what would be done."""
    with ExitStack() as locks:
        installation = Installation(request, distribution, locks)
        before = installation.initial_query()
        plan = installation.plan(before, refresh=not check)
        after = before
        if not check:
            _record_installation(request, plan, before)
            while installation.install_from_distribution(plan):
                plan = installation.plan(installation.initial_query(), refresh=False)
            ours = [*plan.to_install("repository"), *plan.to_install("source")]
            if ours and installation.lock(before.library):
                plan = installation.plan(installation.initial_query(), refresh=False)
            _record_installation(request, plan, before)
            installation.install_from_repository(plan)
            installation.install_from_source(plan)
            if installation.built or installation.locked:
                after = installation.query(plan.closure(request.names))
        return _result_of(installation, plan, before, after, check=check)


def _record_installation(request: PackageRequest, plan: Plan, before: QueryResult) -> None:
    """Record what is about to be installed; what is installed already belongs to others, and is not recorded."""
    if request.record is None:
        return
    there = {copy.name for copy in before.installed}
    new = {name for origin in ORIGINS for name in plan.to_install(origin)} - there
    known = set(request.record.content.get("installed", []))
    content: dict[str, object] = {"installed": sorted(known | new)}
    compiled_with = [package for name in plan.to_install("source") for package in request.sources[name].packages]
    own = {*compiled_with} - {*installed(compiled_with)} if compiled_with else set()
    packages = sorted(own | {*request.record.content.get("packages", [])})
    if packages:
        content["packages"] = packages
    if content != request.record.content:
        request.record.write(content)


def _result_of(
    installation: Installation, plan: Plan, before: QueryResult, after: QueryResult, *, check: bool
) -> PackageResult:
    request = installation.request
    result = PackageResult(problems={name: problem for name, problem in plan.problems.items() if name in request.names})
    result.library = str(after.library)
    for name in request.names:
        problem = None if check or name in result.problems else _cause(installation, plan, after, name)
        if problem:
            result.problems[name] = problem
        if name in result.problems:
            continue
        choice = installation.built.get(name, plan.choices[name])
        known = after.loaded.get(name) if not check or choice.source == "present" else None
        version, library = known or (choice.version, "" if choice.source == "distribution" else result.library)
        result.packages[name] = {"version": version, "source": choice.source, "library": library}
    pending = [name for origin in ORIGINS for name in plan.to_install(origin)]
    names = {*request.names, *pending}
    result.before = _versions(before, after, names, {*before.broken, *plan.answer.broken})
    result.after = _versions(after, before, names, {*after.broken} if after is not before else {*plan.answer.broken})
    if check:
        result.after.update({name: plan.choices[name].version for name in pending})
    if request.state == "latest" or plan.to_install("repository"):
        passed = "was not queried for newer versions" if request.state == "latest" else "was passed over"
        result.warnings = [
            f"{repository.url} {passed}: {repository.problem}"
            for repository in plan.answer.repositories
            if repository.problem
        ]
    result.log = installation.r.log + (installation.distribution.log if installation.distribution else "")
    return result


def _cause(installation: Installation, plan: Plan, after: QueryResult, name: str) -> Problem | None:
    """Return a package's problem, or that of the one it needs which is the cause of it."""
    mine = installation.diagnose(name, plan, after)
    if mine is None or name in installation.not_fetched:
        return mine
    for other in plan.closure([name])[1:]:
        problem = installation.diagnose(other, plan, after)
        if problem:
            return problem.of(other)
    return mine


def _versions(answer: QueryResult, other: QueryResult, names: set[str], broken: set[str]) -> dict[str, str]:
    """Return the versions of those named that load, and of what is not in both answers alike."""
    mine, theirs = ({copy.name: copy.version for copy in reversed(side.installed)} for side in (answer, other))
    shown = names | {name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)}
    return {name: version for name, version in mine.items() if name in shown - broken}
