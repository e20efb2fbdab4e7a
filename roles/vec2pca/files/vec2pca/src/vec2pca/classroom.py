"""A class: how much the results of many hosts vary, and how much of that is the sample and how much the training.

Each host took another random sample and trained with the same settings; some analysed their sample with further
training seeds. The controls are those of Antoniak and Mimno: the same documents again, and other documents.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vec2pca import __version__
from vec2pca.agreement import (
    MEASURES,
    Matrix,
    Stack,
    jackknife,
    mean_and_error,
    mean_of_pairs,
    nearest_words,
    neighbour_overlaps,
    order_by_likeness,
    overlaps,
    pair_measures,
    stack,
)
from vec2pca.analysis import Result, principal_components, unit_rows
from vec2pca.consensus import Consensus, WordSpread, align, components, word_spread
from vec2pca.errors import Vec2pcaError
from vec2pca.progress import Progress
from vec2pca.results import Analysis, Host, comparable

FORMAT = "vec2pca-class/1"
APART = 3.5  # modified z-score below which a host stands apart (Iglewicz and Hoaglin, 1993)
APART_LEAST = 0.05  # and by how much at least, for hosts may agree to the last digit
DOI = "https://doi.org/"
SOURCES = {
    "antoniak": (
        "Antoniak and Mimno, Evaluating the Stability of Embedding-based Word Similarities, 2018",
        f"{DOI}10.1162/tacl_a_00008",
    ),
    "wendlandt": (
        "Wendlandt, Kummerfeld and Mihalcea, Factors Influencing the Surprising Instability of Word Embeddings, 2018",
        f"{DOI}10.18653/v1/N18-1190",
    ),
    "gower": ("Gower, Generalized Procrustes Analysis, 1975", f"{DOI}10.1007/BF02291478"),
    "schoenemann": (
        "Schönemann, A Generalized Solution of the Orthogonal Procrustes Problem, 1966",
        f"{DOI}10.1007/BF02289451",
    ),
    "hamilton": (
        "Hamilton, Leskovec and Jurafsky, Diachronic Word Embeddings Reveal Statistical Laws of Semantic Change, 2016",
        f"{DOI}10.18653/v1/P16-1141",
    ),
    "efron": ("Efron and Stein, The Jackknife Estimate of Variance, 1981", f"{DOI}10.1214/aos/1176345462"),
    "iglewicz": ("Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993", ""),
}


@dataclass(frozen=True)
class Comparison:
    """What `compare_class` found: the class as one object for JSON, and what the consensus analysis is made of."""

    found: dict[str, Any]
    stacked: Stack
    vectors: Consensus
    words: WordSpread


def compare_class(hosts: Sequence[Host], title: str, progress: Progress | None = None) -> Comparison:
    """Compare the results of `hosts`, of which at least two have to be comparable; the others are named.

    Raises `Vec2pcaError` with the reasons where fewer are.
    """
    compared = comparable(hosts)
    leave_out_strangers(compared)
    compared = [host for host in compared if not host.missing]
    if len(compared) < 2:
        reasons = "".join(f"\n  {host.name}: {host.missing}" for host in hosts if host.missing)
        raise Vec2pcaError(f"{len(compared)} of {len(hosts)} results can be compared: two are needed{reasons}")
    analyses = [host.own for host in compared] + [analysis for host in compared for analysis in host.analyses[1:]]
    samples = [*range(len(compared)), *(i for i, host in enumerate(compared) for _ in host.analyses[1:])]
    stacked = stack(analyses)
    pairs = pair_measures(stacked, progress)
    nearest = [nearest_words(vectors, has) for vectors, has in zip(stacked.vectors, stacked.present, strict=True)]
    pairs["neighbour_overlap"] = neighbour_overlaps(nearest, stacked.present)
    size = len(compared)
    pairs["overlap"] = overlaps(analyses[:size])
    own = {name: pairs[name][:size, :size] for name in MEASURES}
    first = int(np.argmax(np.nanmean(own["cosine_agreement"], axis=1)))

    def only(stacked: Stack) -> Stack:
        return Stack(stacked.words, stacked.counts, stacked.table[:size], stacked.present[:size], stacked.components)

    vectors = align(only(stacked).vectors, only(stacked).present, first=first, centred=False, progress=progress)
    words = word_spread(only(stacked), vectors, nearest[:size])
    training = training_share(pairs, samples, compared, analyses)
    found = {
        "format": FORMAT,
        "title": title,
        "vec2pca": __version__,
        "answer": answer(own, training, size),
        "hosts": describe_hosts(compared, own["cosine_agreement"]),
        "left_out": [
            {"name": host.name, "address": host.address, "reason": host.missing} for host in hosts if host.missing
        ],
        "notes": notes(compared),
        "parameters": compared[0].own.compared,
        "compared_words": len(stacked.words),
        "shared_by_all": len(frozenset.intersection(*(frozenset(host.own.words) for host in compared))),
        "words_of_any": len(frozenset.union(*(frozenset(host.own.words) for host in compared))),
        "measures": {name: summary(own[name]) for name in MEASURES},
        "pairs": {name: rounded(own[name]) for name in MEASURES},
        "order": order_by_likeness(own["cosine_agreement"]),
        "training": training,
        "components": components(only(stacked), [host.own.variance for host in compared], first),
        "words": describe_words(stacked, words),
        "sources": [{"key": key, "text": text, "url": url} for key, (text, url) in SOURCES.items()],
    }
    return Comparison(found, only(stacked), vectors, words)


def leave_out_strangers(hosts: Sequence[Host]) -> None:
    """Give hosts whose words are not those of the others the reason in `missing`."""
    words = [frozenset(host.own.words) for host in hosts]
    for host, own in zip(hosts, words, strict=True):
        needed = host.own.scores.shape[1] + 1
        shared = [len(own & other) for other in words if other is not own]
        if shared and np.median(shared) <= needed:
            host.missing = f"shares too few words with the others: {max(shared)} at the most, over {needed} are needed"


def number(value: float | None) -> float | None:
    """Return a value as JSON can hold it."""
    return None if value is None or not np.isfinite(value) else round(float(value), 4)


def rounded(pairs: Matrix) -> list[list[float | None]]:
    """Return a matrix as JSON can hold it."""
    return [[number(value) for value in row] for row in pairs.tolist()]


def summary(pairs: Matrix) -> dict[str, float | None]:
    """Return mean, standard error, lowest and highest of all pairs."""
    values = pairs[np.triu_indices(len(pairs), 1)]
    values = values[np.isfinite(values)]
    mean, error = mean_and_error(pairs)
    low, high = (float(values.min()), float(values.max())) if len(values) else (None, None)
    return {"mean": number(mean), "error": number(error), "lowest": number(low), "highest": number(high)}


def same_samples(hosts: Sequence[Host]) -> dict[str, list[str]]:
    """Return the names of the hosts that analysed one sample, by its digest, for those that share one."""
    found: dict[str, list[str]] = {}
    for host in hosts:
        found.setdefault(host.own.corpus["sha256"], []).append(host.name)
    return {digest: names for digest, names in found.items() if digest and len(names) > 1}


def describe_hosts(hosts: Sequence[Host], agreement: Matrix) -> list[dict[str, Any]]:
    """Return what the page tells of each compared host."""
    others = np.where(np.eye(len(hosts), dtype=bool), np.nan, agreement)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a host whose agreement is not defined with any other
        typical = np.nanmedian(others, axis=1)
        apart, shared = stands_apart(typical), same_samples(hosts)
    return [
        {
            "name": host.name,
            "address": host.address,
            "data_set": host.own.compared["data_set"],
            "sampling_seed": host.own.about.get("Sampling seed"),
            "reviews": host.own.reviews,
            "words": host.own.corpus.get("words"),
            "vocabulary": len(host.own.words),
            "training_seeds": [analysis.seed for analysis in host.analyses],
            "sha256": host.own.corpus["sha256"],
            "agreement": number(typical[i]),
            "apart": bool(apart[i]),
            "same_sample_as": [name for name in shared.get(host.own.corpus["sha256"], []) if name != host.name],
        }
        for i, host in enumerate(hosts)
    ]


def stands_apart(agreement: Matrix) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which hosts agree with the others far less than hosts do; `agreement`: each host's median, (hosts,).

    The modified z-score of Iglewicz and Hoaglin, for three hosts or more.
    """
    below = np.nanmedian(agreement) - agreement
    deviation = float(np.nanmedian(np.abs(below)))
    far: np.ndarray[Any, np.dtype[np.bool_]] = (0.6745 * below > APART * deviation) & (below > APART_LEAST)
    return far if len(agreement) > 2 else np.zeros(len(agreement), bool)


def notes(hosts: Sequence[Host]) -> list[str]:
    """Return what a reader should know: hosts with one sample, with other programs."""
    told = [f"{', '.join(names)} analysed the same sample." for names in same_samples(hosts).values()]
    for name, label in (("engine", "engines"), ("vec2pca", "versions of vec2pca")):
        values = sorted({str(host.own.parameters[name]) for host in hosts if name in host.own.parameters})
        if len(values) > 1:
            told.append(f"The results were made by several {label}: {', '.join(values)}.")
    return told


def training_share(
    pairs: dict[str, Matrix], samples: Sequence[int], hosts: Sequence[Host], analyses: Sequence[Analysis]
) -> dict[str, Any] | None:
    """Return how much of the disagreement is the sample's and how much the training's, None without further seeds.

    Two analyses of one sample share what all have in common and what the sample brings; two of different samples only
    the former. With agreement as a correlation, of all that varies: common = between, sample = within - between,
    training = 1 - within, as intraclass correlations (Shrout and Fleiss, 1979). Pairs with one training seed begin
    with the same random numbers and are told apart: `between` is of pairs that differ in both.
    """
    keys = [hosts[sample].own.corpus["sha256"] or hosts[sample].name for sample in samples]
    seeds = [analysis.seed for analysis in analyses]
    names = list(dict.fromkeys(keys))
    rows = [names.index(key) for key in keys]
    agreement, neighbours = pairs["cosine_agreement"], pairs["neighbour_overlap"]

    def table(values: Matrix, *, same_seed: bool) -> Matrix:
        """Return the mean agreement of each two samples, (samples, samples), by pairs of analyses."""
        sums, counts = np.zeros((2, len(names), len(names)))
        for a in range(len(keys)):
            for b in range(a):
                if (seeds[a] == seeds[b]) is same_seed and np.isfinite(values[a, b]):
                    i, j = rows[a], rows[b]
                    for place in {(i, j), (j, i)}:
                        sums[place] += values[a, b]
                        counts[place] += 1
        with np.errstate(invalid="ignore"):
            means: Matrix = sums / counts
        return means

    def shares(values: Matrix) -> tuple[float | None, float | None, float | None]:
        """Return within, between, and the sample's share of what differs."""
        diagonal = np.diag(values)
        diagonal = diagonal[np.isfinite(diagonal)]
        within, between = float(diagonal.mean()) if len(diagonal) else None, mean_of_pairs(values)
        if within is None or between is None or between >= 1:
            return within, between, None
        return within, between, float(np.clip((within - between) / (1 - between), 0, 1))

    values = table(agreement, same_seed=False)
    within, between, share = shares(values)
    if within is None or between is None:
        return None
    without = [shares(np.delete(np.delete(values, i, 0), i, 1)) for i in range(len(names))]
    errors = [jackknife([left[k] for left in without], whole) for k, whole in enumerate((within, between, share))]
    near = shares(table(neighbours, same_seed=False))
    alike, alike_error = mean_and_error(table(agreement, same_seed=True))
    sample = max(0.0, within - between)
    return {
        "hosts": int(np.isfinite(np.diag(values)).sum()),
        "within": {"mean": number(within), "error": number(errors[0])},
        "between": {"mean": number(between), "error": number(errors[1])},
        "between_same_seed": None if alike is None else {"mean": number(alike), "error": number(alike_error)},
        "shares": {
            "common": number(between),
            "sample": number(sample),
            "training": number(1 - between - sample),
        },
        "sample_share_of_variation": {"mean": number(share), "error": number(errors[2])},
        "neighbour_overlap": {"within": number(near[0]), "between": number(near[1])},
    }


def answer(own: dict[str, Matrix], training: dict[str, Any] | None, size: int) -> str:
    """Return the answer to "how much variation is there?" in one sentence."""
    found = summary(own["cosine_agreement"])
    if found["mean"] is None:
        return "The results share too few words to say how much they vary."

    def with_error(value: dict[str, float | None]) -> str:
        error = value["error"]
        return f"{value['mean']:.2f}" + (f" (± {error:.1g})" if error is not None else "")

    if training is None:
        low, high = found["lowest"], found["highest"]
        between = f", from {low:.2f} to {high:.2f}" if size > 2 else ""
        return f"The results of {size} hosts agree by {with_error(found)}{between}."
    share = training["sample_share_of_variation"]["mean"]
    split = (
        "" if share is None else f": {share:.0%} of what differs is the sample, {1 - share:.0%} the chance of training"
    )
    return (
        f"Different samples agree by {with_error(training['between'])}, "
        f"the same sample with another training seed by {with_error(training['within'])}{split}."
    )


def describe_words(stacked: Stack, words: WordSpread) -> list[dict[str, Any]]:
    """Return every compared word that two hosts have, those that vary most first."""
    rows = [
        {
            "word": word,
            "count": round(float(stacked.counts[i])),
            "hosts": int(words.holders[i]),
            "spread": number(words.spread[i]),
            "neighbours": number(words.neighbours[i]),
            "deviation": number(words.deviation[i]),
        }
        for i, word in enumerate(stacked.words)
        if words.holders[i] > 1
    ]
    return sorted(rows, key=lambda row: (-(row["spread"] or 0), row["word"]))


def averaged(comparison: Comparison, hosts: Sequence[Host]) -> tuple[Result, list[float | None]]:
    """Return the consensus as an analysis of its own, over the words that half of the hosts have, and their spread.

    The spread of a word that one host of two has is None.

    Averaging over samples is what Antoniak and Mimno advise for small corpora.
    """
    stacked, words = comparison.stacked, comparison.words
    compared = [host for host in hosts if not host.missing]
    kept = np.flatnonzero(2 * words.holders >= len(compared))
    first = compared[0].own
    vectors = unit_rows(comparison.vectors.mean[kept].astype(np.float32))
    scores, variance = principal_components(vectors, stacked.components)
    sums = {
        key: sum(int(host.own.corpus.get(key, 0)) for host in compared)
        for key in ("lines", "sentences", "empty_sentences", "split_sentences", "words", "replaced_bytes")
    }
    most = max(int(host.own.corpus.get("different_words", 0)) for host in compared)
    result = Result(
        words=[stacked.words[i] for i in kept],
        counts=[round(float(stacked.counts[i])) for i in kept],
        vectors=vectors,
        scores=scores,
        variance=variance,
        corpus={**sums, "different_words": max(most, len(kept)), "vocabulary": len(kept)},
        parameters={**first.parameters, "vec2pca": __version__},
    )
    return result, [None if np.isnan(spread) else round(float(spread), 4) for spread in words.spread[kept]]
