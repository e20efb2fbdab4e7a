"""Models of slices put together: what is known in closed form comes out, and slices in turn are the whole text."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from vec2pca.cluster.combining import CURVATURE, Exposure, Trained, balance, boost_of, combine, extrapolate, imbalance
from vec2pca.cluster.training import Round, count_words, train_slice
from vec2pca.compare import cosine_agreement
from vec2pca.kernel import FIRST_RATE, LAST_RATE, Tables, first_vectors, load, train_kernel
from vec2pca.labserver.content.source import Source
from vec2pca.settings import Settings
from vec2pca.text import END, Corpus, choose_vocabulary, read_corpus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

RANDOM = np.random.default_rng(1)
needs_compiler = pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler")


def matrix(rows: int, columns: int) -> NDArray[np.float32]:
    return RANDOM.normal(size=(rows, columns)).astype(np.float32)


def test_balance_changes_no_score_and_reaches_its_target() -> None:
    inputs, outputs = matrix(300, 8), matrix(300, 8)
    scores = inputs @ outputs.T
    change = 40 * RANDOM.normal(size=(8, 8))
    target = imbalance(inputs, outputs) + change + change.T
    balance(inputs, outputs, target)
    np.testing.assert_allclose(inputs @ outputs.T, scores, atol=1e-4)
    np.testing.assert_allclose(imbalance(inputs, outputs), target, atol=0.06)  # 1e-5 of the trace is where it ends


def test_balance_leaves_a_padded_column_alone() -> None:
    inputs, outputs = matrix(300, 8), matrix(300, 8)
    inputs[:, 6:], outputs[:, 6:] = 0, 0
    balance(inputs, outputs, imbalance(inputs, outputs) * 1.5)
    assert not inputs[:, 6:].any()
    assert np.isfinite(outputs).all()


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("boost", [1.0, 2.0])
def test_slices_that_pull_linearly_come_out_as_in_turn(count: int, boost: float) -> None:
    """Rows that go to their goals by a share of the way in each direction: the model that `extrapolate` assumes."""
    rows, width = 50, 6
    values, (axes, _) = np.linspace(0.1, 5, width), np.linalg.qr(RANDOM.normal(size=(width, width)))
    updates = np.linspace(0.01, 3, rows)
    base, goal = (RANDOM.normal(size=(rows, width)) for _ in range(2))

    def pull(start: NDArray[np.float64], slices: float) -> NDArray[np.float64]:
        left = np.exp(-np.multiply.outer(updates, values) * slices / count)
        return goal + ((start - goal) @ axes * left) @ axes.T

    change = (count * (pull(base, boost) - base)).astype(np.float32)
    found = base.astype(np.float32)
    extrapolate(found, change, count, updates, (axes * values) @ axes.T, boost)
    np.testing.assert_allclose(found, pull(base, count), atol=1e-4)


def test_a_round_without_words_changes_nothing() -> None:
    inputs, outputs = matrix(20, 8), matrix(20, 8)
    before = inputs.copy(), outputs.copy()
    exposure = Exposure.of(np.arange(20, 0, -1), np.full(20, 2**32 - 1, np.uint32), 1000, 5)
    target = imbalance(inputs, outputs)
    assert (combine(inputs, outputs, target, [], exposure, 0, 0.01, 1.0) == target).all()
    assert (inputs == before[0]).all()
    assert (outputs == before[1]).all()


def test_the_order_of_the_results_is_the_order_of_the_sum() -> None:
    changes = [Trained(matrix(20, 8) / 100, matrix(20, 8) / 100, np.zeros((8, 8))) for _ in range(3)]
    exposure = Exposure.of(np.arange(20, 0, -1), np.full(20, 2**32 - 1, np.uint32), 1000, 5)
    first, results = (matrix(20, 8), matrix(20, 8)), []
    for _ in range(2):
        inputs, outputs = (part.copy() for part in first)
        combine(inputs, outputs, imbalance(inputs, outputs), iter(changes), exposure, 1000, 0.01, 2.0)
        results.append(inputs.tobytes() + outputs.tobytes())
    assert results[0] == results[1]


@pytest.fixture
def corpus(tmp_path: Path, topic_text: Callable[[int], str]) -> Corpus:
    path = tmp_path / "text"
    path.write_text(topic_text(1500))
    return read_corpus(Source(path))


def pieces_of(corpus: Corpus, number: int) -> list[list[tuple[tuple[int, int, int], bytes]]]:
    """Cut a corpus into slices, each of two pieces."""
    ends = np.flatnonzero(corpus.ids == END) + 1
    cuts = [0, *(int(ends[len(ends) * i // (2 * number)]) for i in range(1, 2 * number)), len(corpus.ids)]
    parts = [corpus.ids[a:b].astype(np.int32).tobytes() for a, b in zip(cuts, cuts[1:], strict=False)]
    return [[((i, 0, j), parts[2 * i + j]) for j in range(2)] for i in range(number)]


def task(corpus: Corpus, settings: Settings, model: object, begins: dict[int, int], boost: float = 1.0) -> Round:
    counts = corpus.counts
    tables = SimpleNamespace(value=Tables.of(counts, settings.sample))
    total = corpus.facts.words * settings.epochs
    return Round(SimpleNamespace(value=model), tables, begins, total, boost, settings)


def in_order(corpus: Corpus) -> Corpus:
    """The corpus with its words numbered by how often they occur, as slices have them."""
    order, _ = choose_vocabulary(corpus, 1, 2)
    place = np.append(np.argsort(order), END).astype(np.int32)
    return Corpus([corpus.words[i] for i in order], corpus.counts[order], place[corpus.ids], corpus.facts)


@needs_compiler
def test_slices_in_turn_are_the_training_of_one_machine(corpus: Corpus) -> None:
    """What is drawn for a sentence depends on its place alone, wherever the text is cut."""
    corpus, settings = in_order(corpus), Settings(features=16, epochs=2)
    expected = train_kernel(load(), corpus, np.arange(len(corpus.words)), settings)
    vectors = first_vectors(len(corpus.words), 16, settings.seed)
    model = vectors, np.zeros_like(vectors)
    done = 0
    for _ in range(settings.epochs):
        for number, pieces in enumerate(pieces_of(corpus, 3)):
            ((_, words),) = count_words(number, pieces)
            (trained,) = train_slice(task(corpus, settings, model, {number: done}), pieces)
            # exact: what is added back is what was subtracted, to the last bits of a float
            model = model[0] + trained.inputs, model[1] + trained.outputs
            done += words
    assert done == corpus.facts.words * settings.epochs
    np.testing.assert_allclose(model[0][:, :16], expected, atol=1e-5)


@needs_compiler
def test_slices_at_a_time_come_near_to_it(corpus: Corpus) -> None:
    corpus, settings, parts, rounds = in_order(corpus), Settings(features=16, epochs=5), 4, 8
    expected = train_kernel(load(), corpus, np.arange(len(corpus.words)), settings)
    vectors = first_vectors(len(corpus.words), 16, settings.seed)
    output, boost, done = np.zeros_like(vectors), boost_of(parts), 0
    exposure = Exposure.of(corpus.counts, Tables.of(corpus.counts, 1e-3).keep, corpus.facts.words, settings.window)
    target, slices = imbalance(vectors, output), pieces_of(corpus, parts * rounds)
    total = corpus.facts.words * settings.epochs
    for _ in range(settings.epochs):
        for first in range(0, parts * rounds, parts):
            begins, before = {}, done
            for number in range(first, first + parts):
                begins[number] = done
                done += sum(words for _, words in count_words(number, slices[number]))
            now = task(corpus, settings, (vectors.copy(), output.copy()), begins, boost)
            trained = [one for number in begins for one in train_slice(now, slices[number])]
            rate = FIRST_RATE - (FIRST_RATE - LAST_RATE) * (before + done) / 2 / total
            target = combine(vectors, output, target, trained, exposure, done - before, rate, boost)
    assert cosine_agreement(vectors.astype(float), expected.astype(float)) > 0.95


def test_the_rate_is_raised_with_the_parts() -> None:
    assert [boost_of(parts) for parts in (1, 2, 3, 4, 64)] == [1, 1, 1.5, 2, 2]
    assert 0 < CURVATURE < 0.25  # the most that s (1 - s) can be


def test_an_empty_slice_sends_nothing(corpus: Corpus) -> None:
    settings = Settings(features=16)
    vectors = first_vectors(len(corpus.words), 16, 1)
    assert list(train_slice(task(corpus, settings, (vectors, vectors), {}), [])) == []
