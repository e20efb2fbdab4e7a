"""Combine the models that P executors trained, so that the result is close to that of one machine.

Each round of an epoch trains P neighbouring slices of the text at once, each from the same model, and adds up what they
changed. Three things make the sum behave as if the slices had been trained one after the other:

1. The slices of a round are neighbours in the text, so its order is kept (it matters more than P does).
2. `extrapolate`: where a slice alone brings a row near its equilibrium, P slices in turn would not bring it P times as
   far. For a row updated n times at rate r by vectors with second moment M, the distance to the equilibrium shrinks in
   the eigendirection with value l by exp(-c n r l): the linear model of a gradient descent. It says what P slices in
   turn do, from what they do at once. A factor a row is not enough: all rows are fast in the common direction of all
   words and slow in the others. (The same composition of a linear model is the coarse step of "parareal": Lions, Maday
   and Turinici, "Resolution d'EDP par un schema en temps parareel", 2001.)
3. `balance`: scores x.y do not change when the inputs x become x T and the outputs y become y T^-T. Which of these
   equivalent models training reaches is decided by X'X - Y'Y, which gradient flow conserves (Arora, Cohen and Hazan,
   "On the Optimization of Deep Networks", 2018; Du, Hu and Lee, "Algorithmic Regularization in Learning Deep
   Homogeneous Models", 2018) and finite steps change by terms of second order in the rate. Sums and averages of models
   break it; the lengths of the vectors along the common direction, and so all cosines, were wrong by that. Each
   executor measures what its slice changed; the driver adds that up and turns the combined model to it.

How near it comes, and what else was tried: docs/cluster.md of labserver. Shapes: V words, W padded features. Memory:
model and accumulator, 4 * V * W floats, and the results of the executors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vec2pca.kernel import NEGATIVES

Float: TypeAlias = NDArray[np.float32]
Double: TypeAlias = NDArray[np.float64]

MOST_BOOST = 2.0
CURVATURE = 0.14  # mean of s (1 - s), s the sigmoid of a score; from 0.1 to 0.3 makes little difference
ROWS = 4096  # handled at a time


def boost_of(parts: int) -> float:
    """Return the multiple of the learning rate that executors train with: less is left to extrapolate, with more noise.

    1 for one or two parts, 2 for four or more.
    """
    return min(MOST_BOOST, max(1.0, parts / 2))


@dataclass(frozen=True)
class Exposure:
    """How often the rows are updated, by one word read: expected numbers, (V,) each.

    inputs: of input rows, counting each of the 1 + NEGATIVES outputs of a pair. outputs: of output rows.
    kept: the share of each word in the text that is trained on, adding up to 1.
    """

    inputs: Double
    outputs: Double
    kept: Double

    @classmethod
    def of(cls, counts: NDArray[np.int64], keep: NDArray[np.uint32], words: int, window: int) -> Exposure:
        """Compute from the occurrences, `keep` of kernel `Tables`, the words of the text, and the window.

        A kept word has about window + 1 neighbours (the window is drawn from 1 to `window`, on both sides).
        """
        occurrences = counts * np.minimum(keep / 2**32, 1.0)
        pairs = (window + 1) * occurrences.sum() / words
        kept, negative = occurrences / occurrences.sum(), counts**0.75 / (counts**0.75).sum()
        return cls((1 + NEGATIVES) * pairs * kept, pairs * (kept + NEGATIVES * negative), kept)


def blocks(rows: int) -> Iterator[slice]:
    """Yield slices of ROWS rows."""
    for begin in range(0, rows, ROWS):
        yield slice(begin, begin + ROWS)


def moment(matrix: Float, weights: Double | None = None, change: Float | None = None, count: int = 1) -> Double:
    """Return the sum over the rows v of `matrix` (V, W) of v v', times `weights` (V,) where given, (W, W).

    With `change`, the sum of `count` changes of the matrix, of `matrix` and the mean change.
    """
    total = np.zeros((matrix.shape[1],) * 2)
    for part in blocks(len(matrix)):
        rows = matrix[part].astype(np.float64)
        if change is not None:
            rows += change[part] / np.float32(count)
        total += rows.T @ (rows if weights is None else rows * weights[part, None])
    return total


def imbalance(inputs: Float, outputs: Float) -> Double:
    """Return X'X - Y'Y, (W, W), which gradient flow conserves."""
    return moment(inputs) - moment(outputs)


def extrapolate(base: Float, change: Float, count: int, updates: Double, seen: Double, boost: float) -> None:
    """Add to `base` (V, W) what `count` slices in turn would change; `change` is the sum of what each did from `base`.

    updates: of each row in all slices together, times rate and CURVATURE, (V,). seen: second moment of the vectors
    they are made with, (W, W).
    """
    values, directions = np.linalg.eigh(seen)
    values = np.maximum(values, 1e-9)
    turn = directions.astype(np.float32)
    for part in blocks(len(base)):
        exponent = np.maximum(np.multiply.outer(updates[part], values), 1e-9)
        factor = np.expm1(-exponent) / np.expm1(-exponent * boost / count) / count
        base[part] += ((change[part] @ turn) * factor.astype(np.float32)) @ turn.T


def balance(inputs: Float, outputs: Float, target: Double) -> None:
    """Change the model, in place, to the one with the same scores whose `imbalance` is `target` (W, W).

    Newton's method: for T = exp(K), K symmetric and small, K (A + B) + (A + B) K = target - (A - B), with A = X'X and
    B = Y'Y. Directions that hardly occur are left alone.
    """
    a, b = moment(inputs), moment(outputs)
    turn = inverse = np.eye(len(a))
    for _ in range(20):
        error = target - (a - b)
        if np.abs(error).max() <= 1e-5 * np.trace(a + b):
            break
        values, directions = np.linalg.eigh(a + b)
        sums = np.add.outer(values, values)
        solved = np.where(sums > 1e-6 * values[-1], directions.T @ error @ directions / np.maximum(sums, 1e-300), 0)
        logs, axes = np.linalg.eigh(directions @ solved @ directions.T)
        grow = np.exp(np.clip(logs, -0.5, 0.5))
        step, back = (axes * grow) @ axes.T, (axes / grow) @ axes.T
        a, b, turn, inverse = step @ a @ step, back @ b @ back, turn @ step, inverse @ back
    for matrix, by in ((inputs, turn.astype(np.float32)), (outputs, inverse.astype(np.float32))):
        for part in blocks(len(matrix)):
            matrix[part] = matrix[part] @ by


@dataclass(frozen=True)
class Trained:
    """What an executor sends back: what its slice changed. inputs, outputs: (V, W). imbalance: (W, W)."""

    inputs: Float
    outputs: Float
    imbalance: Double


def combine(
    inputs: Float,
    outputs: Float,
    target: Double,
    trained: Iterable[Trained],
    exposure: Exposure,
    words: int,
    rate: float,
    boost: float,
) -> Double:
    """Change the model, in place, by the results of a round, taken in the order of their slices; return the new target.

    target: the imbalance that training in turn would have had so far; to begin with that of the first model.
    words: read in this round. rate: the learning rate of one machine in its middle. boost: `boost_of` the parts.
    Slices without words send nothing.
    """
    change = np.zeros_like(inputs), np.zeros_like(outputs)
    count = 0
    target = target.copy()
    for one in trained:
        change[0][:] += one.inputs
        change[1][:] += one.outputs
        target += one.imbalance / boost**2
        count += 1
    if not count:
        return target
    # second moments of the vectors of the mean of the models, as often as each is met
    by_inputs = moment(inputs, exposure.kept, change[0], count)
    by_outputs = moment(outputs, exposure.outputs / exposure.outputs.sum(), change[1], count)
    strength = CURVATURE * rate * words
    extrapolate(inputs, change[0], count, strength * exposure.inputs, by_outputs, boost)
    extrapolate(outputs, change[1], count, strength * exposure.outputs, by_inputs, boost)
    balance(inputs, outputs, target)
    return target
