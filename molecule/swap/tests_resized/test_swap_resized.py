"""The same file in another size."""

from __future__ import annotations

from testinfra.host import Host


def test_it_has_the_new_size(host: Host, swaps: dict[str, int]) -> None:
    path = str(host.ansible.get_variables()["swap_path"])
    assert swaps[path] == 32
    assert host.file(path).size == 32 * 1024 * 1024
    assert host.file("/etc/fstab").content_string.count(path) == 1
