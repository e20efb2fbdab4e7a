"""Made-up classes: the object that `vec2pca compare` hands to the class page, for as many hosts as wanted."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

SYLLABLES = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "ya", "zo"]
MEASURES = {"cosine_agreement": 0.9, "canonical_correlation": 0.93, "neighbour_overlap": 0.62, "overlap": 0.81}


def pairs(hosts: int, centre: float, rng: random.Random, apart: int | None) -> list[list[float]]:
    """Return a symmetric matrix: three groups of hosts that are a little more alike, and one host like no other."""
    table = [[1.0] * hosts for _ in range(hosts)]
    for i in range(hosts):
        for j in range(i):
            same_group = i % 3 == j % 3
            value = centre + 0.02 * same_group + rng.uniform(-0.02, 0.02) - 0.25 * (apart in (i, j))
            table[i][j] = table[j][i] = round(value, 5)
    return table


def median(values: list[float]) -> float:
    """Return the middle one of the values."""
    return sorted(values)[len(values) // 2]


def make_class(hosts: int, *, training: bool = True, words: int = 400) -> dict[str, Any]:
    """Return the comparison of that many hosts; from four on, the last stands apart."""
    rng = random.Random(hosts)
    apart = hosts - 1 if hosts > 3 else None
    tables = {name: pairs(hosts, centre, rng, apart) for name, centre in MEASURES.items()}
    measures: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        values = [table[i][j] for i in range(hosts) for j in range(i)]
        error = None if hosts < 3 else 0.008
        mean = sum(values) / len(values)
        measures[name] = {"mean": mean, "error": error, "lowest": min(values), "highest": max(values)}
    vocabulary = ["".join(parts) for parts in product(SYLLABLES, repeat=3)][:words]
    rng.shuffle(vocabulary)
    names = [f"sandbox-{i + 1}" for i in range(hosts)]
    agreement = tables["cosine_agreement"]
    between = measures["cosine_agreement"]["mean"]
    within = between + 0.04
    return {
        "format": "vec2pca-class/1",
        "title": f"The class: {hosts} samples of Movie reviews",
        "vec2pca": "0.3.0",
        "answer": f"Different samples agree by {between:.2f} (±0.01), the same sample with another training seed by "
        f"{within:.2f}: 40 % of what differs is the sample, 60 % the chance of training."
        if training
        else f"Different samples agree by {between:.2f} (±0.01).",
        "hosts": [
            {
                "name": name,
                "address": f"http://192.0.2.{i + 1}/" if i % 4 != 2 else "",
                "data_set": "Movie reviews",
                "sampling_seed": 1000 + i,
                "reviews": 5_000 if i else None,
                "words": 1_100_000 + 977 * i,
                "vocabulary": words + i,
                "training_seeds": [1, 2, 3] if training and i < 3 else [1],
                "sha256": f"{i:064x}",
                "agreement": median([value for j, value in enumerate(agreement[i]) if j != i]),
                "apart": i == apart,
                "same_sample_as": [],
            }
            for i, name in enumerate(names)
        ],
        "left_out": [
            {"name": "sandbox-down", "address": "http://192.0.2.250/", "reason": "could not be reached"},
            {"name": "books", "address": "", "reason": "other data set: Amazon books instead of Movie reviews"},
        ],
        "notes": ["All servers used min_count 20."],
        "parameters": {
            "data_set": "Movie reviews",
            "features": 100,
            "min_count": 20,
            "window": 10,
            "sample": 0.001,
            "components": 9,
            "epochs": 5,
            "unicode": False,
        },
        "compared_words": words,
        "shared_by_all": words - 20,
        "words_of_any": words + 150,
        "measures": measures,
        "pairs": tables,
        "order": sorted(range(hosts), key=lambda i: (i == apart, i % 3, i)),
        "training": {
            "hosts": 3,
            "within": {"mean": within, "error": 0.004},
            "between": {"mean": between, "error": 0.008},
            "between_same_seed": {"mean": between + 0.005, "error": 0.008},
            "shares": {"common": between, "sample": 0.4 * (1 - between), "training": 0.6 * (1 - between)},
            "sample_share_of_variation": {"mean": 0.4, "error": 0.05},
            "neighbour_overlap": {"within": 0.7, "between": 0.62},
        }
        if training
        else None,
        "components": [
            {
                "name": f"C{c}",
                "variance": 0.14 / (c + 1),
                "found": hosts - c % hosts if hosts < 5 else hosts - c,
                "correlation": 0.98 - 0.05 * c,
                "hosts": [
                    {
                        "correlation": round(0.98 - 0.05 * c - rng.uniform(0, 0.05), 4),
                        "component": f"PC{(c + (i % 5 == 4)) % 9}",
                        "own_correlation": round((0.96 - 0.06 * c) * (-1 if i % 3 == 1 else 1), 4),
                    }
                    for i in range(hosts)
                ],
                **{
                    end: [
                        {
                            "word": vocabulary[20 * c + 10 * (end == "high") + k],
                            "score": round((-1 if end == "low" else 1) * (0.6 - 0.03 * k), 4),
                            "hosts": max(1, hosts - rng.randrange(hosts)) if k else hosts,
                        }
                        for k in range(10)
                    ]
                    for end in ("low", "high")
                },
            }
            for c in range(9)
        ],
        "words": [
            {
                "word": word,
                "count": round(20_000 / (1 + (37 * k) % words), 1),
                "hosts": hosts if k % 7 else max(1, hosts - 1),
                "spread": round(0.45 * (1 - k / words) ** 2 + 0.01, 5),
                "neighbours": round(0.3 + 0.6 * k / words, 4) if k % 11 else None,
                "deviation": round(0.2 * (1 - k / words) + 0.01, 5),
            }
            for k, word in enumerate(vocabulary)
        ],
        "sources": [
            {
                "key": "antoniak2018",
                "text": "Antoniak and Mimno, Evaluating the Stability of Embedding-based Word Similarities, TACL 2018",
                "url": "https://aclanthology.org/Q18-1008/",
            },
            {"key": "wendlandt2018", "text": "Wendlandt, Kummerfeld and Mihalcea, NAACL 2018", "url": ""},
        ],
    }
