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
less in it, but neither does waiting. The bar is that the median ratio of the wall seconds of the first runs is no more
than 1; the exit code is 0 when it is met, 1 when not, 2 when nothing could be measured. The tables below tell where the
wall time goes, as medians of the rounds.

Containers, volumes, network and swap files are named bench-* and are removed in the end, also after a failure or
Ctrl-C.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS, PEER = "bench-labserver", "bench-script"
PLAYBOOKS = [str(ROOT / "playbooks" / f"{name}.yml") for name in ("server", "analysis", "report")]
LAB = ROOT / "roles" / "python_venv" / "files" / "lab.txt"
PROGRAM = ROOT / "roles" / "vec2pca" / "files" / "vec2pca"
KIT = "/root/kit"
VENVS = {OURS: "/opt/labserver/venv", PEER: "/root/venv"}
COMPONENTS = 9
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BAR = 1.0
TAIL = 25  # lines shown of a run that failed
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?:(\w+) : )?(.*?)\] \*")
PLAY = re.compile(r"^PLAY \[")
STEP = re.compile(r"^== (.*)$")
CHANGED = re.compile(rf"^{OURS} .*changed=(\d+)")
# Of the container as a whole, whose first process may sit in a group within; version 1 or 2 of control groups
CPU_NANOSECONDS = r"""
one=$(sed -n 's/^[0-9]*:[^:]*cpuacct[^:]*://p' /proc/1/cgroup)
two=$(sed -n 's/^0:://p' /proc/1/cgroup)
if [ "$one" ]; then cat "/sys/fs/cgroup/cpuacct${one%/init.scope}/cpuacct.usage"
else sed -n 's/^usage_usec \(.*\)/\1000/p' "/sys/fs/cgroup${two%/init.scope}/cpu.stat"; fi
"""
PYTHON_PACKAGES = "import importlib.metadata as m; print(*(d.name.lower()+'=='+d.version for d in m.distributions()))"


class BenchmarkError(Exception):
    """Nothing can be measured, or what was measured is not comparable."""


@dataclass
class Run:
    """One run: how long it took, how long each (part, detail) of it, and the CPU it used."""

    wall: float
    parts: dict[tuple[str, str], float]
    changed: int | None = None
    cpu: float = 0.0


@dataclass
class Round:
    """First and second run of each host."""

    runs: dict[str, list[Run]] = field(default_factory=dict)

    def seconds(self, name: str, which: int, kind: str) -> float:
        """Return the wall or cpu seconds of a host's first (0) or second (1) run."""
        return float(getattr(self.runs[name][which], kind))

    def ratio(self, which: int, kind: str = "wall") -> float:
        """Return labserver's seconds by the script's."""
        return self.seconds(OURS, which, kind) / self.seconds(PEER, which, kind)


class Page(HTMLParser):
    """How many columns and rows the table of a page has."""

    def __init__(self, text: str) -> None:
        """Read the page."""
        super().__init__()
        self.heads = self.cells = self.rows = 0
        found = re.search(r"([\d,]+) lines", text)
        self.lines = found[1] if found else "?"
        self.feed(text[text.find("<table") : text.find("</table>")])

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Count."""
        self.heads += tag == "th"
        self.cells += tag == "td"
        self.rows += tag == "tr"

    @property
    def right(self) -> bool:
        """Whether it is a table of nine components over some words."""
        return self.heads == COMPONENTS and self.rows > 1 and self.cells == COMPONENTS * (self.rows - 1)


def follow(command: list[str], environment: dict[str, str] | None = None) -> Run:
    """Run a command, timing the parts that its output announces; raise BenchmarkError when it fails."""
    parts: dict[tuple[str, str], float] = {}
    tail: deque[str] = deque(maxlen=TAIL)
    changed = None
    part = ("start", "before the first task")
    begun = since = time.monotonic()
    # A session of its own: Ctrl-C reaches this program alone, which then ends the whole family
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(environment or {})}, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                tail.append(line)
                following = announced(line)
                if following:
                    now = time.monotonic()
                    parts[part] = parts.get(part, 0.0) + now - since
                    part, since = following, now
                if found := CHANGED.match(line):
                    changed = int(found[1])
            code = process.wait()
        except BaseException:
            end_family(process)
            raise
    now = time.monotonic()
    parts[part] = parts.get(part, 0.0) + now - since
    if code:
        raise BenchmarkError(f"{Path(command[0]).name} ended with {code} in {': '.join(part)}\n{''.join(tail)}")
    return Run(wall=now - begun, parts=parts, changed=changed)


def announced(line: str) -> tuple[str, str] | None:
    """Return the part of the run that a line of output announces."""
    if found := TASK.match(line):
        return (found[1] or "facts", found[2])
    if found := STEP.match(line):
        return (found[1], "")
    return ("start", "of a play") if PLAY.match(line) else None


def end_family(process: subprocess.Popen[str]) -> None:
    """End a process with all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(timeout=10)


def output_of(*command: str) -> str:
    """Return what a command prints; raise BenchmarkError when it fails."""
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except OSError as error:
        raise BenchmarkError(f"{command[0]}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{' '.join(command[:3])} ended with {error.returncode}: {error.stderr}") from error
    return done.stdout


def need_engine() -> str:
    """Check that there is what this needs; return the path of ansible-playbook."""
    local = ROOT / ".venv" / "bin"
    if local.is_dir():
        os.environ["PATH"] = f"{local}{os.pathsep}{os.environ['PATH']}"
    playbook = shutil.which("ansible-playbook")
    if not playbook:
        raise BenchmarkError("no ansible-playbook: run scripts/up, which makes the controller's environment")
    try:
        output_of("docker", "version", "--format", "{{.Server.Version}}")
    except BenchmarkError as error:
        raise BenchmarkError(
            f"no Docker engine answers ({str(error).strip()}): run scripts/up, which starts or installs one"
        ) from error
    return playbook


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody uses."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def processor_seconds(name: str) -> float:
    """Return the seconds of CPU used so far by all in a container and by all that this program started."""
    here = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        inside = int(output_of("docker", "exec", name, "sh", "-c", CPU_NANOSECONDS)) / 1e9
    except (BenchmarkError, ValueError):
        inside = math.nan  # control groups of another layout
    return here.ru_utime + here.ru_stime + inside


class Hosts:
    """The two hosts, made anew each round by the project's own role."""

    def __init__(self, playbook: str, system: str, work: Path) -> None:
        """Write the inventory of the one that labserver configures."""
        self.playbook = playbook
        self.ports = dict(zip((OURS, PEER), free_ports(2), strict=True))
        self.wanted = [{"name": name, "system": system, "http_port": port} for name, port in self.ports.items()]
        self.inventory = work / "inventory.json"
        settings = {
            "ansible_connection": "community.docker.docker",
            "labserver_provider": "none",
            "labserver_strict": False,
            "labserver_url": f"http://127.0.0.1:{self.ports[OURS]}/",
            "swap_path": "/srv/{{ inventory_hostname }}.swap",
            "report_folder": str(work / "reports"),
        }
        self.inventory.write_text(json.dumps({"labserver": {"hosts": {OURS: {}}, "vars": settings}}), encoding="utf-8")
        self.environment = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            # Otherwise a task is announced when it ends, and the parts could not be timed
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "1",
        }

    def ask(self, state: str) -> None:
        """Have the hosts `present` or `absent`."""
        asked = json.dumps({"sandbox_state": state, "sandbox_hosts": self.wanted})
        follow([self.playbook, str(HERE / "hosts.yml"), "--extra-vars", asked], self.environment)

    def boot(self) -> None:
        """Have fresh hosts, with what the script needs beside it."""
        self.remove()
        if left := swaps():
            raise BenchmarkError(f"swap of an earlier run is still in use: {', '.join(left)}; switch it off: swapoff")
        self.ask("present")
        output_of("docker", "exec", PEER, "mkdir", KIT)
        for path in (HERE / "tutorial.sh", LAB, PROGRAM):
            output_of("docker", "cp", "--quiet", str(path), f"{PEER}:{KIT}/")

    def remove(self) -> None:
        """Remove them. Whatever still runs in them ends first, so that it cannot switch on swap behind our back."""
        for name in self.ports:
            subprocess.run(["docker", "stop", "--time", "2", name], check=False, capture_output=True)
        self.ask("absent")

    def labserver(self) -> Run:
        """Run the playbooks."""
        return self.run(OURS, [self.playbook, "--inventory", str(self.inventory), *PLAYBOOKS])

    def script(self, sources: tuple[str, str]) -> Run:
        """Run the tutorial's commands."""
        return self.run(PEER, ["docker", "exec", PEER, "bash", f"{KIT}/tutorial.sh", *sources])

    def run(self, name: str, command: list[str]) -> Run:
        """Run a command that makes the page of a host."""
        before = processor_seconds(name)
        run = follow(command, self.environment)
        run.cpu = processor_seconds(name) - before
        self.page(name)
        return run

    def sources(self) -> tuple[str, str]:
        """Return where labserver had punkt and the data from."""
        records = [
            json.loads(output_of("docker", "exec", OURS, "cat", f"/etc/ansible/facts.d/labserver_{name}.fact"))
            for name in ("nltk_punkt", "review_data")
        ]
        punkt, data = (str(record["details"]["source"]) for record in records)
        return punkt, data

    def page(self, name: str) -> Page:
        """Return what the host serves; raise BenchmarkError when it is not the analysis."""
        address = f"http://127.0.0.1:{self.ports[name]}/"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, timeout=10) as answer:
                page = Page(answer.read().decode())
        except OSError as error:
            raise BenchmarkError(f"{name} does not serve its page: {error}") from error
        if not page.right:
            raise BenchmarkError(f"the page of {name} has no table of {COMPONENTS} components ({page.heads} columns)")
        return page

    def compare(self) -> str:
        """Raise BenchmarkError unless both hosts have the same; return what they have, in a few words."""
        debian, python = ({}, {})  # type: dict[str, set[str]], dict[str, set[str]]
        for name in self.ports:
            debian[name] = set(output_of("docker", "exec", name, "dpkg-query", "-W", "-f", "${Package}\n").split())
            listed = output_of("docker", "exec", name, f"{VENVS[name]}/bin/python", "-c", PYTHON_PACKAGES).split()
            python[name] = {one for one in listed if not one.startswith("uv==")}
        lines = {name: {self.page(name).lines} for name in self.ports}
        for what, found in (("Debian packages", debian), ("Python packages", python), ("reviews", lines)):
            if found[OURS] != found[PEER]:
                ours, peer = (sorted(found[a] - found[b]) or ["nothing"] for a, b in ((OURS, PEER), (PEER, OURS)))
                raise BenchmarkError(
                    f"the two do not have the same {what}: only labserver {', '.join(ours)}; only the script "
                    f"{', '.join(peer)}. Bring benchmarks/site/tutorial.sh and the roles to the same"
                )
        return f"{len(debian[OURS])} Debian packages, {len(python[OURS])} Python packages, {lines[OURS].pop()} reviews"


def swaps() -> list[str]:
    """Return the benchmark's swap files that are in use on this machine."""
    table = Path("/proc/swaps")
    text = table.read_text(encoding="utf-8") if table.exists() else ""
    return re.findall(r"^\S*/bench-(?:labserver|script)\.swap", text, re.MULTILINE)


@contextmanager
def cleaning(hosts: Hosts) -> Iterator[None]:
    """Remove the hosts in the end, however it comes; a second Ctrl-C does not cut that short."""
    try:
        yield
    finally:
        for number in ENDINGS:
            signal.signal(number, lambda *_: None)
        say("removing the hosts")
        hosts.remove()
        if left := swaps():
            raise BenchmarkError(f"swap is still in use: {', '.join(left)}")


def say(text: str) -> None:
    """Tell what is going on."""
    print(f"# {text}", file=sys.stderr, flush=True)


def measure(hosts: Hosts, rounds: int) -> list[Round]:
    """Measure all rounds."""
    done = []
    sources = None
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}: booting the hosts")
        hosts.boot()
        this = Round()
        # labserver first in the first round: it finds out which sources are within reach
        for name in (OURS, PEER) if number % 2 else (PEER, OURS):
            if name == PEER:
                sources = sources or hosts.sources()
                this.runs[name] = [hosts.script(sources) for _ in range(2)]
            else:
                this.runs[name] = [hosts.labserver() for _ in range(2)]
            first, second = (run.wall for run in this.runs[name])
            say(f"{name}: first run {first:.1f} s, second run {second:.1f} s")
        say(f"the same on both: {hosts.compare()}")
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
        ours, peer = (statistics.median(one.seconds(name, which, kind) for one in done) for name in (OURS, PEER))
        ratio = statistics.median(one.ratio(which, kind) for one in done)
        cells.append(f"{ours:10.1f} {peer:9.1f} {ratio:9.2f}")
    return " ".join(cells)


def show(done: list[Round], slowest: int) -> bool:
    """Print the tables; return whether the bar is met."""
    columns = f"{'labserver':>10} {'script':>9} {'ratio':>9}"
    for kind in ("wall", "cpu"):
        print(f"\n{kind + ' seconds':14} {'first run':^30} {'second run':^30} {'changed in':>10}")
        print(f"{'':14} {columns} {columns} {'second run':>10}")
        for number, one in enumerate(done, 1):
            print(f"round {number:<8} {row([one], kind)} {one.runs[OURS][1].changed!s:>10}")
        print(f"{'median':14} {row(done, kind)}")
    ratios = [statistics.median(one.ratio(which) for one in done) for which in range(2)]
    show_parts("labserver, by role", done, OURS, slowest, whole=True)
    show_parts("script, by step", done, PEER, slowest, whole=True)
    show_parts("labserver, slowest tasks", done, OURS, slowest, whole=False)
    tasks = [len(done[0].runs[OURS][which].parts) for which in range(2)]
    print(f"\nlabserver ran {tasks[0]} different tasks, the second time {tasks[1]}")
    met = ratios[0] <= BAR
    print(f"\nratio labserver/script: first run {ratios[0]:.2f}, second run {ratios[1]:.2f}")
    print(f"{'pass' if met else 'FAIL'}  first run no slower than the script: {ratios[0]:.2f} <= {BAR:.2f}")
    return met


def arguments() -> argparse.Namespace:
    """Return the command line."""
    it = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    it.add_argument("--rounds", type=int, default=3, help="how often each is measured [%(default)s]")
    it.add_argument("--system", choices=("debian12", "debian13"), default="debian12", help="of the hosts [%(default)s]")
    it.add_argument("--slowest", type=int, default=12, help="lines in each table of where time goes [%(default)s]")
    options = it.parse_args()
    if options.rounds < 1:
        it.error("--rounds: at least 1")
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
            hosts = Hosts(need_engine(), options.system, Path(work))
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
