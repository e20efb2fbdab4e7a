#!/usr/bin/env python3
"""Runs a playbook of the project through ansible-runner: a line for each role, the report, the address of the page."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from machine import EXIT_INTERRUPTED, ROOT, STATE

REPORT = ROOT / "reports" / "site.json"
# Keys of the message of a debug task: what people have to read while a run goes on, such as what it will cost or where
# the passwords are, and what they read at its end
NOTICE, SUMMARY = "labserver_notice", "labserver_summary"
SITE = "labserver_site"  # the address of the host's site
# Component -> what its page is: said as soon as it is there
PAGES = {"vec2pca": "The analysis", "r_labs": "The R labs", "jupyterlab": "JupyterLab"}
# Roles that take long, and that only each other needs
OPTIONAL = ("r_packages", "rstudio_server", "jupyterlab", "r_labs")
SANDBOX = ROOT / "inventory" / "sandbox"
SLOWEST_SHOWN = 3
# Component -> what its page shows, which is the same wherever it is
SHARED_PAGES = {
    "comparison": "How much their results vary",
    "vec2pca_cluster": "The analysis by all of them together",
}

EPILOG = """\
Every other option goes to ansible-playbook. examples:
  scripts/up                                         a host in Docker here, with all of it
  scripts/up --without r_packages,rstudio_server     the analysis, without the R labs
  scripts/up -e sandbox_count=3                      three hosts, and a page that compares them
  scripts/up -e sandbox_http_port=8090               where another program has port 8080
  scripts/up --check --diff                          what would change
  scripts/up --tags swap,httpd --limit labserver-2   two roles on one host
  scripts/up -i inventory/aws                        machines on EC2
  scripts/up -i inventory/mine --ask-become-pass     machines that exist already

It can be run again at any time. scripts/status tells what runs and what is in the way, scripts/down removes the hosts.

exit codes: 0 all is there, or reported as out of reach; 1 to 8 as of ansible-playbook; 130 interrupted
"""


@dataclass
class Step:
    """One role of one play, or the tasks of a play outside roles."""

    name: str
    begun: float
    seconds: float = 0.0
    changed: int = 0


@dataclass
class EventPrinter:
    """Turns Ansible's events into lines for people."""

    verbose: bool = False
    steps: list[Step] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)  # the last of each host, rescued or not
    failed_hosts: list[str] = field(default_factory=list)  # known at the end
    sites: dict[str, str] = field(default_factory=dict)  # host -> its address
    _play: str = ""

    def handle(self, event: dict[str, Any]) -> bool:
        """Take one event of ansible-runner; True keeps the event in its artifacts."""
        if self.verbose and event.get("stdout"):
            print(event["stdout"], flush=True)
        data = event.get("event_data") or {}
        result = data.get("res") or {}
        match event["event"]:
            case "playbook_on_play_start":
                self._play = data.get("name", "")
            case "playbook_on_task_start":
                self._task(data)
            case "runner_on_ok":
                if self.steps and result.get("changed"):
                    self.steps[-1].changed += 1
                self._message(str(data.get("host")), result.get("msg"))
                self._page(str(data.get("host")), result.get("component"))
            case "runner_on_failed" | "runner_on_unreachable" if not data.get("ignore_errors"):
                failed_items = [item.get("msg", "") for item in result.get("results", []) if item.get("failed")]
                reasons = [str(text) for text in (result.get("msg"), result.get("stderr"), *failed_items) if text]
                reason = "\n    ".join(dict.fromkeys(reasons))
                self.failures[str(data.get("host"))] = f"{data.get('task')}\n    {reason}"
            case "playbook_on_stats":
                self.failed_hosts += {**(data.get("failures") or {}), **(data.get("dark") or {})}
        return True

    def explanation(self) -> list[str]:
        """Return why each host failed, hosts of one reason together."""
        # What a host failed of came last, after what was rescued; a run that was cut off has no list of hosts
        last = {host: self.failures[host] for host in self.failed_hosts if host in self.failures}
        hosts_of: dict[str, list[str]] = {}
        for host, reason in (last or dict([*self.failures.items()][-1:])).items():
            hosts_of.setdefault(reason, []).append(host)
        return [f"{', '.join(hosts)}: {reason}" for reason, hosts in hosts_of.items()]

    def _task(self, data: dict[str, Any]) -> None:
        task = str(data.get("name", "")).rpartition(" : ")[2]
        if task.startswith("Validating arguments"):
            return  # Ansible validates a role even when none of its tags is selected
        name = data.get("role") or self._play
        if not self.steps or self.steps[-1].name != name:
            self.finish_step()
            self.steps.append(Step(name, time.monotonic()))
        self._status(f"{name}: {task}")

    def _message(self, host: str, message: object) -> None:
        if not isinstance(message, dict):
            return
        self.summary += lines_of(message.get(SUMMARY))
        if SITE in message:
            self.sites[host] = message[SITE]
        self._notice(lines_of(message.get(NOTICE)))

    def _page(self, host: str, component: object) -> None:
        """Print the address of a page that has just been published: the rest of the run may take minutes."""
        if host not in self.sites or not isinstance(component, dict) or component.get("state") != "ready":
            return
        if title := PAGES.get(component["name"]):
            page = urljoin(self.sites[host], component["details"].get("page", "/"))
            self._notice([f"           {title} of {host}: {page}"])

    def _notice(self, lines: list[str]) -> None:
        if lines and not self.verbose:
            self._status("")
            print("\n".join(lines), flush=True)

    def finish_step(self) -> None:
        """Print the line of the step that has just ended."""
        if not self.steps or self.steps[-1].seconds:
            return
        step = self.steps[-1]
        step.seconds = max(time.monotonic() - step.begun, 0.001)
        self._status("")
        if not self.verbose:
            changed = f"{step.changed} changed" if step.changed else "as it should be"
            print(f"{step.seconds:7.1f} s  {step.name:<24} {changed}", flush=True)

    def _status(self, text: str) -> None:
        """Show the present task in the last line of a terminal."""
        if sys.stdout.isatty() and not self.verbose:
            width = shutil.get_terminal_size().columns - 1
            print("\r\x1b[K" + text[:width], end="", flush=True)


def lines_of(text: str | list[str] | None) -> list[str]:
    """Return a text or a list of lines as lines."""
    return text.splitlines() if isinstance(text, str) else list(text or [])


def uses_sandbox(inventories: list[str]) -> bool:
    """Return whether one of the inventories, without any the default, is that of the hosts in Docker."""
    default = os.environ.get("ANSIBLE_INVENTORY") or str(SANDBOX)
    paths = inventories or default.split(",")
    return any(SANDBOX in (Path(path).resolve(), (ROOT / path).resolve()) for path in paths)


def inventories(value: str) -> list[str]:
    """Return the inventories of one option: a path, several with commas between, or a list of hosts as it is."""
    paths = value.split(",")
    if len(paths) == 1 and not any((folder / value).exists() for folder in (Path.cwd(), ROOT)):
        raise argparse.ArgumentTypeError(f"there is no {value}: a list of hosts has a comma, as in {value},")
    return [str(Path(path).resolve()) for path in paths] if all(Path(path).exists() for path in paths) else [value]


def optional_roles(value: str) -> list[str]:
    """Return the roles of one --without."""
    roles = value.split(",")
    if unknown := [role for role in roles if role not in OPTIONAL]:
        raise argparse.ArgumentTypeError(f"no '{unknown[0]}' that can be left out: choose from {', '.join(OPTIONAL)}")
    return roles


def parse_arguments() -> tuple[argparse.Namespace, list[str]]:
    """Split the command line into our own options and those of ansible-playbook."""
    parser = argparse.ArgumentParser(
        prog="scripts/up",
        description="Make the lab server and publish the analysis. Without options: on a sandbox host in Docker here.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-v", dest="verbose", action="count", default=0, help="show Ansible's own output; -vv: more")
    parser.add_argument(
        "-i",
        "--inventory",
        "--inventory-file",
        action="extend",
        type=inventories,
        default=[],
        metavar="INVENTORY",
        help="inventory to use; may be given several times (default: inventory/sandbox)",
    )
    parser.add_argument("--playbook", default="site.yml", help="playbook to run (default: site.yml)")
    parser.add_argument(
        "--without",
        action="extend",
        type=optional_roles,
        default=[],
        metavar="ROLE[,ROLE]",
        help=f"leave out what takes long: {', '.join(OPTIONAL)}; as the variable labserver_without does",
    )
    return parser.parse_known_args()


def main() -> int:
    """Run the playbook and return its exit code."""
    import ansible_runner  # in the environment only, and scripts/up reads this file before there is one

    options, others = parse_arguments()
    arguments = [f"-{'v' * (options.verbose - 1)}"] if options.verbose > 1 else []
    arguments += [f"--inventory={inventory}" for inventory in options.inventory]
    if options.without:
        arguments += ["--extra-vars", json.dumps({"labserver_without": options.without})]
    # ansible-runner takes up what an earlier run left in its folder, even its command line
    shutil.rmtree(STATE / "runner", ignore_errors=True)
    (STATE / "runner").mkdir(mode=0o700, parents=True)
    progress = EventPrinter(verbose=bool(options.verbose))
    begun = time.monotonic()
    runner = ansible_runner.run(
        private_data_dir=str(STATE / "runner"),
        project_dir=str(ROOT),
        playbook=options.playbook,
        cmdline=shlex.join(arguments + others) or None,
        envvars={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        event_handler=progress.handle,
        quiet=True,
    )
    progress.finish_step()
    failed = runner.rc != 0
    if failed:
        shown = progress.explanation() or [runner.stdout.read().strip()]
        print("\nFAILED\n" + "\n".join(shown), file=sys.stderr)
    if runner.status == "canceled":
        print("Interrupted. Run it again to go on from here.", file=sys.stderr)
        return EXIT_INTERRUPTED
    if progress.summary:
        print("\n" + "\n".join(progress.summary))
    slowest = sorted(progress.steps, key=lambda step: -step.seconds)[:SLOWEST_SHOWN]
    names = ", ".join(f"{step.name} {step.seconds:.0f} s" for step in slowest)
    print(f"\n{'Failed' if failed else 'Done'} after {time.monotonic() - begun:.0f} s (slowest: {names})")
    if progress.summary and not failed:
        print("\n".join(addresses(json.loads(REPORT.read_text(encoding="utf-8"))["hosts"])))
    return int(runner.rc)


def addresses(hosts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return where the page of each host is, once where those are that are about several, and what asks a password."""
    sites = [host for host in hosts if host["url"]]
    pages = [f"The page of {host['host']}: {host['url']}" for host in sites]
    for name, subject in SHARED_PAGES.items():
        found = [
            host["url"].rstrip("/") + record["where"]
            for host in sites
            for record in host["components"]
            if record["name"] == name and record["where"].startswith("/")
        ]
        pages += [f"{subject}: {found[0]}"] if found else []
    return pages + [
        f"{link['text']} of {host['host']}: {urljoin(host['url'], link['address'])} (passwords: {link['passwords']})"
        for host in sites
        for link in host.get("links", [])  # with --check the report is that of an earlier run
        if link["passwords"]
    ]


if __name__ == "__main__":
    sys.exit(main())
