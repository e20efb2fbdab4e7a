"""scripts/test: runs all that CI runs, its parts side by side, and says what passed, how long it took and why not."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import docker_engine
import environment
import machine
import parts
from machine import EXIT_FAILED, EXIT_INTERRUPTED, ROOT, STATE, ScriptError, print_status
from parts import IMAGES

LOGS = STATE / "test"
TAIL = 60  # lines of the log of a part that failed
# How long to wait, in seconds, after each signal for the programs of a part to end
STOP_TIMEOUTS = {signal.SIGINT: 60, signal.SIGTERM: 30, signal.SIGKILL: 10}
# The longest parts start first, and parts that are not named here before them
ORDER = (
    "integration", "default", "rstudio_server", "unit", "amazon2023", "used_host", "spark", "class", "r_packages",
    "lint", "cluster", "httpd", "python_venv",
)  # fmt: skip

EPILOG = """\
parts:
  lint         ruff, mypy, shellcheck, yamllint, ansible-lint
  unit         pytest of the modules, the scripts and vec2pca
  cluster      pytest of vec2pca on Spark, on this machine
  integration  pytest of the playbooks on a machine over SSH, and of EC2 against moto
  SCENARIO     one of molecule's: {scenarios}

Each part writes a log, .state/test/PART.log. exit codes: 0 all passed, 1 a part failed, 130 interrupted
"""


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        description="Without arguments everything: the linters, the tests, and every molecule scenario.",
        epilog=EPILOG.format(scenarios=" ".join(parts.scenarios())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help="only these, of those named below")
    add("--full", action="store_true", help="also run what takes long and rarely breaks")
    jobs = min(os.cpu_count() or 1, 4)
    add("--jobs", type=int, default=jobs, metavar="N", help="how many at once (default here: %(default)s)")
    add("--inside", action="store_true", help=argparse.SUPPRESS)  # one part, in this process
    options = parser.parse_args()
    names = parts.names()
    for part in options.parts:
        if part not in names and not (options.inside and part == IMAGES):
            raise ScriptError(
                f"no molecule scenario '{part}', nor another part of that name: choose from {' '.join(names)}"
            )
    options.parts = list(dict.fromkeys(options.parts)) or names
    return options


@dataclass(eq=False)
class TestedPart:
    """A part of the tests, in processes of its own that write into its log."""

    name: str
    command: Sequence[str]
    seconds: float = 0.0
    passed: bool | None = None  # not yet known
    _process: subprocess.Popen[bytes] = field(init=False)

    @property
    def log(self) -> Path:
        """The file that its programs write into."""
        return LOGS / f"{self.name}.log"

    def start(self) -> None:
        """Begin; in a session of its own, so that all of it can be ended, and the terminal's Ctrl-C comes from us."""
        self.seconds = -time.monotonic()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def ended(self) -> bool:
        """Return whether it has ended; take its time and its result."""
        if self._process.poll() is None:
            return False
        self.seconds += time.monotonic()
        self.passed = self._process.returncode == 0
        return True

    def end(self) -> None:
        """End its programs: gently first, so that they remove what they made."""
        for number, seconds in STOP_TIMEOUTS.items():
            try:  # signals that reach nobody end this, too: the group may outlive its first process
                os.killpg(self._process.pid, number)
                self._process.wait(seconds)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def text(self) -> str:
        """Return its log, which is empty where it was not started."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.seconds else ""


class Run:
    """The selected parts, some at a time."""

    def __init__(self, names: Sequence[str], jobs: int, command: Callable[[str], Sequence[str]]) -> None:
        """Sort the parts; the images come before all that boot hosts."""
        ordered = sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else -1)
        self.parts = [TestedPart(name, command(name)) for name in ordered]
        self.images = TestedPart(IMAGES, command(IMAGES)) if any(map(parts.boots_hosts, names)) else None
        self.seconds = -time.monotonic()
        self._jobs = max(jobs, 1)
        self._running: list[TestedPart] = []

    def run(self) -> None:
        """Run them all, whatever fails."""
        waiting = ([self.images] if self.images else []) + self.parts
        while waiting or self._running:
            ready = next(filter(self._is_ready, waiting), None)
            if ready and len(self._running) < self._jobs:
                waiting.remove(ready)
                if self.images and self.images.passed is False and parts.boots_hosts(ready.name):
                    report(ready)  # there is nothing to boot
                else:
                    ready.start()
                    self._running.append(ready)
            elif ended := next(filter(TestedPart.ended, self._running), None):
                self._running.remove(ended)
                report(ended)
            else:
                time.sleep(0.2)
        self.seconds += time.monotonic()

    def _is_ready(self, part: TestedPart) -> bool:
        return not self.images or self.images.passed is not None or not parts.boots_hosts(part.name)

    def end(self) -> None:
        """End what runs, and remove its hosts."""
        for part in self._running:
            part.end()
        for part in self._running:
            if part.name in parts.scenarios():
                with part.log.open("ab") as log:
                    parts.destroy(part.name, log)

    @property
    def failures(self) -> int:
        """How many did not pass."""
        return sum(not part.passed for part in self.parts)

    def breakdown(self, *, full: bool) -> str:
        """Return what took how long, what was left out, and the line that sums it up."""
        slowest = sorted(filter(None, [self.images, *self.parts]), key=lambda part: -part.seconds)
        lines = ["", f"Tested in {self.seconds:.0f} s, up to {self._jobs} parts at once:", *map(line, slowest)]
        for reason, times in skipped(self.parts).items():
            lines.append(f"Skipped: {reason}" + (f" ({times} tests)" if times > 1 else ""))
        if not full:
            lines.append(f"Not run without --full: {parts.ONLY_FULL}")
        return "\n".join([*lines, "", f"{len(self.parts) - self.failures} passed, {self.failures} failed"])


def report(part: TestedPart) -> None:
    """Print the line of a part that has ended, below the end of its log where it failed."""
    if not part.passed and part.seconds:
        print("", *part.text().splitlines()[-TAIL:], "", sep="\n")
    print(line(part), flush=True)


def line(part: TestedPart) -> str:
    """Return the line of a part that has ended."""
    failed = f"failed, see {part.log.relative_to(ROOT)}" if part.seconds else f"failed, for {IMAGES} did"
    result = "passed" if part.passed else failed
    return f"{part.seconds:7.0f} s  {part.name:<16} {result}"


def skipped(parts: Sequence[TestedPart]) -> Counter[str]:
    """Return why tests were skipped, with how many of them, as pytest wrote it into the logs."""
    reasons: Counter[str] = Counter()
    for part in parts:
        for count, reason in re.findall(r"^SKIPPED \[(\d+)\] \S+: (.*)$", part.text(), re.MULTILINE):
            reasons[reason] += int(count)
    return reasons


def handle_signals() -> None:
    """Handle every signal to end like Ctrl-C; ignore those that are ignored (nohup), but not in the child processes."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        ignored = signal.getsignal(number) == signal.SIG_IGN
        # Unlike SIG_IGN, a handler is not inherited by the programs that the tests start
        signal.signal(number, (lambda *_: None) if ignored else interrupt)


def main() -> int:
    """Run the command; return its exit code."""
    options = parse_arguments()
    if options.inside:
        parts.run(options.parts[0], full=options.full)
        return 0
    environment.enter()
    docker_engine.name_endpoint()
    handle_signals()
    LOGS.mkdir(parents=True, exist_ok=True)
    full = ["--full"] if options.full else []
    run = Run(options.parts, options.jobs, lambda name: [sys.executable, __file__, "--inside", *full, name])
    # Leaves the machine as it was found: an engine that this script started stops with it
    foreign_engine = docker_engine.started_by_us().exists()
    try:
        print_status(f"Testing {', '.join(part.name for part in run.parts)} (logs: .state/test)")
        run.run()
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        print_status("Interrupted: ending what runs, and removing its hosts")
        run.end()
        return EXIT_INTERRUPTED
    finally:
        if not foreign_engine:
            docker_engine.stop()
    print(run.breakdown(full=options.full), flush=True)
    return EXIT_FAILED if run.failures else 0


if __name__ == "__main__":
    sys.exit(machine.run_main(main))
