"""Another network, and another machine at a kept address.

What moto cannot show: that packets come from the own address, and what a console shows when.
"""

from __future__ import annotations

import base64

import pytest

from tests.integration.aws.cloud import Cloud, Project
from tests.integration.aws.estate import ports

NEW = {"ec2_own_cidr": "203.0.113.77"}


def host_key(seed: int) -> str:
    """Return a key of the right form."""
    fields = [b"ssh-ed25519", bytes([seed]) * 32]
    return f"ssh-ed25519 {base64.b64encode(b''.join(len(f).to_bytes(4, 'big') + f for f in fields)).decode()}"


def show(cloud: Cloud, key: str) -> None:
    """Put a host key on the consoles, as cloud-init does."""
    cloud.ask("/_console", f"-----BEGIN SSH HOST KEY KEYS-----\n{key} x\n-----END SSH HOST KEY KEYS-----\n")


def test_start_lets_the_present_address_in(cloud: Cloud, project: Project) -> None:
    assert project.make().code == 0
    [group] = [one for one in cloud.holdings().values() if one.get("GroupName") == "lab"]
    # Somebody has opened another port by hand: start is about the own address alone
    theirs = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}]
    cloud.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=theirs)
    project.variables |= NEW
    cloud.faults()
    run = project.play("start")
    assert run.code == 0, run.output
    own = {(22, "203.0.113.77/32"), (8787, "203.0.113.77/32")}
    assert ports(cloud.holdings()[group["GroupId"]]) == own | {(80, "0.0.0.0/0"), (443, "192.0.2.0/24")}
    assert project.play("start").changed == 0
    # A service that is out of reach, and another network: what was let in stays
    project.variables = {"ec2_own_cidr": "", "ec2_checkip": "http://127.0.0.1:9"}
    run = project.play("start")
    assert run.code == 0, run.output
    assert "does not tell your address" in run.text
    assert own < ports(cloud.holdings()[group["GroupId"]])
    assert project.remove().code == 0


@pytest.mark.full
def test_a_machine_made_anew_at_a_kept_address_gets_its_key_learned_anew(cloud: Cloud, project: Project) -> None:
    known_hosts = project.folder / ".secrets" / "known_hosts"
    show(cloud, host_key(1))
    run = project.make()
    assert "proven, for its console shows it" in run.text, run.output
    [address] = cloud.ec2.describe_addresses()["Addresses"]
    assert known_hosts.read_text() == f"{address['PublicIp']} {host_key(1)} {address['InstanceId']}\n"
    cloud.ec2.terminate_instances(InstanceIds=[address["InstanceId"]])
    show(cloud, host_key(2))
    run = project.make()
    assert run.code == 0, run.output
    [again] = cloud.ec2.describe_addresses()["Addresses"]
    assert again["PublicIp"] == address["PublicIp"]
    assert known_hosts.read_text() == f"{address['PublicIp']} {host_key(2)} {again['InstanceId']}\n"
    assert "is the address of another machine now" in run.text
    # Where the console is silent, that is said, and asked again
    cloud.ec2.terminate_instances(InstanceIds=[again["InstanceId"]])
    show(cloud, "")
    run = project.make()
    assert run.code == 0, run.output
    assert "not proven" in run.text
    assert host_key(2) not in known_hosts.read_text()
    show(cloud, host_key(3))
    assert "proven, for its console shows it" in project.make().text
    assert project.remove().code == 0
    assert known_hosts.read_text() == ""


def test_what_ssh_does_not_answer_is_told_with_what_to_run(cloud: Cloud, project: Project) -> None:
    project.variables = {"ec2_ssh_wait": 1}
    run = project.make()
    assert run.code != 0
    assert "Nothing answers as SSH at port 22" in run.text, run.output
    assert "playbooks/start.yml" in run.text
    assert cloud.count()["i"] == 1
