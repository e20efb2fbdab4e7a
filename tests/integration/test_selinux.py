"""A machine of its own on which SELinux is enforcing, with the policy of Debian: nothing of ours is denied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import machine
from tests.support.plays import play

PACKAGES = ("selinux-policy-default", "policycoreutils", "selinux-utils", "python3-selinux", "auditd")
VARIABLES = {
    "swap_size_mb": 128,
    "data_volume_device": "/dev/ubdb",
    "data_volume_file_system": "ext4",
    # What the policy does not know
    "httpd_port": 8090,
    "httpd_document_root": "/srv/data/www",
}
TAGS = ("--tags", "swap,data_volume,httpd")
# What of ours SELinux confines. The policy is older than the machine's systemd, of which it denies this and that
OURS = (":httpd_t:", ":mount_t:", ":fsadm_t:", ":swapfile_t:")
ASK = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8090/').status)"


@pytest.fixture
def host() -> Iterator[machine.Machine]:
    """Boot a machine twice: its files get their labels first."""
    with machine.boot(1024, disks={"ubdb": 300}, image_packages=PACKAGES) as one:
        one.ssh("sudo setfiles -F /etc/selinux/default/contexts/files/file_contexts / >/dev/null 2>&1 || true")
        one.ssh("sudo sed -i 's/^SELINUX=.*/SELINUX=enforcing/' /etc/selinux/config && sudo sync")
        one.reboot()
        assert one.ssh("sudo getenforce") == "Enforcing"
        yield one


def denied(host: machine.Machine) -> list[str]:
    """Return what was denied to Apache, and to what mounts and swaps."""
    lines = host.ssh("sudo dmesg; sudo cat /var/log/audit/audit.log", check=False).splitlines()
    enforced = [line for line in lines if "avc:  denied" in line and "permissive=0" in line]
    return [line for line in enforced if any(name in line for name in OURS)]


@pytest.mark.full
def test_folders_and_ports_that_the_policy_does_not_know_are_added_and_taken_back(host: machine.Machine) -> None:
    inventory = host.inventory(**VARIABLES)
    play(inventory, *TAGS).succeeded()
    assert ":httpd_t:" in host.ssh("ps -C apache2 -o label=")
    assert host.ssh(f'python3 -c "{ASK}"') == "200"
    assert "swap.1" in host.ssh("cat /proc/swaps")
    assert ":var_t:" in host.ssh("stat --format=%C /srv/data")
    assert denied(host) == []
    assert "changed=0" in play(inventory, *TAGS).succeeded().text
    # The test can fail: without the label Apache may not read the page
    host.ssh("sudo chcon -R -t var_t /srv/data/www")
    assert "403" in host.ssh(f'python3 -c "{ASK}" 2>&1', check=False)
    assert denied(host)
    play(inventory, *TAGS).succeeded()
    assert host.ssh(f'python3 -c "{ASK}"') == "200"
    play(inventory, *TAGS, playbook="playbooks/remove.yml").succeeded()
    assert "8090" not in host.ssh("sudo semanage port -l -C")
    assert "/srv/data" not in host.ssh("sudo semanage fcontext -l -C")
