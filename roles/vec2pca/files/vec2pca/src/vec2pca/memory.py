"""Whether the memory is enough for the vectors, before the training."""

from __future__ import annotations

from pathlib import Path

from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.memory import limits
from vec2pca.settings import Settings

# Of each number of each vector, at the least: in single precision as it is trained and scaled, in double precision
# for the components: centred, copied, and one singular matrix
BYTES = 32


def check_memory(words: int, settings: Settings) -> None:
    """Raise `Vec2pcaError` where the vectors of `words` words do not fit into memory."""
    needed, free = BYTES * words * settings.features, available()
    if free is not None and needed > free:
        raise Vec2pcaError(
            f"the vectors of {words:,} words (of {settings.features:,} features) need {gib(needed)} of memory, and "
            f"{gib(free)} are available. Give a smaller --features, or a larger --min-count, which keeps fewer words"
        )


def gib(size: int) -> str:
    """Return bytes as readers see them."""
    return f"{size / (1 << 30):,.1f} GiB"


def available(root: Path = Path("/")) -> int | None:
    """Return the bytes that this process may still take, swap too; None where the system does not tell (not Linux).

    A container sees the memory of its machine, and its control group may have less.
    """
    try:
        fields = (root / "proc/meminfo").read_text(encoding="utf-8").split()
        free = sum(int(fields[fields.index(name) + 1]) << 10 for name in ("MemAvailable:", "SwapFree:"))
        return min([free, *limits(root)])
    except (OSError, ValueError):
        return None
