"""Two hosts that boot systemd, limited, on ports of this machine alone."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from testinfra.host import Host

NAMES = ["molecule-sandbox-1", "molecule-sandbox-2"]
SERVE = "systemd-run --unit=web --property=WorkingDirectory=/etc/ssl python3 -m http.server 80"


def inspect(host: Host, name: str) -> dict[str, Any]:
    """Return what the engine says of a container."""
    return dict(json.loads(host.check_output("docker inspect %s", name))[0])


@pytest.mark.parametrize("name", NAMES)
def test_systemd_runs(host: Host, name: str) -> None:
    assert host.run("docker exec %s systemctl is-system-running", name).stdout.strip() in {"running", "degraded"}


@pytest.mark.parametrize(("name", "port"), zip(NAMES, [18080, 18081], strict=True))
def test_its_web_port_is_published_here(host: Host, name: str, port: int) -> None:
    host.run(f"docker exec {name} {SERVE}")
    deadline = time.monotonic() + 600
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_no_other_address_of_this_machine_answers(host: Host) -> None:
    addresses = [address for name in host.interface.names() for address in host.interface(name).addresses]
    others = [address for address in addresses if "." in address and not address.startswith("127.")]
    for address in others:
        with socket.socket() as client:
            client.settimeout(2)
            assert client.connect_ex((address, 18080)) != 0


@pytest.mark.parametrize("name", NAMES)
def test_it_is_confined(host: Host, name: str) -> None:
    config = inspect(host, name)["HostConfig"]
    assert not config["Privileged"]
    assert config["CapDrop"] == ["ALL"]
    added = {capability.removeprefix("CAP_") for capability in config["CapAdd"]}
    assert {"SYS_ADMIN", "NET_ADMIN"} <= added
    assert not {"NET_RAW", "MKNOD", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "SYS_BOOT", "SYS_TIME"} & added
    assert config["Memory"] == 512 * 1024 * 1024
    assert config["NanoCpus"] == 500_000_000


@pytest.mark.parametrize("name", NAMES)
def test_it_trusts_whom_this_machine_trusts(host: Host, name: str) -> None:
    here = host.file("/etc/ssl/certs/ca-certificates.crt")
    if not here.exists:
        pytest.skip("this machine keeps its certificate authorities elsewhere")
    there = host.check_output("docker exec %s cat /etc/ssl/certs/ca-certificates.crt", name)

    def certificates(bundle: str) -> set[str]:
        return {part.split("-----END")[0].strip() for part in bundle.split("-----BEGIN CERTIFICATE-----")[1:]}

    assert certificates(here.content_string) <= certificates(there)
