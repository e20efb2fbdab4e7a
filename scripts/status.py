"""scripts/status: tells what runs, where, since when, and what is in the way of scripts/up. It changes nothing."""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import docker_engine
import environment
import machine
from machine import ROOT
from run_playbook import REPORT

sys.path.insert(0, str(ROOT / "module_utils"))

from labserver.ports import listeners

LABEL = "labserver.project"
PROJECT = "labserver"  # the default of sandbox_project
HTTP = "80/tcp"  # of a sandbox host
# Variable -> its default: what the first sandbox host publishes
PORTS = {"sandbox_http_port": 8080, "sandbox_rstudio_port": 8787}
ANSWER_TIMEOUT = 5  # seconds
HEADING = ("HOST", "STATE", "SINCE", "SITE", "ANSWERS", "LAST REPORT")
EXIT_IN_THE_WAY = 1

EPILOG = """\
It looks at the sandbox hosts of this machine's Docker engine, those of other checkouts too, and at the hosts of the
last report, reports/site.json, which may be anywhere. What runs on AWS and what it costs: scripts/aws_audit.

exit codes: 0 all is well, 1 something is in the way, 2 wrong arguments
"""


@dataclass
class HostState:
    """A host, and what is known of it; an empty text where that is nothing."""

    name: str
    state: str = ""
    since: str = ""
    url: str = ""
    report: str = ""

    def answer(self) -> str:
        """Ask its site for the first page, whoever signed its certificate."""
        if not self.url or self.state not in ("", "running"):
            return "-"
        # Nothing is sent, and nothing but the status is read
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        # A host of ours is not behind a proxy
        ask = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with ask.open(self.url, timeout=ANSWER_TIMEOUT):
                return "yes"
        except urllib.error.HTTPError as error:
            return f"with error {error.code}"
        except (OSError, ValueError):
            return "no"


def local_time(text: str) -> str:
    """Return a time of Docker's, with nanoseconds and in UTC, as people here write it."""
    moment = datetime.strptime(text[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def containers() -> list[Any]:
    """Return how Docker describes the sandbox hosts, those that were stopped too."""
    ids = machine.output("docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}").split()
    return list(json.loads(machine.output("docker", "inspect", *ids) or "[]")) if ids else []


def published(container: Mapping[str, Any], port: str) -> int:
    """Return the port of this machine under which one of a container answers; 0 without."""
    bindings = (container["HostConfig"].get("PortBindings") or {}).get(port) or [{}]
    return int(bindings[0].get("HostPort") or 0)


def sandbox_host(container: Mapping[str, Any]) -> HostState:
    """Return what Docker knows of a host."""
    state = container["State"]
    since = state["StartedAt"] if state["Status"] == "running" else state["FinishedAt"]
    port = published(container, HTTP)
    return HostState(
        name=container["Name"].lstrip("/"),
        state=state["Status"],
        since=local_time(since) if not since.startswith("0001") else "",
        url=f"http://127.0.0.1:{port}/" if port else "",
    )


def reported(path: Path) -> list[HostState]:
    """Return the hosts of the last report."""
    try:
        hosts = json.loads(path.read_text(encoding="utf-8"))["hosts"]
        written = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
        return [
            HostState(host["host"], url=host["url"], report=f"{written:%Y-%m-%d %H:%M}: {summary(host['components'])}")
            for host in hosts
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def summary(components: Sequence[Mapping[str, Any]]) -> str:
    """Return how many components a host has, and the names of those that it has not."""
    ready = sum(one["state"] == "ready" for one in components)
    others = [f"{one['name']} {one['state']}" for one in components if one["state"] != "ready"]
    return ", ".join([f"{ready} ready", *others])


def merged(sandbox: Sequence[HostState], report: Sequence[HostState]) -> list[HostState]:
    """Return each host once: Docker says how it is now, the report what it has."""
    hosts = {host.name: host for host in report}
    for host in sandbox:
        host.report = hosts[host.name].report if host.name in hosts else ""
        hosts[host.name] = host
    return sorted(hosts.values(), key=lambda host: host.name)


def table(hosts: Sequence[HostState]) -> list[str]:
    """Return the lines of the table; all sites are asked at the same time."""
    with ThreadPoolExecutor(max_workers=32) as pool:
        answers = list(pool.map(HostState.answer, hosts))
    rows = [HEADING]
    for host, answer in zip(hosts, answers, strict=True):
        rows.append((host.name, host.state or "-", host.since or "-", host.url or "-", answer, host.report or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADING) - 1)]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows]


def obstacles(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what would stop scripts/up, or keeps a host of ours from working, with what helps."""
    if work := environment.at_work():
        yield f"{work} is at work in {ROOT}: wait for it, or end it"
    if engine := docker_engine.obstacle():
        yield engine
    for host in map(sandbox_host, found):
        if host.state != "running":
            yield f"{host.name} is {host.state}: scripts/up starts it, scripts/down removes it"
    ours = [one for one in found if one["Config"]["Labels"].get(LABEL) == PROJECT]
    if ours:
        return  # it has its ports, or scripts/up names the one that it does not get
    for variable, port in PORTS.items():
        if taken := [one for one in listeners() if one.port == port and one.meets("127.0.0.1")]:
            yield f"port {port} is that of {taken[0]}: stop it, or choose another, scripts/up -e {variable}={port + 10}"


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/status",
        description="Tell which hosts run, where their pages are, since when, and what is in the way of scripts/up.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    found = containers() if docker_engine.answers() else []
    hosts = merged(list(map(sandbox_host, found)), reported(REPORT))
    print("\n".join(table(hosts) if hosts else ["There is no host yet. scripts/up makes one."]))
    in_the_way = list(obstacles(found))
    print("\nIn the way:\n" + "\n".join(f"  {one}" for one in in_the_way) if in_the_way else "\nNothing is in the way.")
    return EXIT_IN_THE_WAY if in_the_way else 0


if __name__ == "__main__":
    sys.exit(machine.run_main(main))
