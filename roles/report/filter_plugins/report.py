"""The report of the hosts, from what the roles recorded on them with module component."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

PREFIX = "labserver_"
HEADING = ("HOST", "COMPONENT", "STATE", "WHERE, OR WHAT WOULD HELP")
WIDTH = 100  # of the table, on a terminal
NARROWEST = 40  # its last column, also where the names of hosts are long
# What has a page or a program in the browser, by the header of all pages
LINKS = {
    "vec2pca": "Analysis",
    "r_labs": "R labs",
    "rstudio_server": "RStudio",
    "jupyterlab": "JupyterLab",
    "comparison": "Class",
    "vec2pca_cluster": "Cluster",
    "report": "Server report",
}
# What each component is to people; others go by their names
TITLES = {
    "swap": "Swap",
    "data_volume": "Volume for data",
    "build_deps": "Compilers and libraries",
    "python_venv": "Python environment",
    "nltk_punkt": "Sentences of NLTK (punkt)",
    "httpd": "Web server",
    "source_addresses": "Source addresses",
    "review_data": "Sample of the reviews",
    "vec2pca": "Analysis",
    "r_base": "R",
    "r_packages": "Packages of R",
    "rstudio_server": "RStudio Server",
    "jupyterlab": "JupyterLab",
    "r_labs": "R labs",
    "comparison": "Class",
    "spark": "Spark",
    "vec2pca_cluster": "Analysis by the cluster",
    "s3_sync": "Copy in S3",
}
PROGRAMS = {
    "httpd": "Apache",
    "python_venv": "Python",
    "vec2pca": "vec2pca",
    "r_base": "R",
    "rstudio_server": "RStudio Server",
    "jupyterlab": "JupyterLab",
    "spark": "Spark",
}


def recorded_components(local_facts: Mapping[str, Any], order: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the records among a host's local facts: in this order, then what is not named in it, by name."""
    records = [fact for name, fact in local_facts.items() if name.startswith(PREFIX)]
    rank = {name: number for number, name in enumerate(order)}
    return sorted(records, key=lambda record: (rank.get(record["name"], len(rank)), record["name"]))


def report_links(components: Iterable[Mapping[str, Any]], rstudio: str) -> list[dict[str, str]]:
    """Return what the header of all pages links to: name of the component, text, address, and where passwords are.

    `rstudio` is the address of RStudio. The first and the last page are always there.
    """
    ready = {component["name"]: component["details"] for component in components if component["state"] == "ready"}
    addresses = {
        "vec2pca": "/",
        "r_labs": ready.get("r_labs", {}).get("page"),
        "rstudio_server": rstudio if "rstudio_server" in ready else None,
        "jupyterlab": ready.get("jupyterlab", {}).get("page"),
        "comparison": ready.get("comparison", {}).get("page"),
        "vec2pca_cluster": ready.get("vec2pca_cluster", {}).get("page"),
        "report": "/report.html",
    }
    return [
        {
            "name": name,
            "text": LINKS[name],
            "address": address,
            "passwords": ready.get(name, {}).get("passwords", ""),
        }
        for name, address in addresses.items()
        if address
    ]


def working_parts(
    components: Iterable[Mapping[str, Any]], links: Iterable[Mapping[str, str]], url: str
) -> list[dict[str, str]]:
    """Return what works: name, title, and where, with its address if it has one; `url` is that of the site."""
    paths = {link["name"]: link["address"] for link in links}
    return [
        {
            "name": component["name"],
            "title": TITLES.get(component["name"], component["name"]),
            "where": component["where"] if component["where"] != paths.get(component["name"]) else "",
            "address": urljoin(url, paths[component["name"]]) if component["name"] in paths else "",
        }
        for component in components
        if component["state"] == "ready"
    ]


def recorded_versions(components: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return program -> version, of the programs that the roles installed."""
    found = {component["name"]: str(component["details"].get("version") or "") for component in components}
    return {title: found[name] for name, title in PROGRAMS.items() if found.get(name)}


def measured_lines(machine: Mapping[str, Any]) -> dict[str, str]:
    """Return what module machine_info measured as labels and texts."""
    load = ", ".join(f"{number:.2f}" for number in machine["load"])
    cores = f"{machine['cores']} core{'' if machine['cores'] == 1 else 's'}"
    swap = machine["swap_mb"]
    return {
        "Last run": machine["time"].replace("T", " ").replace("Z", " UTC"),
        "Load": f"{load} (the last minute, 5 and 15 minutes), on {cores}",
        "Memory": _room(**machine["memory_mb"]),
        "Swap": _room(**swap) if swap["total"] else "none",
        **{f"Disk of {disk['path']}": _room(disk["total_mb"], disk["free_mb"]) for disk in machine["disks"]},
    }


def _room(total: int, free: int) -> str:
    return f"{free / 1024:.1f} of {total / 1024:.1f} GiB free"


def report_table(hosts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table of what each host has and where, or what would help; none is longer than it must."""
    rows = [HEADING, *(row for host in hosts for row in _rows(host))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    begin = sum(widths) + 2 * len(widths)
    lines = []
    for *cells, text in rows:
        # An address or a path stays whole
        first, *others = textwrap.wrap(
            text, max(WIDTH - begin, NARROWEST), break_long_words=False, break_on_hyphens=False
        ) or [""]
        lines.append("  ".join([*map(str.ljust, cells, widths), first]).rstrip())
        lines += [" " * begin + line for line in others]
    return lines


def _rows(host: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    name = host["host"]
    addresses = {link["name"]: urljoin(host["url"], link["address"]) for link in host["links"]} if host["url"] else {}
    for component in host["components"]:
        if component["state"] == "ready":
            yield name, component["name"], "ready", addresses.get(component["name"]) or component["where"]
        for part in host["missing"]:
            if part["name"] == component["name"]:
                text = f"{part['part']}: {part['help']}" if part["part"] else part["help"]
                yield name, part["name"], "unavailable", text


class FilterModule:
    """What Ansible asks this file for."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names templates use."""
        return {
            "measured_lines": measured_lines,
            "recorded_components": recorded_components,
            "recorded_versions": recorded_versions,
            "report_links": report_links,
            "report_table": report_table,
            "working_parts": working_parts,
        }
