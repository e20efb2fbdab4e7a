"""After a move to another port, a run cut off before the reload, and a configuration that Apache refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def test_only_the_new_port_answers(host: Host, fetch: Callable[..., Any]) -> None:
    assert fetch("/", port=8083).status == 200
    listening = host.socket.get_listening_sockets()
    assert not any(name.endswith((":80", ":8081")) for name in listening)


def test_the_configuration_in_place_is_valid(host: Host) -> None:
    assert host.run("apache2ctl -t").succeeded
    assert "Nonsense" not in host.file("/etc/apache2/sites-available/labserver.conf").content_string
