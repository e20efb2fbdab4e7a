"""After the removal the host is what it was, but for packages that others may use."""

from __future__ import annotations

import pytest
from testinfra.host import Host


@pytest.mark.parametrize(
    "path",
    [
        "/opt/labserver/venv",
        "/srv/labserver",
        "/usr/bin/R",
        "/usr/bin/rstudio-server",
        "/usr/local/bin/vec2pca",
        "/usr/local/share/nltk_data/tokenizers/punkt_tab",
        "/var/lib/labserver/labs",
        "/var/www/html/class",
        "/var/www/html/index.html",
        "/var/www/html/labs",
    ],
)
def test_nothing_is_left_at(host: Host, path: str) -> None:
    assert not host.file(path).exists


def test_nothing_listens(host: Host) -> None:
    assert not any(name.endswith(":80") for name in host.socket.get_listening_sockets())


def test_only_the_build_dependencies_are_still_reported(host: Host) -> None:
    assert host.check_output("ls /etc/ansible/facts.d") == "labserver_build_deps.fact"


def test_the_swap_is_off(host: Host) -> None:
    path = str(host.ansible.get_variables()["swap_path"])
    assert path not in host.check_output("cat /proc/swaps")
    assert not host.file(path).exists
