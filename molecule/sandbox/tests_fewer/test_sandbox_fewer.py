"""One host asked for where there were two: the other goes, the first keeps all it has."""

from __future__ import annotations

from testinfra.host import Host


def test_only_one_is_left(host: Host) -> None:
    names = host.check_output("docker ps --all --filter label=labserver.project=molecule-sandbox --format {{.Names}}")
    assert names.split() == ["molecule-sandbox-1"]


def test_the_swap_of_the_other_is_off_whatever_its_name(host: Host) -> None:
    assert r"molecule\040sandbox" not in host.file("/proc/swaps").content_string


def test_it_was_not_made_anew(host: Host) -> None:
    assert host.run("docker exec molecule-sandbox-1 ls /srv/kept /var/kept").succeeded
