"""What role sandbox derives from its variables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

PROXY = ("http_proxy", "https_proxy", "no_proxy")
# Where programs that bring certificate authorities of their own are pointed at the host's
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")

# Each was taken away and a host booted without it. Of Docker's own default, NET_RAW and MKNOD are not needed.
CAPABILITIES = (
    *(
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
    ),  # root of any system, its package manager
    "AUDIT_WRITE",  # sudo
    "NET_BIND_SERVICE",  # port 80, with Docker older than 20.10
    "SETFCAP",  # rpm: files with capabilities, such as httpd's suexec
    "SETPCAP",  # systemd: units with fewer capabilities, of which the journal is one
    "SYS_CHROOT",  # systemd: units with a file tree of their own (PrivateTmp)
    "SYS_ADMIN",  # systemd: mounts; swap
    "NET_ADMIN",  # role source_addresses: addresses and routes, of the container's own network
)
# systemd on cgroup v2: Docker mounts the container's own tree read-only
BOOT = ("/bin/sh", "-c", "mount -o remount,rw,bind /sys/fs/cgroup && exec /lib/systemd/systemd")


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


def sandbox_problem(hosts: Sequence[Mapping[str, Any]], systems: Collection[str]) -> str:
    """Return why these hosts cannot be made, with the variable to set; an empty text where they can."""
    if not hosts:
        return "No hosts: set sandbox_count to 1 or more. scripts/down removes those that there are."
    if unknown := sorted({host["system"] for host in hosts} - set(systems)):
        return f"No system '{', '.join(unknown)}': set sandbox_system to one of {', '.join(systems)}."
    ports = [int(host[name]) for host in hosts for name in ("http_port", "rstudio_port") if name in host]
    if wrong := [port for port in ports if not 1 <= port <= 65535]:
        return (
            f"{wrong[0]} is no port: set sandbox_http_port and sandbox_rstudio_port so that they, and one more for "
            "each further host, are from 1 to 65535."
        )
    if twice := [port for port in ports if ports.count(port) > 1]:
        return (
            f"Port {twice[0]} is wanted twice: set sandbox_http_port and sandbox_rstudio_port to numbers at least "
            f"{len(hosts)} apart, for that many hosts."
        )
    return ""


def taken_names(engine: Mapping[str, Any], hosts: Sequence[str], network: str, label: str, project: str) -> list[str]:
    """Return what others have by the names of our hosts, their volumes and our network; all of Docker's is in `engine`.

    A network of another's would be replaced, a volume used, and removed with the host.
    """
    wanted = {"containers": hosts, "volumes": hosts, "networks": [network]}
    return [
        f"{kind.removesuffix('s')} {name}"
        for kind, names in wanted.items()
        for found in engine.get(kind) or ()
        for name in (one.removeprefix("/") for one in found.get("Names") or [found.get("Name", "")])
        if name in names and (found.get("Labels") or {}).get(label) != project
    ]


def published_ports(host: Mapping[str, Any]) -> list[str]:
    """Return the ports of a host as the container's option wants them."""
    ports = (("http_port", 80), ("rstudio_port", 8787))
    return [f"127.0.0.1:{host[name]}:{port}" for name, port in ports if name in host]


def security_options(engine: Mapping[str, Any]) -> list[str]:
    """Return what the engine is not to confine a container with that mounts and swaps.

    Its filter of system calls allows no swap, its AppArmor profile and SELinux's type no mount. The latter two are
    named only to an engine that has them.
    """
    found = {option.removeprefix("name=").partition(",")[0] for option in engine.get("SecurityOptions") or ()}
    named = {"apparmor": "apparmor=unconfined", "selinux": "label=disable"}
    return ["seccomp=unconfined", *(option for name, option in named.items() if name in found)]


def confinement(host: Mapping[str, Any], engine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the container of a host that boots systemd: what it may do to the machine."""
    devices = host.get("device_cgroup_rules") or []
    options = {
        "cap_drop": ["ALL"],
        "capabilities": [*CAPABILITIES, *(["MKNOD"] if devices else [])],
        "device_cgroup_rules": devices,
        "security_opts": security_options(engine),
    }
    if str(engine.get("CgroupVersion")) == "2":
        return options | {"cgroupns_mode": "private", "command": [*BOOT]}
    # Version 1 has no tree that is the container's own
    return options | {"cgroupns_mode": "host", "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]}


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
            for function in (
                sandbox_host_list,
                sandbox_problem,
                taken_names,
                published_ports,
                security_options,
                confinement,
                proxy_variables,
                container_environment,
            )
        }
