"""What role comparison derives from what the hosts recorded: who has a result, who has none and why."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

RESULT = re.compile(r"[0-9a-f]{64}\.json")
AGAIN = "run playbooks/analysis.yml"
LIMITED = "left out of this run (--limit)"
FAILED = "could not be reached, or failed in this run"


def comparison_analyses(
    local_facts: Mapping[str, Any], found: Iterable[str], folder: str, seeds: Iterable[int]
) -> dict[str, Any]:
    """Return what a host has to compare, from its local facts and the paths found on it; or the reason why nothing.

    That is the command, the input, `results` (the host's own first, then one with each other training seed) and `seeds`
    (each other seed and its result).
    """
    record = local_facts.get("labserver_vec2pca") or {}
    data = local_facts.get("labserver_review_data") or {}
    details = record.get("details") or {}
    if not record:
        reason = data.get("reason") if data.get("state") == "unavailable" else ""
        return {"missing": f"no data set is available: {reason}" if reason else f"has no analysis: {AGAIN}"}
    result = PurePosixPath(details.get("result", ""))
    if not {"command", "input", "seed"} <= details.keys() or not RESULT.fullmatch(result.name):
        return {"missing": f"was analysed by an earlier version: {AGAIN}"}
    if str(result) not in found:
        return {"missing": f"its result {result} is not there any more: {AGAIN}"}
    others = [seed for seed in dict.fromkeys(map(int, seeds)) if seed != int(details["seed"])]
    paths = {str(seed): f"{folder}/{result.stem}.{seed}.json" for seed in others}
    return {
        "command": details["command"],
        "input": details["input"],
        "results": [str(result), *paths.values()],
        "seeds": paths,
    }


def comparison_plan(
    names: Sequence[str], known: Iterable[Mapping[str, Any]], running: Iterable[str], arguments: Sequence[str]
) -> dict[str, Any]:
    """Return which hosts are compared, on which of them, and under which name, which changes when an input does.

    `known` are the hosts that got this far, `running` all that the run is about. Hosts are in the order of their names,
    lab-2 before lab-10: an inventory may order them anew in every run.
    """
    names = sorted(names, key=_by_number)
    got_this_far = {host["name"]: host for host in known}
    hosts: dict[str, dict[str, Any]] = {}
    for name in names:
        host = got_this_far.get(name) or {"missing": FAILED if name in running else LIMITED}
        hosts[name] = {"address": host.get("address", "")}
        if "missing" in host:
            hosts[name]["missing"] = host["missing"]
        else:
            hosts[name]["results"] = [f"{name}/{PurePosixPath(path).name}" for path in host["results"]]
    compared = [name for name in names if "results" in hosts[name]]
    key = hashlib.sha256(json.dumps([hosts, arguments]).encode()).hexdigest()
    enough = len(compared) > 1
    return {
        "hosts": hosts,
        "results": [path for host in hosts.values() for path in host.get("results", ())],
        "compared": compared,
        "key": key,
        "host": compared[0] if enough else "",
        "outdated": enough and not {f"{key}.html", f"{key}.txt"} & set(got_this_far[compared[0]]["files"]),
        "refused": enough and f"{key}.txt" in got_this_far[compared[0]]["files"],
        "notice": _notice(compared, {name: host["missing"] for name, host in hosts.items() if "missing" in host}),
    }


def comparison_outcome(text: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return which hosts were compared, and what to tell of those that were left out, from the comparison as JSON.

    Without it, as in check mode, they are those of the plan.
    """
    found = json.loads(text) if text else {}
    left_out = {host["name"]: host["reason"] for host in found.get("left_out", ()) if host["name"] in plan["compared"]}
    return {
        "compared": [host["name"] for host in found["hosts"]] if found else plan["compared"],
        "notice": _lines(left_out),
    }


def _by_number(name: str) -> list[str | int]:
    """Return what a name is sorted by: its text, and numbers in it as such."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]


def _notice(compared: Sequence[str], missing: Mapping[str, str]) -> list[str]:
    """Return the lines that tell which hosts have nothing to compare."""
    if len(compared) > 1:
        return _lines(missing)
    return [f"Nothing is compared: {f'only {compared[0]}' if compared else 'no host'} has a result", *_lines(missing)]


def _lines(reasons: Mapping[str, str]) -> list[str]:
    """Return a line for each reason, with all hosts that have it."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return [f"Not compared: {', '.join(hosts)}: {reason}" for reason, hosts in names.items()]


class FilterModule:
    """What Ansible asks this file for."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names templates use."""
        return {
            "comparison_analyses": comparison_analyses,
            "comparison_plan": comparison_plan,
            "comparison_outcome": comparison_outcome,
        }
