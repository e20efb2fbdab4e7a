#!/usr/bin/env python3
"""Measure `vec2pca cluster` against one machine, and Spark's own Word2Vec beside it.

One command:

    PYTHON benchmarks/cluster/run.py TEXT [--only agreement,growth,workers,rounds,peer] [--times 1,4,16]

PYTHON is that of an environment with the packages of roles/spark/files/spark.txt; `peer` also needs gensim. TEXT is
UTF-8, one review a line, best some million words; NLTK_DATA names punkt. All runs are on this machine, `local[2]`
unless said otherwise, so that CPU is compared, not networks. The exit code is 0 when every bar is met.

agreement  the result of --train average with 2, 4 and 8 parts against that of one machine
growth     CPU per further million words, exact and average against one machine, and memory, by size of the text
workers    wall time with one and two cores; needs a quiet machine
rounds     what a round costs
peer       Word2Vec of Spark ML: time, and its agreement with gensim beside that of the kernel
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "roles" / "vec2pca" / "files" / "vec2pca" / "src"
BARS = {2: (0.97, 0.89), 4: (0.95, 0.85), 8: (0.93, 0.78)}  # parts -> canonical correlation, cosine agreement
CPU_BAR = 2.0  # times one machine's, for each further million words
PARTS = ("agreement", "growth", "workers", "rounds", "peer")
POLL = 0.1  # seconds
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SPARK_ML = """
import re, sys
from pyspark.sql import SparkSession
from pyspark.ml.feature import Word2Vec
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
lines = spark.sparkContext.textFile(sys.argv[1], 2)
words = lines.map(lambda line: (re.findall("[a-z]+", line.lower()),)).toDF(["words"])
word2vec = Word2Vec(vectorSize=100, minCount=200, windowSize=10, maxIter=5, seed=1, numPartitions=2, stepSize=0.025)
rows = word2vec.setInputCol("words").setOutputCol("out").fit(words).getVectors().collect()
import json
json.dump({row.word: list(row.vector) for row in rows}, open(sys.argv[2], "w"))
"""


@dataclass
class Usage:
    """What a command and all below it used: seconds of wall and CPU; MiB at the peak of its Python and its Java."""

    wall: float = 0.0
    cpu: float = 0.0
    driver: float = 0.0
    java: float = 0.0
    workers: float = 0.0


def watch(process: subprocess.Popen[bytes]) -> Usage:
    """Add up the processes of a session until its command ends; of one that ends between two looks a bit is lost."""
    cpu: dict[int, int] = {}
    usage, begin = Usage(), time.monotonic()
    while True:
        ended = process.poll() is not None
        memory = {"driver": 0, "java": 0, "workers": 0}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, fields = entry.read_text().rpartition(")")[::2]
            except OSError:
                continue
            stat = fields.split()
            pid = int(entry.parent.name)
            if int(stat[3]) == process.pid:
                cpu[pid] = int(stat[11]) + int(stat[12])
                kind = "java" if "(java" in name else "driver" if pid == process.pid else "workers"
                memory[kind] += int(stat[21]) * PAGE >> 20
        for kind, size in memory.items():
            setattr(usage, kind, max(getattr(usage, kind), size))
        if ended:
            break
        time.sleep(POLL)
    usage.wall, usage.cpu = time.monotonic() - begin, sum(cpu.values()) / TICKS
    return usage


def measure(*arguments: str | Path) -> Usage:
    """Run a Python command in a session of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "OPENBLAS_NUM_THREADS": "1",
        "PYSPARK_PYTHON": sys.executable,
    }
    command = [sys.executable, *map(str, arguments)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        usage = watch(process)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command[:5])} failed:\n{errors.read().decode()[-2000:]}")
    return usage


def alone(text: Path, out: Path, *options: str) -> Usage:
    """Analyse on one machine."""
    return measure("-m", "vec2pca", text, "--json", out, "--workers", "1", *options)


def cluster(text: Path, out: Path, train: Sequence[str] = (), master: str = "local[2]") -> Usage:
    """Analyse on Spark."""
    page = out.with_suffix(".html")
    return measure("-m", "vec2pca", "cluster", text, page, "--json", out, "--master", master, *train)


def agreement(one: Path, other: Path) -> tuple[float, float, float]:
    """Return canonical correlation, cosine agreement and neighbour overlap."""
    done = subprocess.run(
        [sys.executable, "-m", "vec2pca", "compare", one, other, "--json"],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return tuple(found[key] for key in ("canonical_correlation", "cosine_agreement", "neighbour_overlap"))


class Benchmark:
    """The parts, each of which prints a table; `failed` are the bars that were missed."""

    def __init__(self, text: Path, folder: Path, times: Sequence[int]) -> None:
        """Take a text and a folder for results."""
        self.text, self.folder, self.times = text, folder, times
        self.failed: list[str] = []

    def agreement(self) -> None:
        """Compare the averaged result with one machine's."""
        one, other = self.folder / "alone.json", self.folder / "seed2.json"
        alone(self.text, one)
        alone(self.text, other, "--seed", "2")
        print("canonical correlation, cosine agreement, neighbour overlap, with the result of one machine:")
        print("  one machine, another seed   {:.3f} {:.3f} {:.3f}".format(*agreement(one, other)), flush=True)
        for parts, bars in BARS.items():
            out = self.folder / f"average{parts}.json"
            cluster(self.text, out, ("--train", "average", "--parts", str(parts)))
            found = agreement(one, out)
            print("  average, {:2} parts           {:.3f} {:.3f} {:.3f}".format(parts, *found), flush=True)
            if found[0] < bars[0] or found[1] < bars[1]:
                self.failed.append(f"{parts} parts: at least {bars[0]} and {bars[1]} were asked")

    def growth(self) -> None:
        """Compare CPU and memory by size."""
        runs: dict[str, Callable[[Path, Path], Usage]] = {
            "one machine": alone,
            "cluster, exact": cluster,
            "cluster, average of 4": functools.partial(cluster, train=("--train", "average", "--parts", "4")),
        }
        print(f"{'':22} {'M words':>8} {'wall s':>7} {'CPU s':>7} {'MiB program':>12} {'workers':>8} {'Java':>6}")
        per_million: dict[str, float] = {}
        for name, run in runs.items():
            first: tuple[float, float] | None = None
            for times in self.times:
                text, out = self.folder / "grown.txt", self.folder / "grown.json"
                with text.open("wb") as grown:
                    for _ in range(times):
                        grown.write(self.text.read_bytes())
                usage = run(text, out)
                words = json.loads(out.read_text())["corpus"]["words"] / 1e6
                memory = f"{usage.driver:12.0f} {usage.workers:8.0f} {usage.java:6.0f}"
                print(f"{name:22} {words:8.2f} {usage.wall:7.1f} {usage.cpu:7.1f} {memory}", flush=True)
                if first is None:
                    first = words, usage.cpu
                else:
                    per_million[name] = (usage.cpu - first[1]) / (words - first[0])
        base = per_million.get("one machine")
        for name, seconds in per_million.items() if base else ():
            ratio = seconds / (base or 1)
            print(f"{name:22} {seconds:.2f} CPU s for each further million words, {ratio:.2f} of one machine's")
            if ratio > CPU_BAR:
                self.failed.append(f"{name}: at most {CPU_BAR} times one machine's CPU were asked, {ratio:.2f}")

    def workers(self) -> None:
        """Compare one core with two."""
        for train in (("--train", "exact"), ("--train", "average", "--parts", "2")):
            out = self.folder / "workers.json"
            walls = [cluster(self.text, out, train, f"local[{cores}]").wall for cores in (1, 2)]
            phases = json.loads(out.read_text())["cluster"]["phases"]
            shown = ", ".join(f"{phase['name']} {phase['seconds']} s" for phase in phases)
            print(f"{train[1]:8} 1 core {walls[0]:.1f} s, 2 cores {walls[1]:.1f} s ({shown})", flush=True)

    def rounds(self) -> None:
        """Compare few rounds with many."""
        cost: dict[int, float] = {}
        for rounds in (4, 32):
            out = self.folder / "rounds.json"
            train = ("--train", "average", "--parts", "2", "--rounds", str(rounds))
            cost[rounds] = cluster(self.text, out, train).cpu
        print(f"a round: {(cost[32] - cost[4]) / (5 * 28):.2f} CPU s beside the training", flush=True)

    def peer(self) -> None:
        """Put Spark's own Word2Vec beside it."""
        vectors = self.folder / "ml.json"
        usage = measure("-c", SPARK_ML, self.text, vectors)
        print(f"Word2Vec of Spark ML: {usage.wall:.1f} s, {usage.cpu:.1f} CPU s")
        if (
            not shutil.which("vec2pca")
            and subprocess.run([sys.executable, "-c", "import gensim"], check=False).returncode
        ):
            print("its agreement: gensim is not installed")
            return
        sys.path.insert(0, str(SOURCE))
        import numpy as np
        from vec2pca.compare import cosine_agreement, neighbour_overlap

        one, other, kernel = (self.folder / f"{name}.json" for name in ("gensim", "gensim2", "alone"))
        alone(self.text, one, "--engine", "gensim")
        alone(self.text, other, "--engine", "gensim", "--seed", "2")
        alone(self.text, kernel)
        found = {path: json.loads(path.read_text()) for path in (one, other, kernel)}
        sets = {str(path.stem): dict(zip(each["words"], each["vectors"], strict=True)) for path, each in found.items()}
        sets["Spark ML"] = json.loads(vectors.read_text())
        for name in ("gensim2", "alone", "Spark ML"):
            shared = [word for word in sets["gensim"] if word in sets[name]]
            a, b = (np.array([sets[which][word] for word in shared]) for which in ("gensim", name))
            print(
                f"  {name:9} with gensim: cosine {cosine_agreement(a, b):.3f}, neighbours {neighbour_overlap(a, b):.3f}"
            )


def main() -> int:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, help="UTF-8 text, one review a line")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run [%(default)s]")
    parser.add_argument("--times", default="1,4,16", help="growth: how often the text is taken [%(default)s]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        benchmark = Benchmark(options.text.resolve(), Path(folder), [int(times) for times in options.times.split(",")])
        for part in options.only.split(","):
            print(f"== {part}", flush=True)
            getattr(benchmark, part)()
    print("\n".join(benchmark.failed) or "every bar is met")
    return bool(benchmark.failed)


if __name__ == "__main__":
    sys.exit(main())
