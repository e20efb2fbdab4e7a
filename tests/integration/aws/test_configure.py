"""A machine that was made is configured: its Elastic IP leads, through a door, to a sandbox host with an SSH server.

Elastic IPs are 127.x to moto, so a container can have one of its ports there. What moto cannot show: that cloud-init
puts the key into the machine and the host keys on the console; both are done here by hand, in its place.
"""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.aws.cloud import ROOT, Cloud, Project
from tests.integration.test_ssh import PREPARE
from tests.support.containers import run

NAME = "integration-aws"
SANDBOX = {"sandbox_project": NAME, "sandbox_hosts": [{"name": NAME, "system": "debian12"}]}
PROXY = "systemd-socket-activate -l {port} /lib/systemd/systemd-socket-proxyd {name}:{port}"


def sandbox(state: str) -> None:
    """Make or remove the container that the machine's address leads to."""
    variables = json.dumps(SANDBOX | {"sandbox_state": state})
    run("ansible-playbook", "--inventory", ROOT / "molecule/inventory", "molecule/shared/create.yml", "-e", variables)


@dataclass
class Machine:
    """A machine of a project, that answers at its address."""

    project: Project
    address: str

    @property
    def pinned(self) -> str:
        """What the project knows of the machine's host keys."""
        return (self.project.folder / ".secrets" / "known_hosts").read_text()

    def host_key(self) -> str:
        """The machine's public host key, without the comment."""
        key = run("docker", "exec", NAME, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout
        return " ".join(key.split()[:2])

    def speak(self) -> None:
        """Put the host key on the console, as cloud-init does."""
        lines = ["-----BEGIN SSH HOST KEY KEYS-----", self.host_key(), "-----END SSH HOST KEY KEYS-----", ""]
        self.project.cloud.ask("/_console", "\n".join(lines))


@pytest.fixture(scope="module")
def machine(started_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Have a machine made by the role, with a key of its own, and a container that stands for it."""
    if shutil.which("docker") is None or run("docker", "info", check=False).returncode != 0:
        pytest.skip("no Docker engine answers")
    started_cloud.reset()
    project = Project(started_cloud, tmp_path_factory.mktemp("configure"), variables={"ec2_system": "debian12"})
    run("docker", "rm", "--force", "--volumes", NAME, f"{NAME}-door", check=False)
    try:
        sandbox("present")
        made = project.make()
        assert made.code == 0, made.output
        (address,) = (one["PublicIp"] for one in started_cloud.ec2.describe_addresses()["Addresses"])
        key = started_cloud.ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"][0]["PublicKey"]
        run("docker", "exec", NAME, "sh", "-c", PREPARE, "sh", key)
        image = run("docker", "inspect", "--format", "{{.Image}}", NAME).stdout.strip()
        doors = " & ".join(PROXY.format(port=port, name=NAME) for port in (22, 80))
        published = [part for port in (22, 80) for part in ("--publish", f"{address}:{port}:{port}")]
        options = ("--label", f"labserver.project={NAME}", "--network", NAME, "--stop-signal", "KILL")
        run("docker", "run", "--detach", "--name", f"{NAME}-door", *options, *published, image, "sh", "-c", doors)
        yield Machine(project, address)
    finally:
        sandbox("absent")


def test_one_run_finds_reaches_and_configures_it(machine: Machine) -> None:
    machine.speak()
    machine.project.variables["ec2_ssh_wait"] = 30
    options = ("--tags", "provision,httpd")
    ended = machine.project.play("site", *options)
    assert ended.code == 0, ended.output
    assert machine.host_key() in machine.pinned
    with urllib.request.urlopen(f"http://{machine.address}/", timeout=60) as answer:
        assert "labserver" in answer.read().decode()
    ended = machine.project.play("site", *options)
    assert (ended.code, ended.changed) == (0, 0), ended.output


def test_another_host_key_is_refused_whatever_the_console_says(machine: Machine, full: bool) -> None:  # noqa: FBT001
    """Somebody else answers at the address: nothing is sent there, and what is pinned stays."""
    pinned = machine.pinned
    again = "rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh"
    run("docker", "exec", NAME, "sh", "-c", again)
    machine.speak()
    assert machine.host_key() not in pinned
    # The connection of the run before is open still, and would be used
    machine.project.extra_environment["ANSIBLE_SSH_ARGS"] = "-o ControlMaster=no -o ControlPath=none"
    for tags in ("httpd", "provision,httpd") if full else ("provision,httpd",):
        ended = machine.project.play("site", "--tags", tags)
        assert "unreachable=1" in ended.output, ended.output
        assert "HOST IDENTIFICATION HAS CHANGED" in ended.text or "Host key verification failed" in ended.text
        assert machine.pinned == pinned


def test_a_machine_that_is_removed_is_forgotten(machine: Machine) -> None:
    ended = machine.project.remove()
    assert ended.code == 0, ended.output
    assert machine.address not in machine.pinned
    left = {path.name for path in Path(machine.project.folder / ".secrets").iterdir()}
    assert left <= {"known_hosts"}, "the private key of machines that are gone"
