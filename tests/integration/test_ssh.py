"""A machine that exists already, over real SSH: a copy of inventory/ssh, a user with sudo, the real playbooks."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import collection
import pytest
import yaml

from tests.support.containers import ROOT, run, set_container
from tests.support.plays import play

PROJECT = "integration-ssh"
NAME = f"{PROJECT}-1"
PREPARE = """
set -e
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends iproute2 openssh-server >/dev/null
for user in admin guest; do
  useradd --create-home --shell /bin/sh "$user"
  install -d -m 700 -o "$user" "/home/$user/.ssh"
  echo "$1" >"/home/$user/.ssh/authorized_keys"
done
echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin
"""


@dataclass
class Machine:
    """A machine with an SSH server, and the inventory that names it."""

    inventory: Path
    address: str

    def play(self, *options: str, playbook: str = "site.yml", check: bool = True) -> str:
        """Run a playbook on it and return what Ansible printed."""
        result = run("ansible-playbook", "--inventory", self.inventory, playbook, *options, check=check)
        return result.stdout + result.stderr


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Boot a container, give it an SSH server, and copy the example inventory for it, as the README says."""
    folder = tmp_path_factory.mktemp("ssh")
    set_container(PROJECT, "absent")  # what a killed run left
    try:
        set_container(PROJECT, "present")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
        run("docker", "exec", NAME, "sh", "-c", PREPARE, "sh", (folder / "key.pub").read_text().strip())
        networks = json.loads(run("docker", "inspect", NAME).stdout)[0]["NetworkSettings"]["Networks"]
        address = networks[PROJECT]["IPAddress"]
        host_key = run("docker", "exec", NAME, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout
        (folder / "known_hosts").write_text(f"{address} {host_key}")
        shutil.copytree(ROOT / "inventory/ssh", folder / "inventory")
        variables = {
            "ansible_host": address,
            "ansible_user": "admin",
            "ansible_ssh_private_key_file": str(folder / "key"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={folder}/known_hosts -o StrictHostKeyChecking=yes",
        }
        hosts = {"labserver": {"hosts": {"lab.example.org": variables}}}
        (folder / "inventory" / "hosts.yml").write_text(yaml.safe_dump(hosts))
        yield Machine(folder / "inventory", address)
    finally:
        set_container(PROJECT, "absent")


# What breaks while packages are installed (how, its mending, and what the message has to say)
FAULTS = {
    "network": (
        """printf 'Acquire::%s::Proxy "http://127.0.0.1:9";\\n' http https >/etc/apt/apt.conf.d/99z-cut""",
        "rm /etc/apt/apt.conf.d/99z-cut",
        "127.0.0.1:9",
    ),
    "disk": (
        "mount -t tmpfs -o size=100k tmpfs /var/cache/apt/archives && mkdir /var/cache/apt/archives/partial",
        "umount /var/cache/apt/archives",
        "enough free space in /var/cache/apt/archives",
    ),
}


# Before any other test installs Apache
@pytest.mark.parametrize("fault", FAULTS)
def test_what_breaks_while_packages_are_installed_is_named(machine: Machine, fault: str) -> None:
    break_it, mend_it, cause = FAULTS[fault]
    # A task before the installation: by then the preflight has passed, and the fault is there when apt starts
    at = {"httpd : Check ports": lambda: run("docker", "exec", NAME, "sh", "-c", break_it)}
    try:
        said = play(machine.inventory, "--tags", "httpd", at=at).failed().words
    finally:
        run("docker", "exec", NAME, "sh", "-c", mend_it)
    assert cause in said
    assert run("docker", "exec", NAME, "dpkg", "--audit").stdout == ""


def test_packages_that_a_full_disk_left_half_unpacked_are_finished_by_the_next_run(machine: Machine) -> None:
    def shell(command: str, *, check: bool = True) -> str:
        return run("docker", "exec", NAME, "sh", "-c", command, check=check).stdout

    folder = "/usr/share/figlet"  # of what package toilet needs
    shell(f"mkdir {folder} && mount -t tmpfs -o size=100k tmpfs {folder}")
    try:
        shell("DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes toilet", check=False)
    finally:
        shell(f"umount {folder}")
    assert shell("dpkg --audit") != ""
    machine.play("--tags", "preflight")
    assert shell("dpkg --audit; apt-get check -qq") == ""
    assert shell(f"ls {folder}") != ""
    assert "changed=0" in machine.play("--tags", "preflight")


def test_roles_are_taken_by_tag_and_a_run_that_was_killed_at_any_task_is_finished(
    machine: Machine, *, full: bool
) -> None:
    options, step = (("-e", "labserver_strict=false"), 1) if full else (("--tags", "httpd"), 15)
    machine.play(*options, "--check")
    task = step
    while (outcome := play(machine.inventory, *options, kill_at=task)).code < 0:
        task += step
    assert task > 2 * step
    outcome.succeeded()
    with urllib.request.urlopen(f"http://{machine.address}/", timeout=60) as answer:
        assert "labserver" in answer.read().decode()
    assert "changed=0" in machine.play(*options)


APT = "Temporary failure resolving"
PIP = "This host cannot reach the package index"
# Of each role that fetches something, the task that does, and what a host without a network says of it
FETCHES = {
    "build_deps": ("Install compilers", APT),
    "python_venv": ("Create the virtual environment", PIP),
    "nltk_punkt": ("Download and unpack punkt", "nltk_punkt unavailable This host cannot reach"),
    "review_data": ("Download the first review set", "review_data unavailable This host cannot reach"),
    "r_base": ("Install R, and compilers", APT),
    "r_packages": ("Install the R packages", "cannot reach packagemanager.posit.co and "),
    "rstudio_server": ("Download the package", "rstudio_server unavailable This host cannot reach"),
    "jupyterlab": ("Create the environment of JupyterLab", PIP),
    "r_labs": ("Download the data", "cannot reach archive.ics.uci.edu"),
}


@pytest.mark.full
@pytest.mark.parametrize("role", FETCHES)
def test_a_network_that_goes_in_the_middle_of_a_role_is_named_and_the_next_run_finishes(
    machine: Machine, role: str
) -> None:
    def shell(command: str) -> str:
        return run("docker", "exec", NAME, "sh", "-c", command).stdout

    task, cause = FETCHES[role]
    # Some publish on the site
    options = ("--tags", f"preflight,httpd,{role}", "-e", "labserver_strict=false")
    before = shell("cat /etc/resolv.conf")
    gateway = shell("ip -4 route show default").split()[2]
    # A name server without a route is given up at once; Docker's own would be waited for, at every package again
    cut = "ip route delete default && echo nameserver 203.0.113.1 >/etc/resolv.conf"
    try:
        at = {f"{role} : {task}": lambda: shell(cut)}
        # With skipped hosts Ansible names a task when it begins, else with the first result
        said = play(machine.inventory, *options, at=at, env={"ANSIBLE_DISPLAY_SKIPPED_HOSTS": "1"}).words
    finally:
        shell(f"ip route add default via {gateway}; echo '{before}' >/etc/resolv.conf")
    assert cause in said
    assert "failed=0" in machine.play(*options)
    assert "changed=0" in machine.play(*options)


def test_a_machine_that_is_gone_in_the_middle_is_told_and_the_next_run_finishes(machine: Machine) -> None:
    options = ("--tags", "httpd", "-e", "httpd_port=8081")
    cut = "systemctl stop ssh ssh.socket; pkill --full 'sshd: admin'"
    try:
        at = {"httpd : Check ports": lambda: run("docker", "exec", NAME, "sh", "-c", cut, check=False)}
        said = play(machine.inventory, *options, at=at).failed().words
    finally:
        run("docker", "exec", NAME, "systemctl", "start", "ssh")
    assert "Make sure this host can be reached over ssh" in said
    assert "unreachable=1" in said
    assert "failed=0" in machine.play(*options)
    assert "changed=0" in machine.play(*options)


def test_what_cannot_be_had_is_an_error_there(machine: Machine) -> None:
    # the machine's own file system is a container's, which cannot hold swap
    output = machine.play("--tags", "swap", check=False)
    assert "failed=1" in output
    assert "labserver_strict: false" in " ".join(output.split())


def test_and_is_only_reported_where_the_user_says_so(machine: Machine) -> None:
    output = machine.play("--tags", "swap", "-e", "labserver_strict=false")
    assert "failed=0" in output
    assert "unavailable" in output


PLAYBOOK = """
- hosts: labserver
  become: true
  roles:
    - role: labserver.lab.swap
      vars: {swap_path: /srv/integration.swap, swap_size_mb: 16}
  tasks:
    - ansible.builtin.copy: {content: "{{ text }}", dest: /srv/reviews.json, mode: "0644"}
    - labserver.lab.review_sample: {src: /srv/reviews.json, dest: /srv/sample.json, count: 2, seed: 1}
  vars:
    text: |
      {"reviewText": "one"}
      {"reviewText": "two"}
      {"reviewText": "three"}
"""


def lowest_ansible(folder: Path) -> Path:
    """Install the oldest ansible-core that the collection names, away from ours; return the folder of its programs."""
    required = yaml.safe_load((ROOT / "galaxy/meta/runtime.yml").read_text())["requires_ansible"]
    release = required.removeprefix(">=").rpartition(".")[0]
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", f"ansible-core=={release}.*")
    return folder / "bin"


@pytest.mark.parametrize(
    "ansible",
    [
        "ours",
        pytest.param(
            "lowest",
            marks=[
                pytest.mark.full,
                pytest.mark.skipif(sys.version_info >= (3, 13), reason="ansible-core 2.16 does not run on this Python"),
            ],
        ),
    ],
)
def test_the_collection_works_away_from_the_project(machine: Machine, tmp_path: Path, ansible: str) -> None:
    programs = Path(sys.executable).parent if ansible == "ours" else lowest_ansible(tmp_path / "venv")
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncollections_path = .\nhost_key_checking = true\n")
    archive = collection.build(tmp_path)
    run(programs / "ansible-galaxy", "collection", "install", "--no-deps", archive, cwd=tmp_path)

    def take(*options: str) -> str:
        return run(programs / "ansible-playbook", "-i", machine.inventory, "play.yml", *options, cwd=tmp_path).stdout

    try:
        assert "failed=0" in take()
        assert "changed=0" in take()
        assert "integration.swap" in run("docker", "exec", NAME, "cat", "/proc/swaps").stdout
        assert run("docker", "exec", NAME, "wc", "--lines", "/srv/sample.json").stdout.split()[0] == "2"
    finally:
        take("-e", "swap_state=absent")


def test_a_user_without_sudo_is_told_what_to_do(machine: Machine) -> None:
    output = " ".join(machine.play("--tags", "swap", "-e", "ansible_user=guest", check=False).split())
    assert "cannot become root" in output
    assert "--ask-become-pass" in output


def test_a_host_that_is_too_small_is_told_the_variable(machine: Machine) -> None:
    for variable in ("preflight_memory_mb", "preflight_disk_mb"):
        output = " ".join(machine.play("--tags", "preflight", "-e", f"{variable}=99999999", check=False).split())
        assert f"lower {variable}" in output


def test_the_report_of_the_run_is_kept_here(machine: Machine, tmp_path: Path) -> None:
    machine.play("-e", f"report_folder={tmp_path}", playbook="playbooks/report.yml")
    (host,) = json.loads((tmp_path / "site.json").read_text())["hosts"]
    assert host["url"] == f"http://{machine.address}/"
    assert {record["name"]: record["state"] for record in host["components"]}["httpd"] == "ready"


def test_a_second_run_at_the_same_time_is_told_who_runs(machine: Machine) -> None:
    second = []

    def run_again() -> None:
        second.append(play(machine.inventory, "--tags", "preflight", playbook="playbooks/server.yml").failed().words)

    options, at = ("--tags", "preflight"), {"Check privileges, system": run_again}
    play(machine.inventory, *options, playbook="playbooks/server.yml", at=at).succeeded()
    assert "configures this host since" in second[0]
    assert "server.yml, process" in second[0]


def test_a_lock_of_apt_is_waited_for_and_its_holder_named(machine: Machine) -> None:
    options, server = ("--tags", "preflight"), "playbooks/server.yml"
    hold = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX)"
    run("docker", "exec", "--detach", NAME, "python3", "-c", f"{hold}; time.sleep(60)")
    refused = play(machine.inventory, *options, "-e", "preflight_lock_timeout=1", playbook=server).failed().words
    assert "python3 (pid " in refused
    assert "holds the lock of the package manager" in refused
    run("docker", "exec", NAME, "pkill", "--full", "lock-frontend")
    play(machine.inventory, *options, playbook=server).succeeded()
