"""Made-up results, as large as wanted."""

from __future__ import annotations

from itertools import product

import numpy as np
from vec2pca.analysis import Result, unit_rows


def result(size: int) -> Result:
    rng = np.random.default_rng(0)
    syllables = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "ya", "zo"]
    words = ["".join(parts) for parts in product(syllables, repeat=3)][:size]
    return Result(
        words=words,
        counts=sorted(rng.integers(20, 90_000, size).tolist(), reverse=True),
        vectors=unit_rows(rng.normal(size=(size, 100)).astype(np.float32)),
        scores=rng.normal(size=(size, 9)) * 0.2,
        variance=[0.05] * 9,
        corpus=dict.fromkeys(
            ("lines", "sentences", "words", "different_words", "vocabulary", "split_sentences", "replaced_bytes"),
            size,
        ),
        parameters={
            "min_count": 20,
            "min_count_chosen": True,
            "features": 100,
            "window": 10,
            "sample": 1e-3,
            "epochs": 5,
            "seed": 1,
            "engine": "kernel",
            "unicode": False,
            "vec2pca": "0",
            "numpy": "2",
            "repeatable": True,
        },
    )
