"""After the removal nothing of the comparison is on a host; what the controller has stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from testinfra.host import Host


@pytest.mark.parametrize("path", ["/var/www/html/class", "/srv/labserver", "/usr/local/bin/vec2pca"])
def test_nothing_is_left_at(host: Host, path: str) -> None:
    assert not host.file(path).exists


def test_nothing_is_recorded(host: Host) -> None:
    assert host.run("ls /etc/ansible/facts.d").stdout.split() == []


def test_the_controller_keeps_its_copy() -> None:
    assert Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "reports", "class.html").exists()
