"""Packages of R: which come from where, and what stood in the way of those that do not load."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.r_distribution import HOMES, Distribution, Problem
from ansible.module_utils.labserver.r_driver import (
    Answer,
    Offer,
    R,
    Repository,
    description_of,
    fulfils,
    mask,
    tail,
    temporary,
    version_of,
    work_folder,
)

LOCK_WAIT = 600  # seconds, for another R that is installing
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]")
_VERSION = re.compile(r"\d+([.-]\d+)+")
_ADDRESS = re.compile(r"(https?|file)://\S+")
_LOG = 20_000  # characters of R's output that are returned
_FULL = re.compile(
    r"no space left|disk quota exceeded|not enough free space|don't have enough free space", re.IGNORECASE
)
_AWAY = re.compile(
    r"could not resolve|couldn't connect|failed to connect|connection refused|connection timed out|timeout was reached|"
    r"no route to host|network is unreachable|couldn't resolve",
    re.IGNORECASE,
)

Wants = list[tuple[str, str]]


@dataclass(frozen=True)
class Wish:
    """What the user asked for."""

    names: list[str]
    state: str = "present"
    version: str | None = None
    library: str | None = None
    repositories: list[str] = field(default_factory=list)
    kind: str = "auto"
    distro: str = "prefer"
    program: str = "R"
    timeout: int = 30
    cores: int = 1

    def check(self) -> None:
        """Raise LabError for what can be seen to be wrong without R."""
        if not self.names or self.timeout < 1:
            raise LabError("`name` needs a package, and `timeout` a second at least: set them")
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise LabError(
                    f"invalid package name {name!r}: set `name` to names as in library(), of letters, digits and points"
                )
        if self.version is not None and (len(self.names) != 1 or self.state != "present"):
            raise LabError(
                "`version` is for one package with `state: present`: use one task for each package with a version"
            )
        if self.version is not None and not _VERSION.fullmatch(self.version):
            raise LabError(
                f"invalid `version` {self.version!r}: write it as R packages do, such as 1.7.11.1 or 4.7-1.1"
            )
        for url in self.repositories:
            if not _ADDRESS.fullmatch(url):
                raise LabError(
                    f"`repos` has {mask(url)!r}, which is not an address: write https://..., http://... or file:///..."
                )
        if self.library is not None and (not self.library.startswith("/") or re.search(r"[\t\r\n:]", self.library)):
            raise LabError(f"`library` {self.library!r} is not an absolute path without colons: write it from the root")


@dataclass
class Outcome:
    """What came of it."""

    packages: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    log: str = ""
    library: str = ""

    def facts(self) -> dict[str, object]:
        """Return the module's results."""
        lists = [
            "".join(f"{name} {version}\n" for name, version in sorted(side.items()))
            for side in (self.before, self.after)
        ]
        return {
            "changed": self.before != self.after,
            "packages": self.packages,
            "failures": {name: problem.reason for name, problem in self.problems.items() if not problem.away},
            "unavailable": {name: problem.reason for name, problem in self.problems.items() if problem.away},
            "library": self.library,
            "log": self.log[-_LOG:],
            "diff": {"before": lists[0], "after": lists[1]},
        }


def needing(wants: Wants) -> str:
    """Return ` (>= 1.2)` and the like."""
    return f" ({', '.join(f'{operator} {version}' for operator, version in wants)})" if wants else ""


def is_away(repository: Repository) -> bool:
    """Tell a repository that is out of reach from an address that is wrong."""
    if not repository.problem or repository.url.startswith("file:"):
        return False
    # 501 says no more than that it does not answer to HEAD
    return bool(re.fullmatch(r"|403|407|429|5(?!01)\d\d", repository.status))


@dataclass(frozen=True)
class Choice:
    """Where a package comes from (V(present), V(distribution) or V(repository)), in which version."""

    source: str
    version: str
    offer: Offer | None = None


class Plan:
    """For each package that is asked for, or needed by one, where it comes from, or why it cannot be had."""

    def __init__(
        self, wish: Wish, answer: Answer, candidates: dict[str, str], barred: dict[str, Problem], tool: str
    ) -> None:
        """Decide."""
        self.wish, self.answer, self.candidates, self.barred, self.tool = wish, answer, candidates, barred, tool
        self.base = {"R", *(copy.name for copy in answer.installed if copy.priority == "base")}
        self.choices: dict[str, Choice] = {}
        self.problems: dict[str, Problem] = {}
        wants: dict[str, Wants] = {name: [("==", wish.version)] if wish.version else [] for name in wish.names}
        queue = list(wish.names)
        while queue:  # ends: a name comes again only with a new want, and packages have finitely many
            name = queue.pop(0)
            choice = self._choose(name, wants[name])
            if isinstance(choice, Problem):
                self.problems[name] = choice
            else:
                self.choices[name] = choice
                self.problems.pop(name, None)
                queue += self._ask_for_needs(name, wants)
        for name in wish.names:
            for other in self.closure([name]):
                if other in self.problems and name not in self.problems:
                    self.problems[name] = self.problems[other].of(other)

    def _ask_for_needs(self, name: str, wants: dict[str, Wants]) -> list[str]:
        """Add to the wants what a package needs; return what is to be chosen anew.

        A need that cannot be met is the problem of the one that has it, not of those that live with less.
        """
        fresh = []
        for other, further in self.needs(name).items():
            new = [want for want in further if want not in wants.get(other, [])]
            if other in wants and not new:
                continue
            together = [*wants.get(other, []), *new]
            choice = self._choose(other, together)
            if isinstance(choice, Problem):
                self.problems[name] = choice.of(f"{other}{needing(together)}")
                return []
            wants[other] = together
            fresh.append(other)
        return fresh

    def needs(self, name: str) -> dict[str, Wants]:
        """Return what a package that comes from a repository needs, without R and its base."""
        choice = self.choices.get(name)
        needs = choice.offer.needs if choice and choice.offer else {}
        return {other: wants for other, wants in needs.items() if other not in self.base}

    def closure(self, names: Iterable[str]) -> list[str]:
        """Return packages and all that they need."""
        found: list[str] = []
        queue = list(names)
        while queue:
            name = queue.pop(0)
            if name not in found:
                found.append(name)
                queue.extend(self.needs(name))
        return found

    def to_install(self, source: str) -> list[str]:
        """Return what is to come from a source, for those packages that can be had."""
        wanted = self.closure(name for name in self.wish.names if name not in self.problems)
        return [name for name in wanted if self.choices[name].source == source]

    def _choose(self, name: str, wants: Wants) -> Choice | Problem:
        current = self.answer.loaded.get(name, ("", ""))[0]
        newest = self.wish.state == "latest" and name in self.wish.names
        if current and not newest and fulfils(current, wants):
            return Choice("present", current)
        built = self.candidates.get(name, "")
        if not fulfils(built, wants):
            built = ""
        offers = [
            offer
            for offer in self.answer.offers.get(name, [])
            if fulfils(offer.version, wants) and fulfils(self.answer.version, offer.needs.get("R", []))
        ]
        offer = max(offers, key=lambda offer: version_of(offer.version), default=None)
        if built and offer and newest and version_of(built) < version_of(offer.version):
            built = ""
        best = built or (offer.version if offer else "")
        if current and fulfils(current, wants) and version_of(best) <= version_of(current):
            return Choice("present", current)
        if built and os.geteuid() != 0:
            root = "installs packages for root only: run with `become: true`, or set `distro: never`"
            return Problem(f"{self.tool} {root}")
        if built:
            return Choice("distribution", built)
        return Choice("repository", offer.version, offer) if offer else self._why_not(name, wants)

    def _why_not(self, name: str, wants: Wants) -> Problem:
        asked = f"{name}{needing(wants)}"
        if name in self.barred:
            built = self.barred[name].reason
        elif name in self.candidates:
            built = f"the distribution has {name} {self.candidates[name]}"
        elif self.tool and self.wish.distro != "never":
            built = "the distribution has no package of it"
        else:
            built = ""
        if self.wish.distro == "only":
            return Problem(
                f"{built or 'there is no apt-get or dnf here for this R'}: set `distro: prefer`",
                self._barred_away(name),
            )
        also = f" ({built})" if built else ""
        offers = self.answer.offers.get(name, [])
        if offers:
            return Problem(self._no_version(name, asked, wants, offers) + also)
        repositories = self.answer.repositories
        if not repositories:
            return Problem(f"no repository is set{also}: set `repos`, or run role r_base")
        away = [repository for repository in repositories if is_away(repository)]
        if away:
            told = "; ".join(f"{repository.url}: {self._said(repository)}" for repository in away)
            reason = f"the repository is out of reach: {told}{also}: check the network and proxy, or set `repos`"
            return Problem(reason, away=name not in self.barred or self.barred[name].away)
        wrong = [repository for repository in repositories if repository.problem]
        if wrong:
            told = "; ".join(f"{repository.url}: {self._said(repository)}" for repository in wrong)
            return Problem(
                f"there is no index of packages at {told}{also}: set `repos` to the address above src/contrib"
            )
        alike = self.answer.alike.get(name)
        hint = f"did you mean {alike}?" if alike else "check its spelling, or set `repos`"
        urls = ", ".join(repository.url for repository in repositories)
        return Problem(f"unknown package: no package of this name in {urls}{also}: {hint}")

    def _barred_away(self, name: str) -> bool:
        return name in self.barred and self.barred[name].away

    @staticmethod
    def _said(repository: Repository) -> str:
        refused = re.fullmatch(r"4(?!05)\d\d|5(?!01)\d\d", repository.status)
        return f"HTTP status {repository.status}" if refused else repository.problem

    def _no_version(self, name: str, asked: str, wants: Wants, offers: Sequence[Offer]) -> str:
        fitting = [offer for offer in offers if fulfils(offer.version, wants)]
        if fitting:
            newest = max(fitting, key=lambda offer: version_of(offer.version))
            return (
                f"{name} {newest.version} needs R{needing(newest.needs['R'])}, this is R {self.answer.version}: "
                f"set `version` to an older release of {name}, or install a newer R"
            )
        has = ", ".join(sorted({offer.version for offer in offers}, key=version_of))
        return f"version conflict: {asked} is asked for, the repositories have {has}: set `version` or `repos`"


class Session:
    """One call of the module."""

    def __init__(self, wish: Wish, distribution: Distribution | None, r: R, locks: ExitStack) -> None:
        """Begin; `locks` are kept until the end."""
        self.wish, self.r, self.locks = wish, r, locks
        self.distribution = distribution if wish.distro != "never" else None
        self.locked: set[Path] = set()
        self.barred: dict[str, Problem] = {}
        self.built: dict[str, Choice] = {}  # what the distribution has installed
        self.logs: dict[str, str] = {}
        self.systems: dict[str, str] = {}  # what packages say of the system libraries they need

    def query(self, names: Sequence[str], offers: Sequence[str] = ()) -> Answer:
        """Ask R."""
        lines = [("timeout", str(self.wish.timeout)), ("type", self.wish.kind)]
        lines += [("repository", url) for url in self.wish.repositories]
        lines += [("offers", name) for name in offers]
        if self.wish.state == "latest":
            lines.append(("newest", "yes"))
        if self.wish.version:
            lines.append(("version", self.wish.version))
        if self.wish.library:
            lines.append(("library", self.wish.library))
        answer = self.r.query(names, lines)
        if answer.home not in HOMES:
            self.distribution = None
        return answer

    def _candidates(self, names: Iterable[str]) -> dict[str, str]:
        names = [name for name in names if name not in self.barred]
        return self.distribution.candidates(names) if self.distribution and names else {}

    def _is_built(self, copy: Path) -> bool:
        return bool(self.distribution and self.distribution.owners([copy / "DESCRIPTION"]))

    def look(self) -> Answer:
        """Ask what is there, and, where a distribution has no say, at once what repositories offer for the rest."""
        return self.query(self.wish.names, () if self.distribution or self.wish.distro == "only" else self.wish.names)

    def plan(self, answer: Answer, *, refresh: bool) -> Plan:
        """Find out where what is missing can come from; repositories are asked for what only they may have."""
        wish = self.wish
        wants = [("==", wish.version)] if wish.version else []
        loaded = {name for name, (version, _) in answer.loaded.items() if fulfils(version, wants)}
        open_names = [name for name in wish.names if name not in loaded or wish.state == "latest"]
        if refresh and self.distribution and open_names:
            self.distribution.refresh()
        candidates = self._candidates(open_names)
        if wish.distro != "only":
            lacking = [
                name
                for name in open_names
                if wish.state == "latest" or name not in candidates or not fulfils(candidates[name], wants)
            ]
            if lacking:
                answer = answer if answer.asked else self.query(wish.names, lacking)
                others = set(answer.offers) - set(answer.loaded) - set(candidates)
                others |= {need for offers in answer.offers.values() for offer in offers for need in offer.needs}
                candidates.update(self._candidates(sorted(others - set(candidates))))
        return Plan(wish, answer, candidates, self.barred, self.distribution.tool if self.distribution else "")

    def lock(self, library: Path) -> bool:
        """Have the library to ourselves, without what killed installations left; tell whether it may have changed."""
        if library in self.locked:
            return False
        try:
            library.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"the library {library} cannot be made ({error.strerror}): set `library`") from error
        if not os.access(library, os.W_OK):
            raise LabError(f"the library {library} cannot be written: run with `become: true`, or set `library`")
        lock, waited = self.locks.enter_context(_locked(library))
        self.r.locks.append(lock)
        self.locked.add(library)
        return clear(library) or waited

    def install_from_distribution(self, plan: Plan) -> bool:
        """Install what the plan has from the distribution; tell whether another plan is needed for what failed."""
        names = plan.to_install("distribution")
        if not names or self.distribution is None:
            return False
        failed = self.distribution.install(names)
        self.barred.update(failed)
        for name in set(names) - set(failed):
            self.built[name] = plan.choices[name]
            # a copy in our library, which does not load or is of another version, would be found before the new one
            copy = plan.answer.library / name
            if copy.is_dir() and not self._is_built(copy):
                self.lock(plan.answer.library)
                discard(copy)
        return bool(failed)

    def install_from_repository(self, plan: Plan) -> dict[str, Problem]:
        """Install what the plan has from repositories; return what could not even be tried."""
        chosen = (plan.choices[name].offer for name in plan.to_install("repository"))
        offers = [offer for offer in chosen if offer]
        if not offers:
            return {}
        problems, descriptions = self._fetch(offers)
        for offer in offers:
            culprit = next((other for other in plan.closure([offer.name]) if other in problems), None)
            if culprit and culprit != offer.name:
                problems[offer.name] = problems[culprit].of(culprit)
        names = [offer.name for offer in offers if offer.name not in problems]
        if names:
            self._install(names, descriptions, plan.answer.library)
        return problems

    def _fetch(self, offers: Sequence[Offer]) -> tuple[dict[str, Problem], dict[str, dict[str, str]]]:
        files = {offer.name: self.r.work / offer.url.rpartition("/")[2] for offer in offers}
        lines = [("fetch", offer.name, offer.url, str(files[offer.name])) for offer in offers]
        if self.wish.kind == "source":
            lines.append(("type", "source", "", ""))
        told, ended = self.r.ask("fetch", lines)
        said = {line[1]: mask(line[2]) for line in told if line[0] == "fetched"}
        problems: dict[str, Problem] = {}
        descriptions: dict[str, dict[str, str]] = {}
        for offer in offers:
            file = files[offer.name]
            try:
                description = description_of(file, offer.name)
            except LabError as error:
                complaint = said.get(offer.name) or (tail(ended, 3) if ended else str(error))
                problems[offer.name] = _why_not_fetched(offer, complaint, self.r.work)
                continue
            if self.wish.kind == "binary" and "Built" not in description:
                reason = f"the repository gives {offer.name} as source only: set `type: auto` to compile it"
                problems[offer.name] = Problem(reason)
            descriptions[offer.name] = {**description, "File": file.name}
        return problems, descriptions

    def _install(self, names: Sequence[str], descriptions: dict[str, dict[str, str]], library: Path) -> None:
        keys = ("Package", "Version", "Depends", "Imports", "LinkingTo", "NeedsCompilation", "File")
        index = ""
        lines = [("library", str(library)), ("cores", str(self.wish.cores))]
        for name in names:
            about = descriptions[name]
            index += "".join(f"{key}: {about[key]}\n" for key in keys if about.get(key)) + "\n"
            lines.append(("package", name))
            if "Built" not in about and about.get("NeedsCompilation", "yes") != "no":
                lines.append(("compiled", name))
            self.systems[name] = about.get("SystemRequirements", "")
        (self.r.work / "PACKAGES").write_text(index, encoding="utf-8")
        _, ended = self.r.ask("install", lines)
        for name in names:
            file = self.r.work / "logs" / f"{name}.out"
            self.logs[name] = mask(file.read_text(encoding="utf-8", errors="replace")) if file.exists() else ended
            if _FULL.search(self.logs[name]) and (library / name).is_dir():
                discard(library / name)  # R only warns of what it could not write: it may load, and yet lack a part
        clear(library)

    def why_not(self, name: str, plan: Plan, after: Answer) -> Problem | None:
        """Tell why a package of the plan does not load, or has another version than it should have."""
        source, version = plan.choices[name].source, plan.choices[name].version
        loaded = after.loaded.get(name)
        if loaded and (source == "present" or version_of(loaded[0]) == version_of(version)):
            return None
        log = self.logs.get(name, "")
        if source == "repository" and log:
            full = _no_room(log, self.r.work, after.library)
            if full or f"* DONE ({name})" not in log:
                return Problem(full or why_not_installed(name, log, self.systems.get(name, "")))
        if loaded:
            copy = Path(loaded[1]) / name
            # a distribution's version may have parts that R's has not
            if source == "distribution" and not self.wish.version and self._is_built(copy):
                return None
            reason = f"version conflict: {name} {loaded[0]} in {loaded[1]} is found before {name} {version}"
            return Problem(f"{reason}: remove it, or set `library`")
        if name in after.broken:
            return Problem(why_not_loaded(name, after.broken[name]))
        by = f"{self.distribution.tool} installed" if self.distribution and source == "distribution" else "R installed"
        return Problem(f"{by} it without a complaint, but R does not find it: see `log`, and .libPaths() in R")


def obtain(wish: Wish, distribution: Distribution | None, *, check: bool) -> Outcome:
    """Have the packages, of the version that is asked for, loadable; with `check` only tell what would be done."""
    with ExitStack() as locks:
        work, lock = locks.enter_context(work_folder())
        session = Session(wish, distribution, R(wish.program, work, [lock]), locks)
        before = session.look()
        plan = session.plan(before, refresh=not check)
        after = before
        tried: dict[str, Problem] = {}
        if not check:
            while session.install_from_distribution(plan):
                plan = session.plan(session.look(), refresh=False)
            if plan.to_install("repository") and session.lock(before.library):
                plan = session.plan(session.look(), refresh=False)
            tried = session.install_from_repository(plan)
            if session.built or session.locked:
                after = session.query(plan.closure(wish.names))
        return _outcome(session, plan, before, after, tried, check=check)


def _outcome(
    session: Session, plan: Plan, before: Answer, after: Answer, tried: dict[str, Problem], *, check: bool
) -> Outcome:
    wish = session.wish
    outcome = Outcome(problems={name: problem for name, problem in plan.problems.items() if name in wish.names})
    outcome.library = str(after.library)
    coming = [name for source in ("distribution", "repository") for name in plan.to_install(source)]
    for name in wish.names:
        if name in outcome.problems:
            continue
        choice = session.built.get(name, plan.choices[name])
        if not check:
            problem = tried.get(name) or _blame(session, plan, after, name, tried)
            if problem:
                outcome.problems[name] = problem
                continue
        coming_to = str(after.library) if choice.source == "repository" else ""
        known = after.loaded.get(name) if not check or choice.source == "present" else None
        version, library = known or (choice.version, coming_to)
        outcome.packages[name] = {"version": version, "source": choice.source, "library": library}
    names = {*wish.names, *coming}
    outcome.before = _versions(before, after, names, {*before.broken, *plan.answer.broken})
    outcome.after = _versions(after, before, names, {*after.broken} if after is not before else {*plan.answer.broken})
    if check:
        outcome.after.update({name: plan.choices[name].version for name in coming})
    outcome.warnings = _silent(plan) if wish.state == "latest" else []
    outcome.log = session.r.log + (session.distribution.log if session.distribution else "")
    return outcome


def _silent(plan: Plan) -> list[str]:
    return [
        f"{repository.url} was not asked for newer versions: {repository.problem}"
        for repository in plan.answer.repositories
        if repository.problem
    ]


def _blame(session: Session, plan: Plan, after: Answer, name: str, tried: dict[str, Problem]) -> Problem | None:
    """Return a package's problem, or that of the one it needs which is the cause of it."""
    mine = session.why_not(name, plan, after)
    if mine is None:
        return None
    for other in plan.closure([name]):
        problem = tried.get(other) or (session.why_not(other, plan, after) if other != name else None)
        if problem:
            return problem.of(other)
    return mine


def _versions(answer: Answer, other: Answer, names: set[str], broken: set[str]) -> dict[str, str]:
    """Return the versions of those named that load, and of what is not in both answers alike."""
    mine, theirs = ({copy.name: copy.version for copy in reversed(side.installed)} for side in (answer, other))
    shown = names | {name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)}
    return {name: version for name, version in mine.items() if name in shown - broken}


def remove(wish: Wish, distribution: Distribution | None, *, check: bool) -> Outcome:
    """Remove packages from the given library, or from all; the distribution's through its own tool."""
    with ExitStack() as locks:
        work, lock = locks.enter_context(work_folder())
        session = Session(wish, distribution, R(wish.program, work, [lock]), locks)
        before = session.query([])
        libraries = [wish.library] if wish.library else before.paths
        copies = {
            name: [Path(library) / name for library in libraries if (Path(library) / name).is_dir()]
            for name in wish.names
        }
        outcome = Outcome(library=str(before.library))
        outcome.problems = {
            name: problem for name in wish.names if (problem := _why_kept(name, wish.names, copies[name], before))
        }
        going = [path for name in wish.names if name not in outcome.problems for path in copies[name]]
        owners = distribution.owners([path / "DESCRIPTION" for path in going]) if distribution and going else {}
        owned = {path: owners[path / "DESCRIPTION"] for path in going if path / "DESCRIPTION" in owners}
        for path, package in owned.items():
            if wish.distro == "never" or os.geteuid() != 0:
                fix = "set `distro: prefer`" if wish.distro == "never" else "run with `become: true`"
                outcome.problems[path.name] = Problem(f"{path} belongs to the distribution's package {package}: {fix}")
        owned = {path: package for path, package in owned.items() if path.name not in outcome.problems}
        own = [path for path in going if path not in owned and path.name not in outcome.problems]
        outcome.before = {path.name: _version_at(before, path) for path in going}
        outcome.after = {
            path.name: _version_at(before, path) for path in going if path not in owned and path not in own
        }
        if check:
            return outcome
        for library in {path.parent for path in own}:
            session.lock(library)
        for path in own:
            discard(path)
        if owned and distribution:
            said = distribution.remove(sorted(set(owned.values())))
            for path in owned:
                if path.is_dir():
                    outcome.problems[path.name] = Problem(f"{distribution.tool} could not remove it: {tail(said, 4)}")
                    outcome.after[path.name] = outcome.before[path.name]
        outcome.log = session.r.log + (distribution.log if distribution else "")
        return outcome


def _version_at(answer: Answer, path: Path) -> str:
    at = (copy.version for copy in answer.installed if copy.name == path.name and copy.library == str(path.parent))
    return next(at, "(incomplete)")


def _why_kept(name: str, going: Sequence[str], copies: Sequence[Path], answer: Answer) -> Problem | None:
    if any(copy.name == name and copy.priority == "base" for copy in answer.installed):
        return Problem("it is part of R itself: take it out of `name`")
    staying = [copy for copy in answer.installed if copy.name == name and Path(copy.library) / name not in copies]
    needed = sorted({copy.name for copy in answer.installed if name in copy.needs and copy.name not in going})
    if copies and needed and not staying:
        return Problem(f"{', '.join(needed)} cannot load without it: add to `name`, or keep it")
    return None


@contextmanager
def _locked(library: Path) -> Iterator[tuple[int, bool]]:
    """Lock a library; tell whether that took waiting. R processes inherit the lock, also when their run is killed."""
    waited = False
    lock = os.open(library, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                busy = installing(library)
            except BlockingIOError:
                busy = "another run of this module"
            if not busy:
                break
            if time.monotonic() > deadline:
                raise LabError(f"{busy} is installing into {library}: wait for it to end, or end it, and run again")
            waited = True
            time.sleep(1)
        yield lock, waited
    finally:
        os.close(lock)


def installing(library: Path) -> str:
    """Name a process of R CMD INSTALL that works on a library, or may, started by whomever."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode("utf-8", "replace")
            if "nextArg" not in command:  # as that script hands its arguments on to R
                continue
            folder = re.search(r"nextArg(?:-lnextArg|--library=)(.*?)(?:nextArg|\0)", command)
            if not folder or ((process / "cwd").resolve() / folder[1]).resolve() == library.resolve():
                return f"process {process.name} (R CMD INSTALL)"
        except OSError:
            continue
    return ""


def clear(library: Path) -> bool:
    """Take away what killed installations left in a library we have locked; what they had set aside comes back."""
    left = [*library.glob("00LOCK*"), *library.glob(".removed-*")]
    for folder in left:
        for aside in folder.glob("*/DESCRIPTION") if folder.name.startswith("00LOCK") else ():
            discard(library / aside.parent.name)
            aside.parent.replace(library / aside.parent.name)
        shutil.rmtree(folder, ignore_errors=True)
    return bool(left)


def discard(package: Path) -> None:
    """Remove a package at once for all who look, and then its files."""
    gone = package.with_name(f".removed-{package.name}")
    shutil.rmtree(gone, ignore_errors=True)
    with suppress(FileNotFoundError):
        package.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)


def file_system(path: Path) -> tuple[int, str]:
    """Return the free bytes of the file system that holds a path, and its mount point with its room."""
    while not path.exists():
        path = path.parent
    room = shutil.disk_usage(path)
    while not path.is_mount():
        path = path.parent
    return room.free, f"{path} ({room.free >> 10} of {room.total >> 10} KiB are free)"


def _no_room(text: str, work: Path, library: Path | None = None) -> str:
    """Return what is to be said of a full disk: that of the library, or that of the temporary files."""
    if not _FULL.search(text):
        return ""
    (_, where), place = min((file_system(place), place) for place in (work, library) if place)
    fix = "set TMPDIR in the task's environment" if place == work else "set `library` to a larger one"
    return f"no room left on the file system {where}, which holds {place}: free space there, or {fix}"


def explain(error: OSError) -> str:
    """Say what the system refused: most often its room for temporary files."""
    place = Path(error.filename) if isinstance(error.filename, str) else temporary()
    full = _no_room(error.strerror or "", temporary(), None if place == temporary() else place)
    fix = "run with `become: true`, or set `library`, or TMPDIR in the task's environment"
    return full or f"{error.strerror}: {place}: {fix}"


def _why_not_fetched(offer: Offer, said: str, work: Path) -> Problem:
    address = mask(offer.url)
    full = _no_room(said, work)
    if full:
        return Problem(full)
    if _AWAY.search(said):
        return Problem(
            f"the repository is out of reach: {address}: {said}: check the network and proxy, or set `repos`", away=True
        )
    if re.search(r"status was '4\d\d|cannot open file|No such file", said):
        return Problem(
            f"the repository's index names {address}, but it is not there ({said}): run again, or set `repos`"
        )
    return Problem(f"the repository stopped half-way through {address} ({said}): run again, or set `repos`")


def _conflict(name: str, said: str) -> str:
    match = re.search(r"namespace .(\S+). (\S+) is (?:already loaded|being loaded), but (.+?) is required", said)
    if not match:
        return ""
    other, has, needs = match.groups()
    return (
        f"version conflict: {other} {has} is installed, {name} needs {needs}: have {other} with `state: latest` first"
    )


def why_not_loaded(name: str, said: str) -> str:
    """Tell why a package that is installed does not load."""
    reason = f"is installed but does not load: {said}: try library({name}) in R, or set another `version`"
    return _conflict(name, said) or reason


def why_not_installed(name: str, log: str, system: str) -> str:
    """Find the cause in what R CMD INSTALL printed, with the compiler's last lines."""
    if re.search(r"Killed|cannot allocate memory|out of memory|virtual memory exhausted", log, re.IGNORECASE):
        return f"memory ran out: add swap (role swap), or set MAKEFLAGS=-j1 in the task's environment: {_compiler(log)}"
    newer = re.search(r"this R is version (\S+), package .* requires R (.*)", log)
    if newer:
        return f"needs R {newer[2]}, this is R {newer[1]}: set `version` to an older release, or install a newer R"
    conflict = _conflict(name, log)
    if conflict:
        return conflict
    tool = re.search(
        r"\b(make|gmake|cmake|gcc|g\+\+|cc|c\+\+|gfortran|f95|cargo|rustc|pkg-config)\S*: (?:command )?not found", log
    )
    if tool or "not set up to install source packages" in log:
        missing = f"{tool[1]} is missing" if tool else "R's development files are missing"
        return f"{missing} to compile it: run role r_base, which installs compilers: {_compiler(log)}"
    header = re.search(
        r"fatal error: (\S+): No such file|cannot find -l(\S+)|Package '?(\S+?)'? was not found|configure: error: (.+)",
        log,
    )
    if header:
        missing = next(group for group in header.groups() if group)
        says = f" (it says of what it needs: {system})" if system else ""
        return (
            f"a library of the system is missing, {missing}{says}: install its -dev or -devel package: {_compiler(log)}"
        )
    if re.search(r"compilation failed|make: \*\*\*|make\[\d+\]: \*\*\*", log):
        return f"does not compile: set another `version`, or `distro: prefer`: {_compiler(log)}"
    if "loading failed" in log or "lazy loading failed" in log:
        return f"installs but does not load, so R took it away again: set another `version`: {_error(log)}"
    return f"could not be installed: {_error(log)}"


def _compiler(log: str) -> str:
    """Return the compiler's first error, which side by side compiling may print early, and its last lines."""
    lines = [line.rstrip() for line in log.splitlines() if line.strip() and not line.startswith("* removing")]
    at = next(
        (i for i, line in enumerate(lines) if re.search(r"\berror:|Error:|undefined reference", line)), len(lines)
    )
    first = lines[at : at + 4] if at < len(lines) - 12 else []
    return "\n".join(["the compiler's last lines:", *first, *lines[-12:]])


def _error(log: str) -> str:
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    at = next((i for i, line in enumerate(lines) if re.match(r"\s*(Error|ERROR)", line)), max(0, len(lines) - 8))
    return "\n" + "\n".join(lines[at : at + 8])
