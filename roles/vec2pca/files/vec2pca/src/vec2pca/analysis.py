"""The analysis: text -> words -> vectors -> principal components."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vec2pca import __version__
from vec2pca.progress import Progress
from vec2pca.settings import Settings
from vec2pca.text import choose_vocabulary, read_corpus
from vec2pca.train import pick_engine

FORMAT = "vec2pca/1"
FREQUENT = 100  # words, whose scores decide the sign of a component

Float = TypeVar("Float", bound="np.floating[Any]")


@dataclass(frozen=True)
class Result:
    """One analysis.

    words, counts: the vocabulary, most frequent first. vectors: (words, features), length 1.
    scores: (words, components). variance: the share of the whole variance each component explains.
    corpus: what was read. parameters: how it was computed (min_count as used, engine, versions).
    """

    words: list[str]
    counts: list[int]
    vectors: NDArray[np.float32]
    scores: NDArray[np.float64]
    variance: list[float]
    corpus: dict[str, Any]
    parameters: dict[str, Any]

    def as_json(self, title: str, about: dict[str, Any]) -> str:
        """Return the machine-readable form: one JSON object with the keys below, rows in the order of `words`."""
        return json.dumps(
            {
                "format": FORMAT,
                "title": title,
                "about": about,
                "parameters": self.parameters,
                "corpus": self.corpus,
                "components": [
                    {"name": f"PC{i}", "variance": round(share, 6)} for i, share in enumerate(self.variance)
                ],
                "words": self.words,
                "counts": self.counts,
                "scores": np.round(self.scores, 5).tolist(),
                "vectors": [[round(x, 4) for x in row] for row in self.vectors.tolist()],
            },
            ensure_ascii=False,
        )


def unit_rows(vectors: NDArray[Float]) -> NDArray[Float]:
    """Return `vectors` (words, features) scaled to length 1."""
    scaled: NDArray[Float] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def principal_components(vectors: NDArray[np.float32], components: int) -> tuple[NDArray[np.float64], list[float]]:
    """Return the scores (words, components) and each component's share of the variance.

    The components are the right singular vectors of the centred matrix, computed in double precision. Their sign is
    arbitrary, so it is fixed by `orient`. Needs at least `components` rows and columns.
    """
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    variance = singular**2
    shares = variance / (variance.sum() or 1.0)
    return orient(left[:, :components] * singular[:components]), shares[:components].tolist()


def orient(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flip columns of `scores` (words, most frequent first, components): the most frequent words are at the high end.

    The rule: the scores of the FREQUENT most frequent words add up to a positive number. Of the rules tried (also
    the longer tail, the outermost word, the correlation with a word's length) it came out the same most often for
    components that two runs on different samples or seeds have in common: 132 of 143 times (README.md).
    """
    flip: NDArray[np.float64] = np.where(scores[:FREQUENT].sum(axis=0) < 0, -1.0, 1.0)
    return scores * flip


def analyse(path: Path, settings: Settings, progress: Progress | None = None) -> Result:
    """Analyse the text file `path`. Raises `Vec2pcaError`; its message names the fix."""
    train, engine = pick_engine(settings)
    corpus = read_corpus(path, unicode=settings.unicode, workers=settings.workers, progress=progress)
    vocabulary, min_count = choose_vocabulary(corpus, settings.min_count, settings.components)
    vectors = unit_rows(train(corpus, vocabulary, settings, progress))
    scores, variance = principal_components(vectors, settings.components)
    chosen = vocabulary.tolist()
    return Result(
        words=[corpus.words[i] for i in chosen],
        counts=corpus.counts[vocabulary].tolist(),
        vectors=vectors,
        scores=scores,
        variance=variance,
        corpus={
            "lines": corpus.lines,
            "sentences": corpus.sentences,
            "empty_sentences": corpus.empty_sentences,
            "split_sentences": corpus.split_sentences,
            "words": corpus.tokens,
            "different_words": len(corpus.words),
            "vocabulary": len(chosen),
            "replaced_bytes": corpus.replaced_bytes,
            "sha256": corpus.sha256,
        },
        parameters={
            # without the number of workers, on which the result must not depend
            **{name: value for name, value in asdict(settings).items() if name != "workers"},
            "min_count": min_count,
            "min_count_chosen": settings.min_count is None,
            **engine,
            "vec2pca": __version__,
            "numpy": np.__version__,
            "nltk": importlib.metadata.version("nltk"),
        },
    )
