"""The analysis on a cluster: the steps of vec2pca.analysis, each where the text is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from vec2pca.analysis import Result, make_result
from vec2pca.cluster.corpus import Text, Vocabulary, choose_words, collect, draw_lines, lines_in_order, read
from vec2pca.cluster.inputs import Input
from vec2pca.cluster.reading import Bits, Reading
from vec2pca.cluster.session import Session
from vec2pca.cluster.training import train_averaged
from vec2pca.errors import Vec2pcaError
from vec2pca.files import readable, write_blocks
from vec2pca.labserver.sampling.draws import Draw
from vec2pca.memory import check_memory
from vec2pca.progress import Progress
from vec2pca.settings import Settings
from vec2pca.train import Engine, pick_engine

Trainer = Callable[[Session, Text, Vocabulary, Settings, Optional[Progress]], NDArray[np.float32]]


@dataclass(frozen=True)
class Request:
    """What is asked for, beside the files.

    draw: the lines that are taken; None: all. train: exact or average, that in `parts` slices at a time and `rounds`
    an epoch.
    """

    settings: Settings
    reading: Reading
    draw: Draw | None = None
    save_lines: Path | None = None
    train: str = "exact"
    parts: int = 4
    rounds: int = 16


def analyse(
    session: Session, inputs: Sequence[Input], request: Request, progress: Progress | None = None
) -> tuple[Result, dict[str, Any]]:
    """Return the result, and what it cost. Raises Vec2pcaError."""
    settings = request.settings
    train, engine = prepare(request)  # first, so that a failure comes early
    check_memory(settings.components, settings)
    parts = [part for entry in inputs for part in entry.parts()]
    if not parts:
        raise Vec2pcaError("the files are empty: check that they are the right ones")
    bits: list[Bits] = [None] * len(parts)
    if request.draw:
        bits = draw_lines(session, parts, request.draw)
    if request.save_lines:
        write_blocks(request.save_lines, lines_in_order(session, parts, bits))
    text = read(session, parts, bits, request.reading)
    vocabulary = choose_words(session, text, settings)
    check_memory(len(vocabulary.words), settings)
    vectors = train(session, text, vocabulary, settings, progress)
    words = [word.decode() for word in vocabulary.words]
    result = make_result(words, vocabulary.counts, vectors, text.facts, settings, vocabulary.min_count, engine)
    cost = {
        "files": len(inputs),
        "bytes": sum(entry.size for entry in inputs),
        "vectors_sha256": sha256(np.ascontiguousarray(vectors)).hexdigest(),
        "left_out": text.left_out,
        "bad_record": readable(text.bad_record),
        "warnings": [readable(warning) for warning in text.warnings],
        **session.report(),
    }
    return result, cost


def prepare(request: Request) -> tuple[Trainer, dict[str, Any]]:
    """Return what trains, and the facts about it."""
    if request.train == "exact":
        train, engine = pick_engine(request.settings)
        return functools.partial(train_on_driver, train), {**engine, "train": "exact"}
    facts = {"train": "average", "parts": request.parts, "rounds": request.rounds}
    train_parts = functools.partial(train_averaged, request.parts, request.rounds)
    return train_parts, {"engine": "kernel", "repeatable": True, **facts}


def train_on_driver(
    train: Engine, session: Session, text: Text, vocabulary: Vocabulary, settings: Settings, progress: Progress | None
) -> NDArray[np.float32]:
    """Train as on one machine, on all words in order."""
    corpus = collect(session, text, vocabulary)
    with session.phase("train"):
        return train(corpus, np.arange(len(vocabulary.words)), settings, progress)
