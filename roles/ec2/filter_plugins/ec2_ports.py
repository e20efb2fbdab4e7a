"""Filters of role ec2: which ports are open to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable

Resource = Mapping[str, Any]  # as aws_resources_info returns it
Resources = list[Resource]


def ec2_networks(text: str) -> list[str]:
    """Split networks at commas; an address is a network of its own."""
    return [part if "/" in part else f"{part}/32" for part in map(str.strip, text.split(",")) if part]


def ec2_ingress(ports: Iterable[Mapping[str, Any]], own: Sequence[str]) -> list[dict[str, Any]]:
    """Return which networks may reach each port, as module vpc_security_group takes it."""
    named = {"own": list(own), "anywhere": ["0.0.0.0/0"], "machines": []}
    return [
        {
            "port": port["port"],
            "last": port.get("last", port["port"]),
            "cidrs": named.get(port["from"], [port["from"]]),
            "members": port["from"] == "machines",
        }
        for port in ports
    ]


def ec2_service_ports(services: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the default of ec2_ports: what the services need, and passwords without TLS from the own address only."""
    ports = [{"port": 22, "from": "own"}] if services["ssh"] else []
    ports.append({"port": services["http"], "from": "anywhere"})
    if services["https"]:
        ports.append({"port": services["https"], "from": "anywhere"})
    if not services["proxy"]:
        ports.append({"port": services["rstudio"], "from": "own"})
    return ports


def ec2_password_notes(
    ingress: Iterable[Mapping[str, Any]], services: Mapping[str, Any], own: Sequence[str]
) -> list[str]:
    """Return warnings of ports where RStudio's password would come by plain HTTP from networks other than the own."""
    if services["proxy"] and services["https"]:
        return []
    port = services["http"] if services["proxy"] else services["rstudio"]
    networks = [
        network
        for rule in ingress
        if rule["port"] <= port <= rule["last"]
        for network in rule["cidrs"]
        if network not in own or network.endswith("/0")
    ]
    return [
        f"RStudio asks for a password by plain HTTP at port {port}, which {network} may reach: whoever is on the way"
        " reads it. Set httpd_tls to self_signed or given (inventory/aws/group_vars/all.yml): it goes behind HTTPS."
        for network in networks
    ]


def ec2_own_rules(ports: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """List the rules for the own address, with what else is let in at the same ports."""
    own = [(port["port"], port.get("last")) for port in ports if port["from"] == "own"]
    return [port for port in ports if (port["port"], port.get("last")) in own]


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        filters = (ec2_ingress, ec2_networks, ec2_own_rules, ec2_password_notes, ec2_service_ports)
        return {one.__name__: one for one in filters}
