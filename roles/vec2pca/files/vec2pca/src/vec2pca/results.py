"""Results of `vec2pca --json`, read back: of one file, and of the hosts of a class."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vec2pca.analysis import FORMAT, unit_rows
from vec2pca.errors import Vec2pcaError
from vec2pca.files import read_object
from vec2pca.progress import Progress

STEPS = 10_000  # a coordinate is kept in as many steps as the four decimals of a result have: a fifth of the memory
# What a result has to tell of its making
NUMBERS = ("seed", "features", "min_count", "window", "sample", "epochs")
PARAMETERS = (*NUMBERS, "min_count_chosen", "unicode", "engine", "repeatable")
# What has to be equal, so that two results differ only by their samples and the chance of training
COMPARABLE = {
    "data_set": "data set",
    "features": "features",
    "min_count": "least count of a word",
    "window": "window",
    "sample": "subsampling",
    "components": "components",
    "epochs": "epochs",
    "unicode": "words in any script",
}


@dataclass(frozen=True)
class Analysis:
    """One result, as small as it can be compared.

    vectors: (words, features), of length 1, in STEPS; scores: (words, components). compared: the values of COMPARABLE.
    """

    words: list[str]
    counts: NDArray[np.int64]
    vectors: NDArray[np.int16]
    scores: NDArray[np.float32]
    variance: list[float]
    about: dict[str, Any]
    parameters: dict[str, Any]
    corpus: dict[str, Any]
    compared: dict[str, Any]

    @property
    def seed(self) -> int:
        """Return the seed of the training."""
        return int(self.parameters["seed"])

    @property
    def reviews(self) -> int | None:
        """Return the size of the sample: what `about` says, else the lines of the text; None where neither is told."""
        told = self.about.get("Reviews in the sample")
        return told if isinstance(told, int) else self.corpus.get("lines")


@dataclass
class Host:
    """A host of a class: the analysis of its sample, and those of the same sample with other training seeds."""

    name: str
    address: str = ""
    paths: list[Path] = field(default_factory=list)
    missing: str = ""
    analyses: list[Analysis] = field(default_factory=list)

    @property
    def own(self) -> Analysis:
        """Return the host's own analysis, the first."""
        return self.analyses[0]


def read_result(path: Path) -> dict[str, Any]:
    """Return the result in the file `path`, which `vec2pca --json` wrote."""
    result = read_object(path, "result")
    if result.get("format") != FORMAT:
        raise Vec2pcaError(f"{path} is not a result of `vec2pca --json` in the format {FORMAT}")
    return result


def read_analysis(path: Path) -> Analysis:
    """Return the result in the file `path` in its small form. Raises `Vec2pcaError` for what is none, or a torn one."""
    result = read_result(path)
    try:
        words = [str(word) for word in result["words"]]
        vectors = np.asarray(result.pop("vectors"), np.float32)
        scores = np.asarray(result.pop("scores"), np.float32)
        variance = [float(component["variance"]) for component in result["components"]]
        counts = np.asarray(result.get("counts", [1] * len(words)), np.int64)
        parameters, corpus, about = (dict(result.get(key) or {}) for key in ("parameters", "corpus", "about"))
    except (KeyError, TypeError, ValueError) as error:
        raise Vec2pcaError(f"{path} is a broken result ({error!r}). Make it again with vec2pca --json") from None
    unknown = [name for name in PARAMETERS if name not in parameters]
    unknown += [name for name in NUMBERS if not isinstance(parameters.get(name, 0), (int, float))]
    if unknown:
        raise Vec2pcaError(f"{path} is a broken result: it does not tell {', '.join(unknown)}. Make it again")
    # What is counted in it, and its digest; of a result that tells neither, nothing
    counted = {key: value for key, value in corpus.items() if isinstance(value, int)}
    corpus = {**counted, "sha256": str(corpus.get("sha256", ""))}
    shapes = vectors.ndim == 2 and scores.shape == (len(words), len(variance)) and len(counts) == len(words)
    if (
        not shapes
        or counts.min(initial=1) < 1
        or len(vectors) != len(words)
        or len(set(words)) != len(words)
        or not words
    ):
        raise Vec2pcaError(f"{path} is a broken result: its tables do not fit its words. Make it again")
    if not (np.isfinite(vectors).all() and np.isfinite(scores).all() and np.abs(vectors).max(axis=1).all()):
        raise Vec2pcaError(f"{path} is a broken result: numbers are missing in it. Make it again")
    compared = {
        "data_set": str(about.get("Data set", "")),
        "features": vectors.shape[1],
        "components": len(variance),
        "min_count": "auto" if parameters["min_count_chosen"] else parameters["min_count"],
        **{name: parameters[name] for name in ("window", "sample", "epochs", "unicode")},
    }
    steps = np.rint(unit_rows(vectors) * STEPS).astype(np.int16)
    return Analysis(words, counts, steps, scores, variance, about, parameters, corpus, compared)


def named_by_files(paths: Sequence[Path]) -> list[Host]:
    """Return a host for each file, named after it, or after its folder too where two files have one name."""
    stems = Counter(path.stem for path in paths)
    return [Host(path.stem if stems[path.stem] == 1 else str(path.with_suffix("")), paths=[path]) for path in paths]


def read_hosts(path: Path) -> list[Host]:
    """Return the hosts that the JSON object in `path` names: name -> address, results (from its folder on), missing."""
    hosts = []
    for name, given in read_object(path, "--hosts").items():
        about = given if isinstance(given, dict) else {}
        results, missing = about.get("results", []), about.get("missing", "")
        if (
            not isinstance(results, list)
            or not all(isinstance(file, str) for file in results)
            or not (results or missing)
        ):
            raise Vec2pcaError(f"--hosts {path}: {name} needs a list `results`, or `missing` with the reason")
        hosts.append(Host(name, str(about.get("address", "")), [path.parent / file for file in results], str(missing)))
    return hosts


def read_class(hosts: Sequence[Host], *, strict: bool, progress: Progress | None = None) -> None:
    """Read the results of each host; `strict` makes a broken one an error, else it is what the host misses."""
    total = sum(len(host.paths) for host in hosts)
    done = 0
    for host in hosts:
        for path in host.paths:
            try:
                host.analyses.append(read_analysis(path))
            except Vec2pcaError as error:
                if strict:
                    raise
                host.missing = host.missing or str(error)
            done += 1
            if progress:
                progress("read", done, total)
        if host.missing:
            host.analyses.clear()


def shown(value: object) -> str:
    """Return a value of COMPARABLE as readers see it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value in (None, "") else str(value)


def comparable(hosts: Sequence[Host]) -> list[Host]:
    """Return the hosts whose analyses were made alike: the most; the others get the reason in `missing`.

    Analyses of a host that are not made like its own, or of another sample, are dropped.
    """
    found = [host for host in hosts if host.analyses]
    kinds = Counter(json.dumps(host.own.compared, sort_keys=True) for host in found)
    if not kinds:
        return []
    usual: dict[str, Any] = json.loads(kinds.most_common(1)[0][0])
    for host in found:
        own = host.own.compared
        differs = [
            f"other {label}: {shown(own[key])} instead of {shown(usual[key])}"
            for key, label in COMPARABLE.items()
            if own[key] != usual[key]
        ]
        host.missing = "; ".join(differs)
        sample = host.own.corpus["sha256"]
        host.analyses = [
            analysis for analysis in host.analyses if analysis.compared == own and analysis.corpus["sha256"] == sample
        ]
    return [host for host in found if not host.missing]
