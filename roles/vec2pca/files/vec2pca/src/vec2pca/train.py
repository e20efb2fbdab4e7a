"""Word vectors by skip-gram with negative sampling.

Source: Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality", 2013.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable, Iterator
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from vec2pca.errors import Vec2pcaError
from vec2pca.kernel import KernelError, load, train_kernel
from vec2pca.progress import Progress
from vec2pca.settings import Settings
from vec2pca.text import END, Corpus, blocks

# Trains: (corpus, ids of the vocabulary, settings, progress) -> vectors (vocabulary, features) in that order
Engine = Callable[[Corpus, NDArray[np.int64], Settings, Optional[Progress]], NDArray[np.float32]]


class Sentences:
    """The sentences of a corpus as lists of words, which gensim reads in every epoch."""

    def __init__(self, corpus: Corpus, epochs: int, progress: Progress | None) -> None:
        """Read from `corpus`; `epochs` is only for `progress`."""
        self.corpus = corpus
        self.progress = progress
        self.done = 0
        self.total = epochs * corpus.facts.words

    def __iter__(self) -> Iterator[list[str]]:
        """Yield one list of words per sentence."""
        words = self.corpus.words
        for block in blocks(self.corpus.ids):
            begin = 0
            ends = np.flatnonzero(block == END).tolist()
            for end in ends:
                yield [words[i] for i in block[begin:end].tolist()]
                begin = end + 1
            self.done += len(block) - len(ends)
            if self.progress:
                self.progress("train", self.done, self.total, words=self.done)


def pick_engine(settings: Settings) -> tuple[Engine, dict[str, Any]]:
    """Return what trains, and the facts about it. Called before the text is read, so that a failure comes early.

    Engine "auto" is the kernel where it can be compiled, otherwise gensim, and then the facts hold the reason.
    """
    facts: dict[str, Any] = {}
    if settings.engine != "gensim":
        try:
            return functools.partial(train_kernel, load()), {"engine": "kernel", "repeatable": True}
        except KernelError as error:
            if settings.engine == "kernel":
                raise Vec2pcaError(
                    f"the kernel is unavailable: {error}. Install a C compiler (gcc), or use --engine gensim"
                ) from error
            facts["kernel_error"] = str(error)
    version = importlib.metadata.version("gensim")
    return train_gensim, {**facts, "engine": "gensim", "gensim": version, "repeatable": (settings.workers or 1) == 1}


def train_gensim(
    corpus: Corpus, vocabulary: NDArray[np.int64], settings: Settings, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Return the vectors of `vocabulary` by gensim, the reference.

    The same seed gives the same vectors with one worker only: more of them race for the same matrix.
    """
    from gensim.models import Word2Vec

    model = Word2Vec(
        sg=1,
        vector_size=settings.features,
        window=settings.window,
        min_count=1,  # the vocabulary is already chosen
        sample=settings.sample,
        epochs=settings.epochs,
        seed=settings.seed,
        workers=settings.workers or 1,
    )
    counts = {corpus.words[i]: int(corpus.counts[i]) for i in vocabulary.tolist()}
    model.build_vocab_from_freq(counts, corpus_count=corpus.facts.sentences)
    sentences = Sentences(corpus, settings.epochs, progress)
    model.train(sentences, total_words=corpus.facts.words, epochs=settings.epochs)
    vectors: NDArray[np.float32] = model.wv[list(counts)]
    return vectors
