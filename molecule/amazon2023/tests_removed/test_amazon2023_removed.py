"""After the removal."""

from __future__ import annotations

import pytest
from testinfra.host import Host


@pytest.mark.parametrize(
    "path",
    [
        "/etc/httpd/conf.d/labserver-listen.conf",
        "/etc/httpd/conf.d/labserver.conf",
        "/etc/httpd/labserver.conf",
        "/etc/httpd/labserver.d",
        "/etc/pki/tls/private/labserver-self_signed.pem",
        "/etc/rstudio",
        "/opt/labserver/venv",
        "/usr/bin/R",
        "/usr/lib/rstudio-server",
        "/var/cache/labserver/rstudio-server.rpm",
        "/var/lib/labserver/labs",
    ],
)
def test_nothing_is_left_at(host: Host, path: str) -> None:
    assert not host.file(path).exists


@pytest.mark.parametrize("port", [80, 443, 8787])
def test_nothing_listens(host: Host, port: int) -> None:
    assert not any(name.endswith(f":{port}") for name in host.socket.get_listening_sockets())


def test_the_packages_are_gone_but_for_those_that_others_may_use(host: Host) -> None:
    installed = set(host.check_output("rpm --query --all --queryformat '%{name}\n'").splitlines())
    assert not {name for name in installed if name in ("httpd", "mod_ssl", "rstudio-server") or name.startswith("R-")}
    assert installed >= {"gcc", "openblas-devel", "system-release"}


def test_the_swap_is_off(host: Host, swaps: dict[str, int]) -> None:
    path = str(host.ansible.get_variables()["swap_path"])
    assert path not in swaps
    assert not host.file(path).exists
