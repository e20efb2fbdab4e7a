#!/usr/bin/env python3
"""Measure labserver against a plain script that types the tutorial's commands.

One command, after scripts/up has once made the controller's environment and found a Docker engine:

    benchmarks/site/run.py [--rounds N]

What is measured, in wall seconds, each round on two freshly booted sandbox hosts of the same image:

- labserver: ansible-playbook of playbooks/server.yml, analysis.yml and report.yml, which is what site.yml does once
  the host is there; then the same a second time.
- script: tutorial.sh, the tutorial's commands in its order, in one `docker exec` without Ansible; then a second time.

Both have the files from the same sources, which are those that labserver found within reach; they end with the same
Debian packages, the same versions of the same Python packages, and a served page whose table has nine components over
the same number of reviews. A round in which one of these does not hold is an error. The script is spared what labserver
does besides: looking for sources that are out of reach, checksums, web server settings, the report. The script trains
with gensim, as the tutorial does, labserver with its own kernel.

How to read it: the two run one after the other, in another order each round, so on a busy machine trust the ratio of a
round and the median of the ratios, not the seconds. Below 1 labserver is quicker. The second table is the same in
seconds of CPU, of the host and of what runs here (ansible-playbook, the docker client): other work on the machine shows
less in it, but neither does waiting. The bars are that the median ratio of the wall seconds is at most 1.10 for the
first runs and 1.40 for the second; the exit code is 0 when both are met, 1 when not, 2 when nothing could be measured.
The tables below show where the wall time goes, as medians of the rounds. R, RStudio Server and the labs are left out.

Containers, volumes, network and swap files are named bench-* and are removed in the end, also after a failure or
Ctrl-C.
"""

from __future__ import annotations

import argparse
import fcntl
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.site.hosts import LABSERVER, SCRIPT, BenchmarkError, Hosts, Run, find_playbook_command, swaps_in_use

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BARS = (1.10, 1.40)  # the most that the median ratio of first and of second runs may be


@dataclass
class Round:
    """First and second run of each host."""

    runs: dict[str, list[Run]] = field(default_factory=dict)

    def seconds(self, name: str, which: int, kind: str) -> float:
        """Return the wall or cpu seconds of a host's first (0) or second (1) run."""
        return float(getattr(self.runs[name][which], kind))

    def ratio(self, which: int, kind: str = "wall") -> float:
        """Return labserver's seconds by the script's."""
        return self.seconds(LABSERVER, which, kind) / self.seconds(SCRIPT, which, kind)


@contextmanager
def cleaning(hosts: Hosts) -> Iterator[None]:
    """Remove the hosts in the end, however it comes; a second Ctrl-C does not cut that short."""
    try:
        yield
    finally:
        for number in ENDINGS:
            signal.signal(number, lambda *_: None)
        log("removing the hosts")
        hosts.remove()
        if left := swaps_in_use():
            raise BenchmarkError(f"swap is still in use: {', '.join(left)}")


def log(text: str) -> None:
    """Write a message about the progress."""
    print(f"# {text}", file=sys.stderr, flush=True)


def measure(hosts: Hosts, rounds: int) -> list[Round]:
    """Measure all rounds."""
    done = []
    sources = None
    for number in range(1, rounds + 1):
        log(f"round {number} of {rounds}: booting the hosts")
        hosts.boot()
        this = Round()
        # labserver first in the first round: it finds out which sources are within reach
        for name in (LABSERVER, SCRIPT) if number % 2 else (SCRIPT, LABSERVER):
            if name == SCRIPT:
                sources = sources or hosts.sources()
                this.runs[name] = [hosts.script(sources) for _ in range(2)]
            else:
                this.runs[name] = [hosts.labserver() for _ in range(2)]
            first, second = (run.wall for run in this.runs[name])
            log(f"{name}: first run {first:.1f} s, second run {second:.1f} s")
        log(f"the same on both: {hosts.compare()}")
        done.append(this)
    return done


def times(done: list[Round], name: str, which: int, *, whole: bool) -> dict[str, float]:
    """Return the median seconds of each part of a host's first or second runs, by role or by task."""
    sums: list[dict[str, float]] = []
    for one in done:
        total: dict[str, float] = {}
        for (part, detail), seconds in one.runs[name][which].parts.items():
            key = part if whole or not detail else f"{part}: {detail}"
            total[key] = total.get(key, 0.0) + seconds
        sums.append(total)
    return {
        key: statistics.median(total.get(key, 0.0) for total in sums) for total in sums for key in total
    }  # the same keys each round, but for what a source out of reach changes


def show_parts(title: str, done: list[Round], name: str, most: int, *, whole: bool) -> None:
    """Print where the time goes, the longest first."""
    first, second = (times(done, name, which, whole=whole) for which in range(2))
    keys = sorted({**first, **second}, key=lambda key: -first.get(key, 0.0) - second.get(key, 0.0))
    print(f"\n{title:60} {'first':>8} {'second':>8}")
    for key in keys[:most]:
        print(f"  {key[:58]:58} {first.get(key, 0.0):8.1f} {second.get(key, 0.0):8.1f}")


def row(done: list[Round], kind: str) -> str:
    """Return the medians of first and second runs, as a row of the table."""
    cells = []
    for which in range(2):
        ours, peer = (statistics.median(one.seconds(name, which, kind) for one in done) for name in (LABSERVER, SCRIPT))
        ratio = statistics.median(one.ratio(which, kind) for one in done)
        cells.append(f"{ours:10.1f} {peer:9.1f} {ratio:9.2f}")
    return " ".join(cells)


def show(done: list[Round], slowest: int) -> bool:
    """Print the tables; return whether the bars are met."""
    columns = f"{'labserver':>10} {'script':>9} {'ratio':>9}"
    for kind in ("wall", "cpu"):
        print(f"\n{kind + ' seconds':14} {'first run':^30} {'second run':^30} {'changed in':>10}")
        print(f"{'':14} {columns} {columns} {'second run':>10}")
        for number, one in enumerate(done, 1):
            print(f"round {number:<8} {row([one], kind)} {one.runs[LABSERVER][1].changed!s:>10}")
        print(f"{'median':14} {row(done, kind)}")
    ratios = [statistics.median(one.ratio(which) for one in done) for which in range(2)]
    show_parts("labserver, by role", done, LABSERVER, slowest, whole=True)
    show_parts("script, by step", done, SCRIPT, slowest, whole=True)
    show_parts("labserver, slowest tasks", done, LABSERVER, slowest, whole=False)
    tasks = [len(done[0].runs[LABSERVER][which].parts) for which in range(2)]
    print(f"\nlabserver ran {tasks[0]} different tasks, the second time {tasks[1]}")
    print("\nratio labserver/script, median of the rounds, and its bar:")
    for which, (ratio, bar) in enumerate(zip(ratios, BARS, strict=True)):
        met = "pass" if ratio <= bar else "FAIL"
        print(f"  {('first', 'second')[which]:6} run  {ratio:.2f} <= {bar:.2f}  {met}")
    return all(ratio <= bar for ratio, bar in zip(ratios, BARS, strict=True))


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="how often each is measured [%(default)s]")
    add("--system", choices=("debian12", "debian13"), default="debian12", help="of the hosts [%(default)s]")
    add("--slowest", type=int, default=12, help="lines in each table of where the time goes [%(default)s]")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    return options


@contextmanager
def alone() -> Iterator[None]:
    """Keep a second run of this program off the hosts, which both would name alike."""
    with Path(__file__).open("rb") as own:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BenchmarkError("another benchmarks/site/run.py is at work: wait for it, or end it") from error
        yield


def main() -> int:
    """Run the benchmark and return the exit code."""
    options = arguments()
    for number in ENDINGS:
        signal.signal(number, signal.default_int_handler)
    try:
        with alone(), tempfile.TemporaryDirectory() as work:
            hosts = Hosts(find_playbook_command(), options.system, Path(work))
            with cleaning(hosts):
                done = measure(hosts, options.rounds)
            return 0 if show(done, options.slowest) else 1
    except BenchmarkError as error:
        print(f"benchmarks/site: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("benchmarks/site: interrupted", file=sys.stderr)
        return 130
    return 2


if __name__ == "__main__":
    sys.exit(main())
