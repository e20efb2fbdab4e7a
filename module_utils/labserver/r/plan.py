"""Where each package comes from, with what it depends on, or why it cannot be installed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .diagnosis import DISTRUSTED, TRUST, Problem, is_distrusted
from .metadata import Constraints, format_constraints, satisfies, version_of
from .process import Offer, QueryResult, Repository
from .request import PackageRequest


def is_unreachable_repository(repository: Repository) -> bool:
    """Return whether a repository is out of reach, rather than wrong or not trusted."""
    problem = repository.problem
    if not problem or repository.url.startswith("file:") or is_distrusted(problem):
        return False
    # 501 says no more than that it does not answer to HEAD
    return bool(re.fullmatch(r"|403|407|429|5(?!01)\d\d", repository.status))


def _statuses(repositories: Iterable[Repository]) -> str:
    """Return what went wrong with repositories: the HTTP status where it says more than R does."""
    return "; ".join(
        f"{repository.url}: HTTP status {repository.status}"
        if re.fullmatch(r"4(?!05)\d\d|5(?!01)\d\d", repository.status)
        else f"{repository.url}: {repository.problem}"
        for repository in repositories
    )


ORIGINS = ("distribution", "repository", "source")


@dataclass(frozen=True)
class Choice:
    """Where a package comes from (V(present) or one of `ORIGINS`), in which version."""

    source: str
    version: str
    offer: Offer | None = None


@dataclass
class Plan:
    """For each requested package, and each that one needs, its source, or why it is not available."""

    request: PackageRequest
    answer: QueryResult
    candidates: dict[str, str]
    rejected: dict[str, Problem]
    tool: str
    sources: dict[str, Offer | Problem] = field(default_factory=dict)  # of the distribution, of what it does not build
    choices: dict[str, Choice] = field(default_factory=dict, init=False)
    problems: dict[str, Problem] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Choose a source for each."""
        self.base = {"R", *(copy.name for copy in self.answer.installed if copy.priority == "base")}
        constraints = dict.fromkeys(self.request.names, self.request.constraints)
        queue = list(self.request.names)
        while queue:  # ends: a name comes again only with a new constraint, and packages have finitely many
            name = queue.pop(0)
            choice = self._choose(name, constraints[name])
            if isinstance(choice, Problem):
                self.problems[name] = choice
            else:
                self.choices[name] = choice
                self.problems.pop(name, None)
                queue += self._add_dependencies(name, constraints)
        for name in self.request.names:
            for other in self.closure([name]):
                if other in self.problems and name not in self.problems:
                    self.problems[name] = self.problems[other].of(other)

    def _add_dependencies(self, name: str, constraints: dict[str, Constraints]) -> list[str]:
        """Add the dependencies of a package to the constraints; return what is to be chosen again.

        A dependency that cannot be met is a problem of the package that has it, not of others with a weaker one.
        """
        fresh = []
        for other, further in self.dependencies(name).items():
            new = [constraint for constraint in further if constraint not in constraints.get(other, [])]
            if other in constraints and not new:
                continue
            together = [*constraints.get(other, []), *new]
            choice = self._choose(other, together)
            if isinstance(choice, Problem):
                self.problems[name] = choice.of(f"{other}{format_constraints(together)}")
                return []
            constraints[other] = together
            fresh.append(other)
        return fresh

    def dependencies(self, name: str) -> dict[str, Constraints]:
        """Return the dependencies of a package that we install ourselves, without R and its base packages."""
        choice = self.choices.get(name)
        dependencies = choice.offer.dependencies if choice and choice.offer else {}
        return {other: constraints for other, constraints in dependencies.items() if other not in self.base}

    def closure(self, names: Iterable[str]) -> list[str]:
        """Return packages with all their dependencies."""
        found: list[str] = []
        queue = list(names)
        while queue:
            name = queue.pop(0)
            if name not in found:
                found.append(name)
                queue.extend(self.dependencies(name))
        return found

    def to_install(self, source: str) -> list[str]:
        """Return what is to be installed from a source, without what has a problem."""
        names = self.closure(name for name in self.request.names if name not in self.problems)
        return [name for name in names if self.choices[name].source == source]

    def _choose(self, name: str, constraints: Constraints) -> Choice | Problem:
        current = self.answer.loaded.get(name, ("", ""))[0]
        newest = self.request.state == "latest" and name in self.request.names
        if current and not newest and satisfies(current, constraints):
            return Choice("present", current)
        built = self.candidates.get(name, "")
        built = built if satisfies(built, constraints) else ""
        offers = [
            offer
            for offer in self.answer.offers.get(name, [])
            if satisfies(offer.version, constraints) and satisfies(self.answer.version, offer.dependencies.get("R", []))
        ]
        offer = self._preferred(offers, newest=newest)
        if built and offer and newest and version_of(built) < version_of(offer.version):
            built = ""
        best = built or (offer.version if offer else "")
        if current and satisfies(current, constraints) and version_of(best) <= version_of(current):
            return Choice("present", current)
        if built and os.geteuid() != 0:
            fix = "run with `become: true`, or set `distro: never`"
            return Problem(f"{self.tool} installs packages for root only: {fix}")
        if built:
            return Choice("distribution", built)
        if offer:
            return Choice("repository", offer.version, offer)
        source = self.sources.get(name)
        if isinstance(source, Offer) and satisfies(source.version, constraints):
            return Choice("source", source.version, source)
        problem = self._diagnose(name, constraints)
        if isinstance(source, Problem):
            return Problem(f"{problem.reason}; {source.reason}", problem.unreachable and source.unreachable)
        return problem

    def _preferred(self, offers: Sequence[Offer], *, newest: bool) -> Offer | None:
        """Return the newest offer of the first repository that has one, or of all."""
        for repository in self.answer.repositories if not newest else ():
            mine = [offer for offer in offers if offer.url.startswith(f"{repository.url}/")]
            if mine:
                offers = mine
                break
        return max(offers, key=lambda offer: version_of(offer.version), default=None)

    def _diagnose(self, name: str, constraints: Constraints) -> Problem:
        rejected = self.rejected.get(name)
        if rejected:
            built = rejected.reason
        elif name in self.candidates:
            built = f"the distribution has {name} {self.candidates[name]}"
        else:
            built = "the distribution has no package of it" if self.tool else ""
        if self.request.distro == "only":
            reason = built or "there is no apt-get or dnf here for this R"
            return Problem(f"{reason}: set `distro: prefer`", rejected is not None and rejected.unreachable)
        also = f" ({built})" if built else ""
        if self.answer.offers.get(name):
            return Problem(self._no_version(name, constraints, self.answer.offers[name]) + also)
        repositories = self.answer.repositories
        if not repositories:
            return Problem(f"no repository is set{also}: set `repos`, or run role r_base")
        unreachable = [repository for repository in repositories if is_unreachable_repository(repository)]
        if unreachable:
            reason = f"the repository is out of reach: {_statuses(unreachable)}{also}"
            return Problem(
                f"{reason}: check the network and proxy, or set `repos`",
                unreachable=rejected is None or rejected.unreachable,
            )
        distrusted = [repository for repository in repositories if is_distrusted(repository.problem)]
        if distrusted:
            return Problem(f"{DISTRUSTED}: {_statuses(distrusted)}{also}: {TRUST}")
        wrong = [repository for repository in repositories if repository.problem]
        if wrong:
            reason = f"there is no index of packages at {_statuses(wrong)}{also}"
            return Problem(f"{reason}: set `repos` to the address above src/contrib")
        alike = self.answer.alike.get(name)
        hint = f"did you mean {alike}?" if alike else "check its spelling, or set `repos`"
        urls = ", ".join(repository.url for repository in repositories)
        return Problem(f"unknown package: no package of this name in {urls}{also}: {hint}")

    def _no_version(self, name: str, constraints: Constraints, offers: Sequence[Offer]) -> str:
        matching = [offer for offer in offers if satisfies(offer.version, constraints)]
        if matching:
            newest = max(matching, key=lambda offer: version_of(offer.version))
            needs = f"needs R{format_constraints(newest.dependencies['R'])}, this is R {self.answer.version}"
            return f"{name} {newest.version} {needs}: set `version` to an older release of {name}, or install a newer R"
        has = ", ".join(sorted({offer.version for offer in offers}, key=version_of))
        required = f"{name}{format_constraints(constraints)}"
        return f"version conflict: {required} is required, the repositories have {has}: set `version` or `repos`"
