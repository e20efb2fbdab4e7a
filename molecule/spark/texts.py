"""Write eight files of made-up reviews, the same everywhere: one empty, one large, some without a last newline."""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path

TOPICS, WORDS, REVIEWS = 8, 40, 12_000
SHARES = (0.05, 0.0, 0.6, 0.05, 0.1, 0.1, 0.05, 0.05)


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    rng = random.Random(1)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    words = ["".join(rng.choices(syllables, k=3)) for _ in range(TOPICS * WORDS)]
    for number, share in enumerate(SHARES):
        lines = []
        for _ in range(int(share * REVIEWS)):
            topic = rng.randrange(TOPICS) * WORDS
            sentences = [" ".join(rng.choices(words[topic : topic + WORDS], k=rng.randint(5, 30))) for _ in range(6)]
            lines.append(json.dumps({"text": ". ".join(sentences) + "."}))
        text = "\n".join(lines).encode() + (b"\n" if lines and number % 2 else b"")
        packed = number % 3 == 0
        (folder / f"{number}.json{'.gz' if packed else ''}").write_bytes(gzip.compress(text, 1) if packed else text)


if __name__ == "__main__":
    main()
