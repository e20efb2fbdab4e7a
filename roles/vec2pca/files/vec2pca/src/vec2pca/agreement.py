"""How far many results agree, each with each other, over the words that two of them share.

All measures of a pair follow from three small products of its tables, so that no table of all pairs of words is made:
the sum over words i and j of (u_i.u_j)(v_i.v_j) is the squared Frobenius norm of U'V. `compare`, which lays all cosines
out for two results, is exact to the last digit and the reference that a test holds this against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vec2pca.compare import MAX_WORDS, NEIGHBOURS
from vec2pca.progress import Progress
from vec2pca.results import Analysis

Matrix: TypeAlias = NDArray[np.float64]
MEASURES = ("cosine_agreement", "canonical_correlation", "neighbour_overlap", "overlap")


@dataclass(frozen=True)
class Stack:
    """The compared words of many analyses in one table, rows of zeros where an analysis lacks a word.

    words: the compared words (K), most frequent first; counts: their mean counts, (K,).
    table: (analyses, K, 1 + components + features) float32: 1, the scores, the vectors of length 1.
    present: (analyses, K), which words an analysis has.
    """

    words: list[str]
    counts: Matrix
    table: NDArray[np.float32]
    present: NDArray[np.bool_]
    components: int

    @property
    def scores(self) -> NDArray[np.float32]:
        """Return the scores, (analyses, K, components)."""
        return self.table[:, :, 1 : 1 + self.components]

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Return the vectors, (analyses, K, features)."""
        return self.table[:, :, 1 + self.components :]


def choose_words(analyses: Sequence[Analysis]) -> list[str]:
    """Return the words to compare: the MAX_WORDS that the most analyses have, of those the most frequent."""
    holders: Counter[str] = Counter()
    frequency: Counter[str] = Counter()
    for analysis in analyses:
        whole = float(analysis.counts.sum())
        holders.update(analysis.words)
        for word, count in zip(analysis.words, analysis.counts.tolist(), strict=True):
            frequency[word] += count / whole
    shared = [word for word, count in holders.items() if count > 1]
    chosen = sorted(shared, key=lambda word: (-holders[word], -frequency[word], word))[:MAX_WORDS]
    return sorted(chosen, key=lambda word: (-frequency[word] / holders[word], word))


def stack(analyses: Sequence[Analysis]) -> Stack:
    """Return the compared words of `analyses`, which were made alike, in one table."""
    words = choose_words(analyses)
    place = {word: i for i, word in enumerate(words)}
    components, features = analyses[0].scores.shape[1], analyses[0].vectors.shape[1]
    table = np.zeros((len(analyses), len(words), 1 + components + features), np.float32)
    counts = np.zeros(len(words))
    for part, analysis in zip(table, analyses, strict=True):
        rows = [i for i, word in enumerate(analysis.words) if word in place]
        places = [place[analysis.words[i]] for i in rows]
        vectors = analysis.vectors[rows].astype(np.float32)
        part[places, 0] = 1
        part[places, 1 : 1 + components] = analysis.scores[rows]
        part[places, 1 + components :] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        counts[places] += analysis.counts[rows]
    present = table[:, :, 0] > 0
    return Stack(words, counts / np.maximum(present.sum(axis=0), 1), table, present, components)


def pair_measures(stacked: Stack, progress: Progress | None = None) -> dict[str, Matrix]:
    """Return cosine_agreement and canonical_correlation of all pairs, (analyses, analyses), as `compare` has them.

    NaN for a pair that shares too few words: no more than components + 1.
    """
    table, present, components = stacked.table, stacked.present, stacked.components
    size = len(table)
    found = {name: np.eye(size) for name in ("cosine_agreement", "canonical_correlation")}
    whole = [part.T @ part for part in table]
    for a in range(size):
        for b in range(a):
            # what each has of its own is taken off its own product: few words, as a rule
            own = [
                whole[i] - table[i][present[i] & ~present[j]].T @ table[i][present[i] & ~present[j]]
                for i, j in ((a, b), (b, a))
            ]
            agreement = measures_of_products(table[a].T @ table[b], own[0], own[1], components)
            for name, value in zip(found, agreement, strict=True):
                found[name][a, b] = found[name][b, a] = value
        if progress:
            progress("compare", a * (a + 1) // 2 + 1, size * (size - 1) // 2 + 1)
    return found


def measures_of_products(
    across: NDArray[np.float32], first: NDArray[np.float32], second: NDArray[np.float32], components: int
) -> tuple[float, float]:
    """Return cosine agreement and mean canonical correlation from the products A'B, A'A and B'B of the shared rows."""
    across, first, second = (product.astype(np.float64) for product in (across, first, second))
    words = round(across[0, 0])
    if words <= components + 1:
        return np.nan, np.nan
    vectors = slice(1 + components, None)
    scores = slice(1, 1 + components)
    # sums over the pairs of two different words: half of all pairs but the words with themselves, whose cosine is 1
    both, one, other = (((product[vectors, vectors] ** 2).sum() - words) / 2 for product in (across, first, second))
    sums = [((row[vectors] ** 2).sum() - words) / 2 for row in (first[0], second[0])]
    pairs = words * (words - 1) / 2
    spread = (one - sums[0] ** 2 / pairs) * (other - sums[1] ** 2 / pairs)
    cosine = (both - sums[0] * sums[1] / pairs) / np.sqrt(spread) if spread > 0 else np.nan

    def covariance(product: Matrix, left: Matrix, right: Matrix) -> Matrix:
        centred: Matrix = product[scores, scores] - np.outer(left[scores], right[scores]) / words
        return centred

    white = [inverse_root(covariance(own, own[0], own[0])) for own in (first, second)]
    between = white[0].T @ covariance(across, first[0], second[0]) @ white[1]
    canonical = np.linalg.svd(between, compute_uv=False).clip(0, 1) if between.size else np.zeros(1)
    return float(np.clip(cosine, -1, 1)), float(canonical.mean())


def inverse_root(covariance: Matrix) -> Matrix:
    """Return W with W' C W = 1 in the directions in which the covariance C is more than rounding."""
    values, directions = np.linalg.eigh(covariance)
    kept = values > 1e-6 * max(float(values[-1]), 1e-300)
    root: Matrix = directions[:, kept] / np.sqrt(values[kept])
    return root


def nearest_words(vectors: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the places of the NEIGHBOURS nearest words of each word, (K, at most NEIGHBOURS); -1 for absent words."""
    count = min(NEIGHBOURS, int(present.sum()) - 1)
    nearest = np.full((len(vectors), count), -1, np.int32)
    places = np.flatnonzero(present)
    kept = vectors[places]
    for begin in range(0, len(places), 512):
        cosines = kept[begin : begin + 512] @ kept.T
        own = np.arange(len(cosines))
        cosines[own, begin + own] = -np.inf
        nearest[places[begin : begin + 512]] = places[np.argpartition(cosines, -count, axis=1)[:, -count:]]
    return nearest


def neighbour_overlaps(nearest: Sequence[NDArray[np.int32]], present: NDArray[np.bool_]) -> Matrix:
    """Return for all pairs the mean share of a word's nearest words in both, over the words that both have.

    Nearest among the compared words that an analysis has; a word that the other lacks counts as not shared.
    """
    size = len(nearest)
    found = np.eye(size)
    for a in range(size):
        for b in range(a):
            both = present[a] & present[b]
            one, other = nearest[a][both], nearest[b][both]
            same = (one[:, :, None] == other[:, None, :]).sum()
            found[a, b] = found[b, a] = same / max(1, len(one)) / max(1, min(one.shape[1], other.shape[1]))
    return found


def overlaps(analyses: Sequence[Analysis]) -> Matrix:
    """Return for all pairs the shared words as a share of all words of the two: the whole vocabularies."""
    words = [frozenset(analysis.words) for analysis in analyses]
    found = np.eye(len(words))
    for a, one in enumerate(words):
        for b, other in enumerate(words[:a]):
            shared = len(one & other)
            found[a, b] = found[b, a] = shared / (len(one) + len(other) - shared)
    return found


def mean_of_pairs(pairs: Matrix) -> float | None:
    """Return the mean over all pairs of two different rows that have a value."""
    values = pairs[np.triu_indices(len(pairs), 1)]
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def jackknife(statistic: Sequence[float | None], value: float | None) -> float | None:
    """Return the standard error of `value` from the statistic without each host in turn; None for less than three.

    Pairs share hosts and are not independent; hosts are. Source: Efron and Stein, "The Jackknife Estimate of
    Variance", 1981; with U-statistics as here: Arvesen, "Jackknifing U-Statistics", 1969.
    """
    left = np.asarray([x for x in statistic if x is not None], float)
    if value is None or len(left) < 3:
        return None
    return float(np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum()))


def mean_and_error(pairs: Matrix) -> tuple[float | None, float | None]:
    """Return the mean over all pairs and its standard error by the jackknife over the rows."""
    mean = mean_of_pairs(pairs)
    without = [mean_of_pairs(np.delete(np.delete(pairs, i, 0), i, 1)) for i in range(len(pairs))]
    return mean, jackknife(without, mean)


def order_by_likeness(pairs: Matrix) -> list[int]:
    """Return the rows in an order in which like ones are neighbours.

    By the Fiedler vector: Atkins, Boman and Hendrickson, "A Spectral Algorithm for Seriation and the Consecutive Ones
    Problem", 1998.
    """
    weights = np.clip(np.nan_to_num(pairs), 0, None)
    np.fill_diagonal(weights, 0)
    _, directions = np.linalg.eigh(np.diag(weights.sum(axis=1)) - weights)
    return [int(i) for i in np.argsort(directions[:, min(1, len(pairs) - 1)], kind="stable")]
