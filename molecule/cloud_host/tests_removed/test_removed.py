"""After the removal the host is what it was; what is on the volume and in the folders stays."""

from __future__ import annotations

from typing import Any

from testinfra.host import Host


def test_nothing_is_mounted_and_nothing_erased(host: Host) -> None:
    assert "/srv/data" not in host.file("/etc/fstab").content_string
    assert not host.mount_point("/srv/data").exists
    assert not host.file("/srv/data").exists
    if host.file("/dev/lab").exists:
        assert host.check_output("blkid --probe --match-tag=TYPE --output=value /dev/lab") == "xfs"


def test_the_addresses_are_gone(host: Host, servers: dict[str, Any]) -> None:
    assert not set(servers["spare"]) & set(host.interface("eth0").addresses)
    assert not host.file("/etc/systemd/system/labserver-source-addresses.service").exists
    assert host.run("python3 -c 'import source_address'").rc != 0


def test_the_files_are_still_there(host: Host) -> None:
    assert host.file("/srv/sets/reviews.json").exists
    assert host.file("/srv/results/one.html").exists


def test_nothing_is_reported(host: Host) -> None:
    assert not host.check_output("ls /etc/ansible/facts.d")
