"""What role sandbox derives from its variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROXY = ("http_proxy", "https_proxy", "no_proxy")
# Where programs that bring certificate authorities of their own are pointed at the host's
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")


def sandbox_host_list(
    project: str, count: int | str, system: str, http_port: int | str, rstudio_port: int | str
) -> list[dict[str, Any]]:
    """Return the hosts of a project, with the ports of this machine that each publishes."""
    return [
        {
            "name": f"{project}-{n + 1}",
            "system": system,
            "http_port": int(http_port) + n,
            "rstudio_port": int(rstudio_port) + n,
        }
        for n in range(int(count))
    ]


def published_ports(host: Mapping[str, Any]) -> list[str]:
    """Return the ports of a host as the container's option wants them."""
    ports = (("http_port", 80), ("rstudio_port", 8787))
    return [f"127.0.0.1:{host[name]}:{port}" for name, port in ports if name in host]


def proxy_variables(controller: Mapping[str, str]) -> dict[str, str]:
    """Return the controller's proxies, in the lower and the upper case that programs look for."""
    found = {name: controller.get(name) or controller.get(name.upper()) or "" for name in PROXY}
    return {key: value for name, value in found.items() if value for key in (name, name.upper())}


def container_environment(controller: Mapping[str, str], ca_path: str) -> dict[str, str]:
    """Return the environment of a container: the controller's proxies and package index, the host's authorities."""
    index = controller.get("PIP_INDEX_URL") or ""
    # A path of this machine means nothing inside
    of_index = {"PIP_INDEX_URL": index} if index.startswith(("http://", "https://")) else {}
    return proxy_variables(controller) | dict.fromkeys(CERTIFICATES, ca_path) | of_index


class FilterModule:
    """What Ansible asks this file for."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names templates use."""
        return {
            function.__name__: function
            for function in (sandbox_host_list, published_ports, proxy_variables, container_environment)
        }
