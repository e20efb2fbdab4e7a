"""What many results have in common: their tables turned onto each other, and what each word and component varies.

Components of two analyses swap, mirror and rotate into each other, and so do the axes of word vectors. Generalised
Procrustes analysis turns all tables onto their mean: Gower, "Generalized Procrustes Analysis", 1975; one turn onto
another: Schoenemann, "A Generalized Solution of the Orthogonal Procrustes Problem", 1966. For word vectors of several
corpora: Hamilton, Leskovec and Jurafsky, "Diachronic Word Embeddings Reveal Statistical Laws of Semantic Change", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vec2pca.agreement import Matrix, Stack, nearest_words
from vec2pca.analysis import orient
from vec2pca.progress import Progress

MOST_TURNS = 30
SETTLED = 1e-6  # relative change of the sum of squares at which the turning ends
HAS_IT = 0.7  # least correlation at which a result has a component of the consensus: half of its variance
ENDS = 10  # words at each end of a component


@dataclass(frozen=True)
class Consensus:
    """Tables turned onto their mean.

    mean: (K, columns); rotations: (tables, columns, columns), orthogonal; shifts: what each table is moved by after it
    is turned, (tables, columns).
    """

    mean: Matrix
    rotations: Matrix
    shifts: Matrix


def rotation(table: Matrix, onto: Matrix) -> Matrix:
    """Return the orthogonal matrix, mirrorings included, that turns `table` onto `onto` with the least squares."""
    left, _, right = np.linalg.svd(table.T @ onto)
    turned: Matrix = left @ right
    return turned


def align(
    tables: NDArray[np.float32],
    present: NDArray[np.bool_],
    *,
    first: int,
    centred: bool,
    progress: Progress | None = None,
) -> Consensus:
    """Turn `tables` (tables, K, columns) onto their mean, beginning with table `first`.

    A table counts only for the words that it has (`present`). `centred` also moves the tables onto each other.
    """
    size, _, columns = tables.shape
    holders = np.maximum(present.sum(axis=0), 1)[:, None]
    rotations = np.tile(np.eye(columns), (size, 1, 1))
    shifts = np.zeros((size, columns))
    mean, known = tables[first].astype(np.float64), present[first]
    before = np.inf
    for turn in range(MOST_TURNS):
        total = np.zeros_like(mean)
        squares = 0.0
        for i in range(size):
            shared = present[i] & known
            table, onto = tables[i][shared].astype(np.float64), mean[shared]
            middle = (table.mean(axis=0), onto.mean(axis=0)) if centred and shared.any() else (0.0, 0.0)
            rotations[i] = rotation(table - middle[0], onto - middle[1])
            shifts[i] = middle[1] - middle[0] @ rotations[i] if centred else 0
            turned = (tables[i] @ rotations[i] + shifts[i]) * present[i][:, None]
            total += turned
            squares += float(((turned - mean)[shared] ** 2).sum())
        mean, known = total / holders, present.any(axis=0)
        if progress:
            progress("align", turn + 1, MOST_TURNS)
        if turn and abs(before - squares) <= SETTLED * max(before, 1e-12):
            break
        before = squares
    if progress:
        progress("align", MOST_TURNS, MOST_TURNS)
    return Consensus(mean, rotations, shifts)


def turned_table(consensus: Consensus, tables: NDArray[np.float32], i: int) -> Matrix:
    """Return table `i`, turned onto the mean."""
    turned: Matrix = tables[i] @ consensus.rotations[i] + consensus.shifts[i]
    return turned


def correlation(a: Matrix, b: Matrix) -> float:
    """Return the correlation of two columns, 0 where one does not vary."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-12 else 0.0


def components(stacked: Stack, variances: Sequence[Sequence[float]], first: int) -> list[dict[str, Any]]:
    """Return the components of the consensus, the largest first, and how each analysis has them.

    variances: each analysis' shares of the variance, by which the share of a component of the consensus is told.
    """
    tables, present = stacked.scores, stacked.present
    consensus = align(tables, present, first=first, centred=True)
    centred = consensus.mean - consensus.mean.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    scores = orient(centred @ axes.T)
    axes = axes * np.where((centred @ axes.T * scores).sum(axis=0) < 0, -1.0, 1.0)[:, None]
    aligned = [(turned_table(consensus, tables, i) - consensus.mean.mean(axis=0)) @ axes.T for i in range(len(tables))]
    whole = [
        float((table[has, 0] - table[has, 0].mean()) @ (table[has, 0] - table[has, 0].mean())) / (shares[0] or 1)
        for table, has, shares in zip(tables.astype(np.float64), present, variances, strict=True)
    ]
    return [
        component_of(c, scores[:, c], [part[:, c] for part in aligned], stacked, float(np.mean(whole)))
        for c in range(scores.shape[1])
    ]


def component_of(
    number: int, scores: Matrix, aligned: Sequence[Matrix], stacked: Stack, whole: float
) -> dict[str, Any]:
    """Return one component of the consensus: its two ends, and for each analysis how well it has it."""
    present, words = stacked.present, stacked.words
    hosts: list[dict[str, Any]] = []
    for i, column in enumerate(aligned):
        has = present[i]
        own = [
            correlation(stacked.scores[i][has, c].astype(np.float64), scores[has]) for c in range(stacked.components)
        ]
        best = int(np.argmax(np.abs(own)))
        hosts.append(
            {
                "correlation": round(correlation(column[has], scores[has]), 4),
                "component": f"PC{best}",
                "own_correlation": round(own[best], 4),
            }
        )
    order = np.argsort(scores, kind="stable").tolist()
    ends = {"low": order[:ENDS], "high": order[::-1][:ENDS]}
    outermost = [
        {
            "low": set(np.argsort(np.where(has, column, np.inf), kind="stable")[:ENDS].tolist()),
            "high": set(np.argsort(np.where(has, -column, np.inf), kind="stable")[:ENDS].tolist()),
        }
        for column, has in zip(aligned, present, strict=True)
    ]
    return {
        "name": f"C{number}",
        "variance": round(float(scores @ scores) / whole, 6) if whole else None,
        "found": sum(host["correlation"] >= HAS_IT for host in hosts),
        "correlation": round(float(np.mean([host["correlation"] for host in hosts])), 4),
        "hosts": hosts,
        **{
            side: [
                {
                    "word": words[place],
                    "score": round(float(scores[place]), 4),
                    "hosts": sum(place in outer[side] for outer in outermost),
                }
                for place in places
            ]
            for side, places in ends.items()
        },
    }


@dataclass(frozen=True)
class WordSpread:
    """How much each compared word varies over the analyses, (K,), NaN where fewer than two have it.

    holders: how many have it. spread: 1 - the mean cosine of its aligned vectors, over all pairs of analyses.
    neighbours: the mean overlap of its nearest words, over all pairs (Wendlandt, Kummerfeld and Mihalcea, 2018).
    deviation: the standard deviation over the analyses of the cosine with a word, averaged over its nearest words in
    the consensus (Antoniak and Mimno, 2018).
    """

    holders: NDArray[np.int64]
    spread: Matrix
    neighbours: Matrix
    deviation: Matrix


def word_spread(stacked: Stack, consensus: Consensus, nearest: Sequence[NDArray[np.int32]]) -> WordSpread:
    """Return how much each word varies; `consensus` is that of the vectors, `nearest` the nearest words of each."""
    tables, present = stacked.vectors, stacked.present
    size = len(stacked.words)
    holders = present.sum(axis=0)
    pairs = holders * (holders - 1)
    total = np.zeros((size, tables.shape[2]))
    shared = np.zeros((size, size), np.uint16)
    for i, near in enumerate(nearest):
        total += turned_table(consensus, tables, i)
        rows = np.flatnonzero(present[i])
        shared[rows[:, None], near[rows]] += 1
    lengths = np.maximum(np.linalg.norm(consensus.mean, axis=1, keepdims=True), 1e-12)
    typical = nearest_words((consensus.mean / lengths).astype(np.float32), np.ones(size, bool))
    count, sums, squares = (np.zeros(typical.shape) for _ in range(3))
    for i in range(len(tables)):
        both = present[i][:, None] & present[i][typical]
        cosines = np.einsum("kd,knd->kn", tables[i], tables[i][typical]) * both
        count += both
        sums += cosines
        squares += cosines.astype(np.float64) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = 1 - ((total**2).sum(axis=1) - holders) / pairs
        agreed = np.einsum("kn,kn->k", shared, shared, dtype=np.int64) - shared.sum(axis=1, dtype=np.int64)
        width = min(near.shape[1] for near in nearest)
        neighbours = agreed / (width * pairs)
        variance = (squares - sums**2 / count) / (count - 1)
        deviation = np.sqrt(np.clip(np.where(count > 1, variance, np.nan), 0, None))
        known = np.isfinite(deviation)
        mean = np.where(known, deviation, 0).sum(axis=1) / known.sum(axis=1)
    alone = holders < 2
    return WordSpread(holders, *(np.where(alone, np.nan, values) for values in (spread, neighbours, mean)))
