"""The analysis: text -> words -> vectors -> principal components."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vec2pca import __version__
from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.content.source import Source
from vec2pca.memory import check_memory
from vec2pca.progress import Progress
from vec2pca.settings import Settings
from vec2pca.text import Facts, choose_vocabulary, read_corpus
from vec2pca.train import pick_engine

FORMAT = "vec2pca/1"
FREQUENT = 100  # words, whose scores decide the sign of a component

Float = TypeVar("Float", bound="np.floating[Any]")


@dataclass(frozen=True)
class Result:
    """One analysis.

    words, counts: the vocabulary, most frequent first. vectors: (words, features), length 1.
    scores: (words, components). variance: the share of the whole variance each component explains.
    corpus: what was read. parameters: how it was computed (min_count as used, engine, versions). warnings: what was
    passed over in reading.
    """

    words: list[str]
    counts: list[int]
    vectors: NDArray[np.float32]
    scores: NDArray[np.float64]
    variance: list[float]
    corpus: dict[str, Any]
    parameters: dict[str, Any]
    warnings: list[str] = field(default_factory=list)

    def as_json(self, title: str, about: dict[str, Any], cluster: dict[str, Any] | None = None) -> str:
        """Return the machine-readable form: one JSON object with the keys below, rows in the order of `words`.

        `cluster` is, under that key, what an analysis on one cost.
        """
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
                **({"cluster": cluster} if cluster else {}),
            },
            ensure_ascii=False,
            allow_nan=False,
        )


def unit_rows(vectors: NDArray[Float]) -> NDArray[Float]:
    """Return `vectors` (words, features) scaled to length 1; one of length 0 stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[Float] = vectors / np.where(lengths == 0, lengths.dtype.type(1), lengths)
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


def analyse(source: Source, settings: Settings, progress: Progress | None = None) -> Result:
    """Analyse a file of text, plain or compressed. Raises LabError; its message names the fix."""
    source.require_text()
    train, engine = pick_engine(settings)
    check_memory(settings.components, settings)
    corpus = read_corpus(source, unicode=settings.unicode, workers=settings.workers, progress=progress)
    vocabulary, min_count = choose_vocabulary(corpus, settings.min_count, settings.components)
    check_memory(len(vocabulary), settings)
    vectors = train(corpus, vocabulary, settings, progress)
    words = [corpus.words[i] for i in vocabulary.tolist()]
    result = make_result(words, corpus.counts[vocabulary], vectors, corpus.facts, settings, min_count, engine)
    result.warnings.extend(source.warnings)
    return result


def make_result(
    words: list[str],
    counts: NDArray[np.int64],
    vectors: NDArray[np.float32],
    facts: Facts,
    settings: Settings,
    min_count: int,
    engine: dict[str, Any],
) -> Result:
    """Return the result of a training: `vectors` (words, features) of the vocabulary, most frequent first."""
    with np.errstate(over="ignore"):
        if not np.isfinite(np.linalg.norm(vectors)):
            raise Vec2pcaError(
                "the training diverged: the vectors hold what is not a number, and nothing was written. Try another "
                f"--seed, or fewer --epochs; if it stays so, report it with these settings: {settings}"
            )
    vectors = unit_rows(vectors)
    scores, variance = principal_components(vectors, settings.components)
    return Result(
        words=words,
        counts=counts.tolist(),
        vectors=vectors,
        scores=scores,
        variance=variance,
        corpus={**asdict(facts), "vocabulary": len(words)},
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


def warnings_of(result: Result, text: str) -> list[str]:
    """Return what the user should know of a result of `text`; the reason why there is no kernel leaves it for that."""
    found = [*result.warnings]
    if reason := result.parameters.pop("kernel_error", None):
        found.append(
            f"used gensim, which is slower, because the kernel is unavailable: {reason}. Install a C compiler (gcc)"
        )
    if result.corpus["replaced_bytes"]:
        found.append(f"{result.corpus['replaced_bytes']:,} places in {text} were not UTF-8 and were replaced")
    if result.corpus["split_sentences"]:
        found.append(f"{result.corpus['split_sentences']:,} sentences were over 10,000 words and were split")
    if result.parameters["min_count_chosen"]:
        found.append(f"--min-count auto chose {result.parameters['min_count']}: {len(result.words):,} words")
    return found
