"""What would help where something is missing: a sentence for people, in place of what a program said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Component, or a part of it by its first word -> the variable that names where it comes from
SOURCES = {
    "nltk_punkt": "nltk_punkt_sources",
    "r_labs flights": "r_labs_flights_sources",
    "r_packages": "r_base_repository",
    "review_data": "review_data_sets",
    "rstudio_server": "rstudio_server_package",
    "source_addresses": "source_addresses_checkip",
}
# What a program said -> the sentence. The first that fits counts: what has to be mended before what may come by itself.
# {host} is who was asked, {source} where another one is named
RULES = (
    (
        r"certificate|SSL peer",
        "The host does not trust the certificate of {host}: install that of its authority there.",
    ),
    (r"package is for (\S+) only", "This machine is of another kind: use one of {match}, or name a package{source}."),
    (
        r"wrong checksum|hash sum mismatch",
        "{host} has another file than expected: name the new version with its checksum{source}.",
    ),
    (r"no room|no space left|disk quota", "The disk is full: make room, then run again."),
    (
        r"memory ran out|cannot allocate memory",
        "Memory ran out: give the host more of it, or more swap (swap_size_mb).",
    ),
    (
        r"Role r_packages installs R packages",
        "R lacks this package: see what is missing of r_packages, or run that role again.",
    ),
    (
        r"\b(?:401|403|407)\b",
        "{host}, or a proxy on the way, refuses this host: have it let through, or name another source{source}.",
    ),
    (r"\b(?:404|410)\b", "{host} has it no longer: name another source{source}."),
    (r"\b(?:429|50\d)\b", "{host} is out of order or busy: run again later."),
    (
        (
            r"resolve|name or service not known|no address associated|temporary failure|timed out|timeout|refused|"
            r"unreachable|out of reach|no route to host|does not reach|connection (?:ended|closed|failed|reset)|"
            r"closed the connection|cannot connect|tunnel connection failed|could not connect|curl error"
        ),
        "This host cannot reach {host}: let it through the network or the proxy, or name another source{source}.",
    ),
    (r"no such file on this host", "Put the file there, or name another source{source}."),
)
ADDRESS = re.compile(r"\b(?:https?|s3)://([^/\s:;,)]+)")


def explained(name: str, reason: str, part: str = "") -> str:
    """Return what would help where a component says why it, or a part of it, is missing.

    What is ours says so itself, and is returned as it is.
    """
    for pattern, sentence in RULES:
        if match := re.search(pattern, reason, re.IGNORECASE):
            hosts = list(dict.fromkeys(ADDRESS.findall(reason)))
            host = " and ".join(filter(None, [", ".join(hosts[:-1]), *hosts[-1:]])) or "the source"
            variable = SOURCES.get(name) or SOURCES.get(f"{name} {part.partition(' ')[0]}")
            source = f" in {variable}" if variable else ""
            text = sentence.format(host=host, source=source, match=match[1] if match.groups() else "")
            return text[0].upper() + text[1:]
    return reason


def missing_parts(components: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what is missing: name, part (empty for all of it), reason, and what would help."""
    found = []
    for component in components:
        whole = {"": component["reason"]} if component["state"] == "unavailable" else {}
        for part, reason in {**whole, **component["unavailable"]}.items():
            found.append(
                {
                    "name": component["name"],
                    "part": part,
                    "help": explained(component["name"], str(reason), part),
                    "reason": str(reason),
                }
            )
    return found


def unverified_parts(components: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what could not be checked: name, part and reason; `unverified` of the details is a text or a mapping."""
    found = []
    for component in components:
        parts = component["details"].get("unverified") or {}
        for part, reason in (parts if isinstance(parts, Mapping) else {"": parts}).items():
            found.append({"name": component["name"], "part": str(part), "reason": str(reason)})
    return found


class FilterModule:
    """What Ansible asks this file for."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names templates use."""
        return {"missing_parts": missing_parts, "unverified_parts": unverified_parts}
