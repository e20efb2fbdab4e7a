"""A machine of its own that really boots: made a server over SSH, cut off, booted again, and taken back.

It is the whole site, with R, the labs and RStudio's stand-in. What has to come back with a reboot is looked at in the
containers of the scenarios as well, role by role, in each run of the tests.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import machine
from tests.support.plays import Outcome, play

pytestmark = pytest.mark.full
PUBLIC, PRIVATE = "203.0.113.20", "10.0.2.20"
VENDOR = "molecule/shared/vendor"
# What takes long to install there is in the image
PACKAGES = ("build-essential", "gfortran", "git", "python3-dev", "python3-venv", "libopenblas-dev", "liblapack-dev")
R_PACKAGES = ("r-base-core", "r-cran-domc", "r-cran-foreach", "r-cran-iterators", "r-cran-randomforest")
VARIABLES = {
    "swap_size_mb": 128,
    "data_volume_device": "/dev/ubdb",
    "data_volume_file_system": "ext4",
    "source_addresses_wanted": [{"private": PRIVATE, "public": PUBLIC}],
    "source_addresses_checkip": "http://127.0.0.1:8099/ip",
    "review_data_wanted": ["movie_reviews"],
    "r_packages_names": ["doMC", "foreach", "iterators", "randomForest"],
    "r_labs_wanted": ["forest"],
    "r_labs_trees": 100,
    "r_labs_strict": False,  # for tictoc, which cannot be had everywhere
}
# When the power is cut, one after the other
CUTS = ("swap : Record the swap file", "data_volume : Mount the volume", "httpd : Install Apache")
# What answers as the page that tells one's public address; after a reboot too
CHECKIP = f"""
sudo install -d /srv/checkip && echo {PUBLIC} | sudo tee /srv/checkip/ip
printf '%s\\n' '[Service]' 'ExecStart=python3 -m http.server --bind 127.0.0.1 --directory /srv/checkip 8099' \
  '[Install]' WantedBy=multi-user.target | sudo tee /etc/systemd/system/checkip.service
sudo systemctl enable --now checkip
"""


class Lab:
    """The machine, and how this module's tests run playbooks on it."""

    def __init__(self, host: machine.Machine, secrets: Path) -> None:
        self.host = host
        self.options = ("-e", f"@{VENDOR}/rstudio_vars.yml", "-e", f"rstudio_server_secrets={secrets}")
        self.inventory = host.inventory(**VARIABLES)

    def play(self, *options: str, playbook: str = "site.yml", **events: object) -> Outcome:
        """Run a playbook with the options of this module."""
        return play(self.inventory, *self.options, *options, playbook=playbook, **events)  # type: ignore[arg-type]

    def page(self, path: str = "/") -> str:
        """Return a page of its web server, as seen from here."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.host.http_port}{path}", timeout=60) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Boot the machine, and give it what stands for the internet."""
    with machine.boot(1024, disks={"ubdb": 300}, image_packages=(*PACKAGES, *R_PACKAGES)) as host:
        host.ssh(CHECKIP)
        lab = Lab(host, tmp_path_factory.mktemp("secrets"))
        lab.play(playbook=f"{VENDOR}/rstudio.yml").succeeded()
        host.ssh("sudo systemctl stop watch vendor")  # the one is for other tests, the other on checkip's port
        host.ssh("sudo systemctl stop checkip; sudo ln -s /srv/standin/vendor/* /srv/checkip")
        host.ssh("sudo systemctl start checkip")
        yield lab


def test_the_page_is_served_also_where_power_cuts_ended_the_runs_before(lab: Lab) -> None:
    for task in CUTS:
        lab.play(at={task: lab.host.cut_power}).failed()
        lab.host.start()
    assert "failed=0" in lab.play().succeeded().text
    assert "labserver" in lab.page()


def test_a_reboot_brings_all_of_it_back_and_leaves_nothing_to_change(lab: Lab) -> None:
    served = lab.page()
    lab.host.reboot()
    assert "/var/swap.1" in lab.host.ssh("cat /proc/swaps")
    assert lab.host.ssh("findmnt --noheadings --output SOURCE /srv/data") == "/dev/ubdb"
    assert f"inet {PRIVATE}/" in lab.host.ssh("ip -4 address")
    assert lab.host.ssh("systemctl is-system-running --wait") == "running"
    assert lab.page() == served
    assert lab.host.ssh("systemctl is-active rstudio-server") == "active"
    assert '"forest"' in lab.page("/labs/results.json")
    assert "changed=0" in lab.play().succeeded().text


def test_what_is_removed_does_not_come_back_with_a_reboot(lab: Lab) -> None:
    lab.play(playbook="playbooks/remove.yml").succeeded()
    for rebooted in (False, True):
        if rebooted:
            lab.host.reboot()
        assert "swap.1" not in lab.host.ssh("cat /proc/swaps /etc/fstab; ls /var")
        assert lab.host.ssh("findmnt /srv/data; grep /srv/data /etc/fstab", check=False) == ""
        assert PRIVATE not in lab.host.ssh("ip -4 address")
        listening = lab.host.ssh("sudo ss --no-header --listening --tcp --numeric")
        assert not [line for line in listening.splitlines() if line.split()[3].endswith((":80", ":8787"))]
        kept = set(lab.host.ssh("cd /etc/ansible/facts.d && ls").split())
        # Compilers are there for others too, and stay
        assert kept == {"labserver_build_deps.fact", "standin.fact"}
        # What is on the volume is the user's, and so is the folder it was mounted at
        assert lab.host.ssh("sudo blkid --output value --match-tag TYPE /dev/ubdb") == "ext4"


def test_a_clock_that_is_wrong_is_told_before_anything_changes(lab: Lab) -> None:
    lab.host.ssh("sudo date --set='+3 hours'")
    said = lab.play("--tags", "preflight", playbook="playbooks/server.yml").failed().words
    assert "The clock of the host shows " in said
    assert "another time by 10" in said
    assert "timedatectl set-ntp true" in said
    lab.host.ssh("sudo date --set='-3 hours'")
    lab.play("--tags", "preflight", playbook="playbooks/server.yml").succeeded()


def test_a_machine_that_is_too_small_is_told_so_before_anything_changes() -> None:
    with machine.boot(512) as host:
        said = play(host.inventory(), "--tags", "swap").failed().words
        assert "MB of memory and needs 900. Choose a larger machine, or lower preflight_memory_mb" in said
        assert host.ssh("ls /etc/ansible /var/swap.1", check=False) == ""
