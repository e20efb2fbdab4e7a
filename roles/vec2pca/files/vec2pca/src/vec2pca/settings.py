"""The parameters of an analysis."""

from __future__ import annotations

from dataclasses import dataclass

# The kernel counts in C: the length of a row in 32 bits, the words of all epochs in 64
LIMITS = {
    "features": (1, 2_000_000_000),
    "min_count": (1, 2**31 - 1),
    "window": (1, 2**31 - 1),
    "components": (1, 2_000_000_000),
    "epochs": (1, 1_000_000),
    "seed": (0, 2**32 - 1),
}


@dataclass(frozen=True)
class Settings:
    """What the result depends on, besides the text. The defaults are those of the tutorial's vec2pca."""

    features: int = 100
    min_count: int | None = 200  # None: chosen from the text
    window: int = 10
    sample: float = 1e-3
    components: int = 9
    epochs: int = 5
    seed: int = 1
    workers: int | None = None  # None: as many as pay, and a result that can be repeated
    unicode: bool = False
    engine: str = "auto"  # kernel, gensim, or auto: the kernel where it can be compiled
