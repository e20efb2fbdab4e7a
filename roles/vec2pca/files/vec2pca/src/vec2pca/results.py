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
from vec2pca.files import read_object, readable
from vec2pca.labserver.errors import LabError
from vec2pca.progress import Progress
from vec2pca.settings import LIMITS

STEPS = 10_000  # a coordinate is kept in as many steps as the four decimals of a result have: a fifth of the memory
NUMBERS = ("seed", "features", "min_count", "window", "epochs", "components")  # earlier results lack the last
# Of the numbers and the vectors of a result; scores are less than 2, and vectors have length 1
LARGEST, SHORTEST = 1e9, 1e-9
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


def read_result(path: Path, *, parameters: bool = True) -> dict[str, Any]:
    """Return the result in the file `path`, which `vec2pca --json` wrote. Raises `Vec2pcaError` for any other.

    `parameters`: whether it has to tell how it was made.
    """
    result = read_object(path, "result")
    if result.get("format") != FORMAT:
        raise Vec2pcaError(f"{path} is not a result of `vec2pca --json` in the format {FORMAT}")
    try:
        check_words(result)
        check_components(result)
        check_table(result, "scores", len(result["components"]))
        vectors = check_table(result, "vectors", None)
        if not (np.linalg.norm(vectors, axis=1) > SHORTEST).all():
            raise ValueError("`vectors` has a row of zeros")  # noqa: TRY301 - told as the others are
        check_facts(result)
        if parameters:
            check_parameters(result["parameters"])
    except ValueError as error:
        raise Vec2pcaError(f"{path} is a broken result: {error}. Make it again with vec2pca --json") from None
    return result


def check_words(result: dict[str, Any]) -> None:
    """Raise ValueError where the words, or their counts, are not such."""
    words = result.get("words")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError("`words` is not a list of words")
    if len(set(words)) != len(words):
        raise ValueError(f"the word {Counter(words).most_common(1)[0][0]!r} is there twice")
    counts = result.setdefault("counts", [1] * len(words))
    if not isinstance(counts, list) or not all(is_whole(count, 1) for count in counts):
        raise ValueError("`counts` is not a list of whole numbers from 1 on")
    if len(counts) != len(words):
        raise ValueError(f"it has {len(words):,} words, but {len(counts):,} counts")


def check_components(result: dict[str, Any]) -> None:
    """Raise ValueError where the components are not such."""
    components = result.get("components")
    if not isinstance(components, list) or not components or not all(isinstance(one, dict) for one in components):
        raise ValueError("`components` is not a list of objects")
    if not all(is_number(one.get("variance")) for one in components):
        raise ValueError("a component does not tell its `variance`")


def check_facts(result: dict[str, Any]) -> None:
    """Raise ValueError where the facts about the result are not objects; where they are missing, they are empty."""
    for key in ("parameters", "corpus", "about"):
        result[key] = {} if result.get(key) is None else result[key]
        if not isinstance(result[key], dict):
            raise ValueError(f"`{key}` is not an object")  # noqa: TRY004 - told as the others are
    if not isinstance(result.setdefault("title", ""), str):
        raise ValueError("`title` is no text")  # noqa: TRY004


def is_number(value: object) -> bool:
    """Return whether a value is a number of JSON that is not too large to compute with."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def is_whole(value: object, least: int, most: int = 2**62) -> bool:
    """Return whether a value is a whole number of JSON between two."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def check_table(result: dict[str, Any], key: str, columns: int | None) -> NDArray[np.float64]:
    """Return the table of numbers under `key`, a row for each word. Raises ValueError for any other."""
    rows, size = result.get(key), len(result["words"])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise ValueError(f"`{key}` is not a list of rows")
    if len(rows) != size:
        raise ValueError(f"it has {size:,} words, but {len(rows):,} rows of `{key}`")
    widths = {len(row) for row in rows}
    if len(widths) > 1 or 0 in widths or (columns is not None and widths != {columns}):
        wanted = "of one length" if columns is None else f"of {columns} numbers, one for each component"
        raise ValueError(f"the rows of `{key}` are not {wanted}")
    try:
        table = np.asarray(rows)
    except ValueError:  # lists in the rows
        table = np.empty(0, object)
    if table.ndim != 2 or table.dtype.kind not in "iuf" or np.abs(table).max() > LARGEST:
        raise ValueError(f"`{key}` holds what is no number, or one that is far too large")
    return table.astype(float)


def check_parameters(parameters: dict[str, Any]) -> None:
    """Raise ValueError where the parameters do not tell how the result was made."""
    right = {
        **dict.fromkeys(NUMBERS[:-1], False),
        **{name: is_whole(parameters.get(name), *LIMITS[name]) for name in NUMBERS if name in parameters},
        "sample": is_number(parameters.get("sample")) and 0 <= parameters["sample"] <= 1,
        **{name: isinstance(parameters.get(name), bool) for name in ("min_count_chosen", "unicode", "repeatable")},
        "engine": isinstance(parameters.get("engine"), str),
    }
    if unknown := [name for name, told in right.items() if not told]:
        raise ValueError(f"`parameters` do not tell {', '.join(unknown)}, or not rightly")


def read_analysis(path: Path) -> Analysis:
    """Return the result in the file `path` in its small form. Raises `Vec2pcaError` for what is none, or a torn one."""
    result = read_result(path)
    words, parameters, corpus, about = (result[key] for key in ("words", "parameters", "corpus", "about"))
    vectors = np.asarray(result.pop("vectors"), np.float32)
    scores = np.asarray(result.pop("scores"), np.float32)
    variance = [float(component["variance"]) for component in result["components"]]
    # What is counted in it, and its digest; of a result that tells neither, nothing
    counted = {key: value for key, value in corpus.items() if isinstance(value, int)}
    corpus = {**counted, "sha256": str(corpus.get("sha256", ""))}
    compared = {
        "data_set": str(about.get("Data set", "")),
        "features": vectors.shape[1],
        "components": len(variance),
        "min_count": "auto" if parameters["min_count_chosen"] else parameters["min_count"],
        **{name: parameters[name] for name in ("window", "sample", "epochs", "unicode")},
    }
    steps = np.rint(unit_rows(vectors) * STEPS).astype(np.int16)
    counts = np.asarray(result["counts"], np.int64)
    return Analysis(words, counts, steps, scores, variance, about, parameters, corpus, compared)


def named_by_files(paths: Sequence[Path]) -> list[Host]:
    """Return a host for each file, named after it, or after its folder too where two files have one name."""
    stems = Counter(path.stem for path in paths)
    names = (path.stem if stems[path.stem] == 1 else str(path.with_suffix("")) for path in paths)
    return [Host(readable(name), paths=[path]) for name, path in zip(names, paths, strict=True)]


def refuse_twice(paths: Sequence[Path]) -> None:
    """Raise `Vec2pcaError` where two of the paths lead to one file: it would count as two results that agree."""
    found: dict[tuple[int, int], Path] = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # told when it is read
            continue
        if (other := found.setdefault((status.st_dev, status.st_ino), path)) is not path:
            raise Vec2pcaError(f"{other} and {path} are the same file: name each result once")


def read_hosts(path: Path) -> list[Host]:
    """Return the hosts that the JSON object in `path` names: name -> address, results (from its folder on), missing."""
    hosts = []
    for name, given in read_object(path, "--hosts").items():
        about = given if isinstance(given, dict) else {}
        results, missing = about.get("results", []), about.get("missing", "")
        if (
            not isinstance(results, list)
            or not all(isinstance(file, str) and "\0" not in file for file in results)
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
            except (LabError, OSError) as error:
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


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return in what two results differ besides their samples, as far as both tell."""

    def told(result: dict[str, Any]) -> dict[str, Any]:
        parameters, data_set = result["parameters"], result["about"].get("Data set")
        return {"data_set": data_set, **parameters, "components": len(result["components"])}

    a, b = told(one), told(other)
    labels = {**COMPARABLE, "engine": "engine", "vec2pca": "version of vec2pca"}
    return [
        f"other {label}: {shown(a[key])} and {shown(b[key])}"
        for key, label in labels.items()
        if a.get(key) is not None and b.get(key) is not None and a[key] != b[key]
    ]


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
