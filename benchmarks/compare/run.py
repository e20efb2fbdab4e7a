#!/usr/bin/env python3
"""Measure `vec2pca compare` for classes of several sizes, against comparing their pairs one by one, and its bars.

One command:

    PYTHON benchmarks/compare/run.py [--hosts 5,20,50,200] [--words 2000]

PYTHON is that of an environment with the lab's packages (roles/python_venv/files/lab.txt). The results are made up:
vectors of 100 features with a part in common and noise of their own, turned at random, a tenth of the words of each its
own. The peer is what an instructor would do without a class: `vec2pca.compare.compare`, which lays out all cosines, for
each pair. The exit code is 0 when every bar is met.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).resolve().parents[2] / "roles" / "vec2pca" / "files" / "vec2pca" / "src"
FEATURES, COMPONENTS = 100, 9
PEER_HOSTS = 20  # 190 pairs
BARS = {20: (10, 200), 200: (120, 500)}  # hosts -> seconds, MiB
PEER = """
import itertools, sys
from pathlib import Path
from vec2pca.compare import compare
from vec2pca.results import read_result
results = [read_result(Path(path)) for path in sys.argv[1:]]
for one, other in itertools.combinations(results, 2):
    compare(one, other)
"""


@dataclass(frozen=True)
class Run:
    """What a command took: seconds of wall and of CPU, MiB at its peak."""

    wall: float
    cpu: float
    memory: float


def make_results(folder: Path, hosts: int, words: int) -> list[str]:
    """Write the results of a class; return their paths."""
    rng = np.random.default_rng(0)
    own = words // 10
    common = rng.normal(size=(words + own, FEATURES)) * np.linspace(2, 0.3, FEATURES)
    parameters: dict[str, object] = {
        "seed": 1,
        "min_count": 200,
        "min_count_chosen": False,
        "window": 10,
        "sample": 0.001,
        "epochs": 5,
    }
    parameters |= {"unicode": False, "engine": "kernel", "repeatable": True, "features": FEATURES, "vec2pca": "0"}
    paths = []
    for host in range(hosts):
        chosen = words - own + rng.choice(2 * own, own, replace=False)
        kept = np.sort(np.concatenate([np.arange(words - own), chosen]))
        vectors = common[kept] + 0.5 * rng.normal(size=(words, FEATURES))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors @ np.linalg.qr(rng.normal(size=(FEATURES, FEATURES)))[0]
        left, singular, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
        shares = (singular**2 / (singular**2).sum())[:COMPONENTS].tolist()
        result = {
            "format": "vec2pca/1",
            "title": "made up",
            "about": {"Data set": "made up"},
            "parameters": parameters,
            "corpus": {"lines": 3_000, "words": 900_000, "sha256": str(host)},
            "components": [{"name": f"PC{i}", "variance": share} for i, share in enumerate(shares)],
            "words": [f"w{i}" for i in kept.tolist()],
            "counts": list(range(20_000, 20_000 - words, -1)),
            "scores": np.round((left * singular)[:, :COMPONENTS], 5).tolist(),
            "vectors": np.round(vectors, 4).tolist(),
        }
        paths.append(str(folder / f"host{host:03}.json"))
        Path(paths[-1]).write_text(json.dumps(result))
    return paths


def measure(*arguments: str) -> Run:
    """Run a Python command on one core."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1"}
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments[:3])} failed")
    return Run(time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main() -> int:
    """Print a table of classes, the ratio to the peer, and each bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", default="5,20,50,200", help="sizes of the classes [%(default)s]")
    parser.add_argument("--words", type=int, default=2_000, help="words of each result [%(default)s]")
    options = parser.parse_args()
    failed = []
    print(
        f"{'hosts':>5} {'seconds':>8} {'CPU':>7} {'MiB':>5} {'page MB':>8}   {options.words:,} words each", flush=True
    )
    for hosts in map(int, options.hosts.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            paths = make_results(folder, hosts, options.words)
            page = folder / "class.html"
            outputs = [f"--html={page}", f"--json={folder / 'class.json'}", f"--csv={folder / 'class.csv'}"]
            run = measure("-m", "vec2pca", "compare", *paths, *outputs, f"--consensus={folder / 'consensus.html'}")
            size = page.stat().st_size / 1e6
            print(f"{hosts:5} {run.wall:8.1f} {run.cpu:7.1f} {run.memory:5.0f} {size:8.2f}", flush=True)
            if hosts in BARS:
                seconds, memory = BARS[hosts]
                if run.wall > seconds or run.memory > memory:
                    failed.append(f"{hosts} hosts: at most {seconds} s and {memory} MiB were asked")
            if hosts == PEER_HOSTS:
                peer = measure("-c", PEER, *paths)
                ratio = f"{peer.wall / run.wall:.1f} times as long, {peer.memory / run.memory:.1f} times the memory"
                print(f"{'':5} {peer.wall:8.1f} {peer.cpu:7.1f} {peer.memory:5.0f}   the pairs one by one: {ratio}")
    print("\n".join(failed) or "every bar is met")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
