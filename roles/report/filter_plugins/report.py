"""The report of the hosts, from what the roles recorded on them with module component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

PREFIX = "labserver_"
HEADING = ("HOST", "COMPONENT", "STATE", "WHERE")


def recorded_components(local_facts: Mapping[str, Any], order: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the records among a host's local facts: in this order, then what is not named in it, by name."""
    records = [fact for name, fact in local_facts.items() if name.startswith(PREFIX)]
    rank = {name: number for number, name in enumerate(order)}
    return sorted(records, key=lambda record: (rank.get(record["name"], len(rank)), record["name"]))


def report_links(components: Iterable[Mapping[str, Any]], rstudio: str) -> list[dict[str, str]]:
    """Return what the header of all pages links to: texts and addresses.

    `rstudio` is the address of RStudio. The first and the last page are always there.
    """
    ready = {component["name"]: component["details"] for component in components if component["state"] == "ready"}
    found = {
        "R labs": ready.get("r_labs", {}).get("page"),
        "RStudio": rstudio if "rstudio_server" in ready else None,
        "JupyterLab": ready.get("jupyterlab", {}).get("path"),
        "Class": ready.get("comparison", {}).get("page"),
        "Cluster": ready.get("vec2pca_cluster", {}).get("page"),
    }
    addresses = {"Analysis": "/", **found, "Server report": "/report.html"}
    return [{"text": text, "address": address} for text, address in addresses.items() if address]


def report_table(hosts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table of what each host has, where, or why not."""
    rows = [HEADING, *(row for host in hosts for row in _rows(host))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join([*map(str.ljust, row[:3], widths), row[3]]) for row in rows]


def _rows(host: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    name = host["host"]
    if host["url"]:
        yield name, "page", "ready", host["url"]
    for component in host["components"]:
        yield name, component["name"], component["state"], component["where"] or component["reason"]
        for part, reason in component["unavailable"].items():
            yield name, component["name"], "unavailable", f"{part}: {reason}"


class FilterModule:
    """What Ansible asks this file for."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names templates use."""
        return {
            "recorded_components": recorded_components,
            "report_links": report_links,
            "report_table": report_table,
        }
