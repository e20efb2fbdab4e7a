"""The volume is there, and comes back at boot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host


@pytest.fixture(autouse=True)
def _volume(host: Host) -> None:
    if not host.file("/dev/lab").exists:
        pytest.skip(f"this container may not use loop devices: {host.file('/srv/loop.log').content_string}")


def test_it_is_mounted(host: Host) -> None:
    mount = host.mount_point("/srv/data")
    assert mount.exists
    assert mount.filesystem == "xfs"
    assert mount.device == host.check_output("readlink -f /dev/lab")


def test_the_boot_mounts_it_by_uuid(host: Host, component: Callable[..., Any]) -> None:
    host.check_output("umount /srv/data")
    host.check_output("mount --all")
    assert host.mount_point("/srv/data").exists
    (line,) = [line for line in host.file("/etc/fstab").content_string.splitlines() if "/srv/data" in line]
    source, _, _, options, _, _ = line.split()
    assert source == f"UUID={component('data_volume')['details']['uuid']}"
    # Away, it must not keep the host from booting; a container's systemd cannot show that
    assert "nofail" in options.split(",")


def test_it_is_reported(component: Callable[..., Any]) -> None:
    record = component("data_volume")
    assert (record["state"], record["where"]) == ("ready", "/srv/data")
