"""Training on slices of the text by the executors: after each round the driver puts the models together."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vec2pca.cluster.combining import Exposure, Trained, boost_of, combine, imbalance
from vec2pca.cluster.corpus import Key, Text, Vocabulary, slice_text
from vec2pca.cluster.reading import load_kernel
from vec2pca.cluster.session import Session
from vec2pca.kernel import FIRST_RATE, LAST_RATE, Tables, first_vectors, make_model, random_seed
from vec2pca.progress import Progress
from vec2pca.settings import Settings
from vec2pca.text import END

Pieces = Iterable[tuple[Key, bytes]]  # of one slice, as `slice_text` makes them


@dataclass(frozen=True)
class Round:
    """What the executors need to train the slices of a round.

    model, tables: broadcast (vectors, output) and `Tables`. begins: words of the whole training before each slice;
    total: words of it in the end. boost: as `boost_of` the parts.
    """

    model: Any
    tables: Any
    begins: dict[int, int]
    total: int
    boost: float
    settings: Settings


def train_averaged(
    parts: int,
    rounds: int,
    session: Session,
    text: Text,
    vocabulary: Vocabulary,
    settings: Settings,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """Return the vectors (words, features) that are learnt on `parts` slices at a time, `rounds` times an epoch.

    The slices of a round are neighbours in the text; how what they learn becomes one model: `combining`.
    """
    from pyspark import StorageLevel

    context, boost = session.context, boost_of(parts)
    slices = slice_text(session, text, vocabulary, parts * rounds).persist(StorageLevel.DISK_ONLY)
    with session.phase("slice"):
        sizes = dict(slices.mapPartitionsWithIndex(count_words).collect())
    text.records.unpersist()
    vectors = first_vectors(len(vocabulary.words), settings.features, settings.seed)
    output = np.zeros_like(vectors)
    if len(vocabulary.words) == 1:  # there are no negatives to draw
        return vectors[:, : settings.features]
    tables = Tables.of(vocabulary.counts, settings.sample)
    exposure = Exposure.of(vocabulary.counts, tables.keep, text.facts.words, settings.window)
    shared_tables = context.broadcast(tables)
    target = imbalance(vectors, output)
    total, done = text.facts.words * settings.epochs, 0
    with session.phase("train", watch=False) as note:
        note["rounds"] = settings.epochs * rounds
        for _ in range(settings.epochs):
            for first in range(0, parts * rounds, parts):
                numbers = [number for number in range(first, first + parts) if sizes[number]]
                begins, before = {}, done
                for number in numbers:
                    begins[number] = done
                    done += sizes[number]
                model = context.broadcast((vectors, output))
                task = Round(model, shared_tables, begins, total, boost, settings)
                trained = context.runJob(slices, session.timed(functools.partial(train_slice, task)), numbers)
                model.destroy()
                rate = FIRST_RATE - (FIRST_RATE - LAST_RATE) * (before + done) / 2 / total
                target = combine(vectors, output, target, trained, exposure, done - before, rate, boost)
                if progress:
                    progress("train", done, total, words=done)
    return vectors[:, : settings.features]


def count_words(number: int, pieces: Pieces) -> Iterator[tuple[int, int]]:
    """Yield the number of a slice and how many words are in it."""
    yield number, sum(int(np.count_nonzero(np.frombuffer(ids, np.int32) != END)) for _, ids in pieces)


def train_slice(task: Round, pieces: Pieces) -> Iterator[Trained]:
    """Yield what a slice changes in the model: nothing where it is empty."""
    train, settings = load_kernel(), task.settings
    base = task.model.value
    vectors, output = (matrix.copy() for matrix in base)
    size = len(vectors)
    place = np.append(np.arange(size, dtype=np.int32), np.int32(-1))  # the last: words not in the vocabulary
    kernel = None
    for (number, _, _), ids in pieces:
        kernel = kernel or make_model(
            task.tables.value,
            place,
            vectors,
            output,
            total=task.total,
            done=task.begins[number],
            seed=random_seed(settings.seed),
            first_rate=FIRST_RATE * task.boost,
            last_rate=LAST_RATE * task.boost,
            window=settings.window,
        )
        block = np.frombuffer(ids, np.int32)
        train(ctypes.byref(kernel), block.ctypes.data, len(block))
    if kernel:
        changed = imbalance(vectors, output) - imbalance(*base)
        yield Trained(vectors - base[0], output - base[1], changed)
