"""After the removal."""

from __future__ import annotations

import pytest
from testinfra.host import Host


@pytest.mark.parametrize(
    "path",
    [
        "/etc/systemd/system/rstudio-server.service.d",
        "/etc/apache2/labserver.d/rstudio.conf",
        "/var/cache/labserver/rstudio-server.deb",
        "/etc/ansible/facts.d/labserver_rstudio_server.fact",
    ],
)
def test_nothing_is_left_at(host: Host, path: str) -> None:
    assert not host.file(path).exists


def test_the_package_is_gone_and_nothing_listens(host: Host) -> None:
    assert not host.package("rstudio-server").is_installed
    listening = host.socket.get_listening_sockets()
    assert not any(name.endswith((":8787", ":8788")) for name in listening)


@pytest.fixture
def in_front(host: Host) -> bool:
    """Whether this is the host that was upgraded, and that has Apache in front of the server."""
    return "debian13" in str(host.ansible.get_variables()["inventory_hostname"])


def test_apache_goes_on_without_it(host: Host, *, in_front: bool) -> None:
    assert host.exists("apache2ctl") == in_front
    if in_front:
        assert host.run("apache2ctl -t").succeeded
        assert host.socket("tcp://0.0.0.0:443").is_listening


def test_the_accounts_that_the_role_made_are_gone_but_for_their_homes(host: Host) -> None:
    assert not host.user("student").exists
    assert host.file("/home/student").is_directory


def test_others_stay(host: Host) -> None:
    assert host.user("outsider").exists


def test_what_somebody_put_beside_the_configuration_stays(host: Host, *, in_front: bool) -> None:
    folder = host.file("/etc/rstudio")
    assert (folder.listdir() if folder.exists else []) == (["notes.conf"] if in_front else [])
