"""The two hosts that benchmarks/site/run.py compares: booted, configured by labserver or by the script, compared."""

from __future__ import annotations

import json
import math
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LABSERVER, SCRIPT = "bench-labserver", "bench-script"
PLAYBOOKS = [str(ROOT / "playbooks" / f"{name}.yml") for name in ("server", "analysis", "report")]
LAB = ROOT / "roles" / "python_venv" / "files" / "lab.txt"
PROGRAM = ROOT / "roles" / "vec2pca" / "files" / "vec2pca"
KIT = "/root/kit"
VENVS = {LABSERVER: "/opt/labserver/venv", SCRIPT: "/root/venv"}
# With which labserver installs and reads faster; the tutorial does not know them
OWN_PACKAGES = {"uv", "isal", "orjson", "zstandard"}
COMPONENTS = 9
TAIL = 25  # lines shown of a run that failed
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?:(\w+) : )?(.*?)\] \*")
PLAY = re.compile(r"^PLAY \[")
STEP = re.compile(r"^== (.*)$")
CHANGED = re.compile(rf"^{LABSERVER} .*changed=(\d+)")
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


def find_playbook_command() -> str:
    """Return the path of ansible-playbook; raise BenchmarkError where it or a Docker engine is missing."""
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
    """Return free ports of this machine."""
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
    """The two hosts, created again for each round by the project's own role sandbox."""

    def __init__(self, playbook: str, system: str, work: Path) -> None:
        """Write the inventory of the one that labserver configures."""
        self.playbook = playbook
        self.ports = dict(zip((LABSERVER, SCRIPT), free_ports(2), strict=True))
        self.sandbox_hosts = [{"name": name, "system": system, "http_port": port} for name, port in self.ports.items()]
        self.inventory = work / "inventory.json"
        settings = {
            "ansible_connection": "community.docker.docker",
            "labserver_provider": "none",
            "labserver_strict": False,
            "labserver_url": f"http://127.0.0.1:{self.ports[LABSERVER]}/",
            "swap_path": "/srv/{{ inventory_hostname }}.swap",
            "report_folder": str(work / "reports"),
        }
        group = {"hosts": {LABSERVER: {}}, "vars": settings}
        self.inventory.write_text(json.dumps({"labserver": group}), encoding="utf-8")
        self.environment = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            # Otherwise a task is announced when it ends, and the parts could not be timed
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "1",
        }

    def set_state(self, state: str) -> None:
        """Run the role sandbox with the hosts `present` or `absent`."""
        variables = json.dumps({"sandbox_state": state, "sandbox_hosts": self.sandbox_hosts})
        follow([self.playbook, str(HERE / "hosts.yml"), "--extra-vars", variables], self.environment)

    def boot(self) -> None:
        """Create fresh hosts, with the files that the script needs."""
        self.remove()
        if left := swaps_in_use():
            raise BenchmarkError(f"swap of an earlier run is still in use: {', '.join(left)}; switch it off: swapoff")
        self.set_state("present")
        output_of("docker", "exec", SCRIPT, "mkdir", KIT)
        for path in (HERE / "tutorial.sh", LAB, PROGRAM):
            output_of("docker", "cp", "--quiet", str(path), f"{SCRIPT}:{KIT}/")

    def remove(self) -> None:
        """Remove them. Whatever still runs in them ends first, so that it cannot switch on swap afterwards."""
        for name in self.ports:
            subprocess.run(["docker", "stop", "--time", "2", name], check=False, capture_output=True)
        self.set_state("absent")

    def labserver(self) -> Run:
        """Run the playbooks."""
        return self.run(LABSERVER, [self.playbook, "--inventory", str(self.inventory), *PLAYBOOKS])

    def script(self, sources: tuple[str, str]) -> Run:
        """Run the tutorial's commands."""
        return self.run(SCRIPT, ["docker", "exec", SCRIPT, "bash", f"{KIT}/tutorial.sh", *sources])

    def run(self, name: str, command: list[str]) -> Run:
        """Run a command that makes the page of a host."""
        before = processor_seconds(name)
        run = follow(command, self.environment)
        run.cpu = processor_seconds(name) - before
        self.page(name)
        return run

    def sources(self) -> tuple[str, str]:
        """Return the sources that labserver downloaded punkt and the data from."""
        records = [
            json.loads(output_of("docker", "exec", LABSERVER, "cat", f"/etc/ansible/facts.d/labserver_{name}.fact"))
            for name in ("nltk_punkt", "review_data")
        ]
        punkt, data = (str(record["details"]["source"]) for record in records)
        return punkt, data

    def page(self, name: str) -> Page:
        """Return what the host serves; raise BenchmarkError when it is not the analysis."""
        address = f"http://127.0.0.1:{self.ports[name]}/"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, timeout=60) as answer:
                page = Page(answer.read().decode())
        except OSError as error:
            raise BenchmarkError(f"{name} does not serve its page: {error}") from error
        if not page.right:
            raise BenchmarkError(f"the page of {name} has no table of {COMPONENTS} components ({page.heads} columns)")
        return page

    def compare(self) -> str:
        """Raise BenchmarkError unless both hosts have the same; return what they have, as text."""
        debian, python = ({}, {})  # type: dict[str, set[str]], dict[str, set[str]]
        for name in self.ports:
            debian[name] = set(output_of("docker", "exec", name, "dpkg-query", "-W", "-f", "${Package}\n").split())
            listed = output_of("docker", "exec", name, f"{VENVS[name]}/bin/python", "-c", PYTHON_PACKAGES).split()
            python[name] = {one for one in listed if one.partition("==")[0] not in OWN_PACKAGES}
        lines = {name: {self.page(name).lines} for name in self.ports}
        for what, found in (("Debian packages", debian), ("Python packages", python), ("reviews", lines)):
            if found[LABSERVER] != found[SCRIPT]:
                ours = sorted(found[LABSERVER] - found[SCRIPT]) or ["nothing"]
                peer = sorted(found[SCRIPT] - found[LABSERVER]) or ["nothing"]
                raise BenchmarkError(
                    f"the two do not have the same {what}: only labserver {', '.join(ours)}; only the script "
                    f"{', '.join(peer)}. Bring benchmarks/site/tutorial.sh and the roles to the same"
                )
        packages = f"{len(debian[SCRIPT])} Debian packages, {len(python[SCRIPT])} Python packages"
        return f"{packages}, {lines[SCRIPT].pop()} reviews"


def swaps_in_use() -> list[str]:
    """Return the benchmark's swap files that are in use on this machine."""
    table = Path("/proc/swaps")
    text = table.read_text(encoding="utf-8") if table.exists() else ""
    return re.findall(r"^\S*/bench-(?:labserver|script)\.swap", text, re.MULTILINE)
