"""How far two results agree: the words they share, the spaces their components span, the angles between words.

Single components of two runs swap places and rotate into each other, so whole spaces are compared, not columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vec2pca.analysis import unit_rows
from vec2pca.errors import Vec2pcaError

NEIGHBOURS = 10
MAX_WORDS = 2_000  # the most frequent shared words are compared: all pairs of more would need much memory


def basis(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis (words, rank) of the centred columns of `scores`."""
    left, singular, _ = np.linalg.svd(scores - scores.mean(axis=0), full_matrices=False)
    spanned: NDArray[np.float64] = left[:, singular > 1e-9 * max(float(singular[0]), 1e-300)]
    return spanned


def canonical_correlations(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[float]:
    """Return the canonical correlations of two score matrices with the same words as rows, largest first.

    They are the cosines of the angles between the two spaces (Bjorck and Golub, "Numerical Methods for Computing
    Angles Between Linear Subspaces", 1973): all 1 where one space is a rotated or stretched copy of the other.
    """
    cosines = np.linalg.svd(basis(a).T @ basis(b), compute_uv=False)
    return [float(c) for c in np.clip(cosines, 0.0, 1.0)]


def cosine_agreement(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the correlation between two sets of vectors (words, any length) in the cosines of all pairs of words.

    NaN where it is not defined: all cosines of a set are the same, as those of vectors with one feature may be.
    """
    upper = np.triu_indices(len(a), 1)
    first, second = ((m @ m.T)[upper] for m in (unit_rows(a), unit_rows(b)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(first, second)[0, 1])


def neighbour_overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the mean share of a word's nearest words (NEIGHBOURS of them, by cosine) that both sets agree on."""
    count = min(NEIGHBOURS, len(a) - 1)
    nearest = []
    for vectors in (unit_rows(a), unit_rows(b)):
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -np.inf)
        nearest.append(np.argsort(-cosines, axis=1, kind="stable")[:, :count])
    same = [len(np.intersect1d(x, y)) for x, y in zip(*nearest, strict=True)]
    return float(np.mean(same)) / count


def best_matches(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return for each component of A the component of B it correlates with most, and that correlation."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a component in which all words have one score
        table = np.nan_to_num(np.corrcoef(a.T, b.T)[: a.shape[1], a.shape[1] :])
    best = np.argmax(np.abs(table), axis=1)
    return [{"a": f"PC{i}", "b": f"PC{j}", "correlation": float(table[i, j])} for i, j in enumerate(best.tolist())]


def compare(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Compare two results as `--json` writes them. Raises `Vec2pcaError` when they share too few words."""
    row_in_b = {word: i for i, word in enumerate(b["words"])}
    shared = [(i, row_in_b[word]) for i, word in enumerate(a["words"]) if word in row_in_b]
    components = max(len(a["components"]), len(b["components"]))
    if len(shared) <= components + 1:
        raise Vec2pcaError(f"the results share {len(shared)} words: too few to compare {components} components")
    rows = [list(side) for side in zip(*shared[:MAX_WORDS], strict=True)]
    scores_a, scores_b = (np.asarray(r["scores"], float)[i] for r, i in zip((a, b), rows, strict=True))
    vectors_a, vectors_b = (np.asarray(r["vectors"], float)[i] for r, i in zip((a, b), rows, strict=True))
    canonical = canonical_correlations(scores_a, scores_b)
    agreement = cosine_agreement(vectors_a, vectors_b)
    return {
        "words_a": len(a["words"]),
        "words_b": len(b["words"]),
        "shared": len(shared),
        "overlap": len(shared) / (len(a["words"]) + len(b["words"]) - len(shared)),
        "canonical_correlation": float(np.mean(canonical)) if canonical else None,
        "canonical_correlations": canonical,
        "cosine_agreement": agreement if np.isfinite(agreement) else None,
        "neighbour_overlap": neighbour_overlap(vectors_a, vectors_b),
        "components": best_matches(scores_a, scores_b),
    }


def figure(value: float | None) -> str:
    """Return a measure as readers see it."""
    return "n/a  " if value is None else f"{value:.3f}"


def as_text(agreement: dict[str, Any]) -> str:
    """Return the result of `compare` as a table for people."""
    rows = [
        ("words", f"{agreement['words_a']:,} and {agreement['words_b']:,}, {agreement['shared']:,} shared"),
        ("overlap", f"{agreement['overlap']:.3f}  shared words of all words"),
        ("canonical correlation", f"{figure(agreement['canonical_correlation'])}  mean, between the component spaces"),
        (
            "cosine agreement",
            f"{figure(agreement['cosine_agreement'])}  correlation of the cosines of all pairs of words",
        ),
        ("neighbour overlap", f"{agreement['neighbour_overlap']:.3f}  shared among the {NEIGHBOURS} nearest of a word"),
    ]
    rows += [(m["a"], f"{m['correlation']:+.3f} with {m['b']}") for m in agreement["components"]]
    return "\n".join(f"{label:22} {value}" for label, value in rows)
