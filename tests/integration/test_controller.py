"""The first command of a new user: on a machine of their own, with systemd, as an ordinary user with sudo."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import machine

ROOT = Path(__file__).resolve().parents[2]
# The kernel of User-mode Linux has no address translation by nftables, which Docker would use
LEGACY = "for name in iptables ip6tables; do sudo update-alternatives --set $name /usr/sbin/$name-legacy; done"
PAGE = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8080/').read().decode())"
HOUR = 3600  # seconds


@pytest.mark.full
def test_the_first_command_installs_docker_and_ends_with_the_page() -> None:
    checkout = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    with machine.boot(3072, image_packages=("iptables", "python3-venv")) as host:
        host.ssh(LEGACY)
        host.ssh("mkdir 'my lab' && tar --extract --directory='my lab'", stdin=checkout)
        assert host.ssh("id --user --name; command -v docker", check=False) == machine.USER
        said = host.ssh("cd 'my lab' && scripts/up 2>&1", timeout=HOUR)
        assert "http://127.0.0.1:8080/" in said
        assert "movie" in host.ssh(f'python3 -c "{PAGE}"')
        host.ssh("cd 'my lab' && scripts/down --all", timeout=HOUR)
        assert host.ssh("systemctl is-active docker; cd 'my lab'; ls -d .venv .state", check=False) == "inactive"
        assert host.ssh("sudo ls /var/lib/docker/containers") == ""
