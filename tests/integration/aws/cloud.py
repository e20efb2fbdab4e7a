"""What the tests hold in their hands: an account (moto behind the fault layer) and projects that live in it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.integration.aws.faults import ANSIBLE
from tests.support.plays import signal_tree

ROOT = Path(__file__).resolve().parents[3]
REGION = "us-west-2"
ACCOUNT = "123456789012"  # of moto
OWN_ADDRESS = "198.51.100.7/32"
KEYS = {"AWS_ACCESS_KEY_ID": ANSIBLE, "AWS_SECRET_ACCESS_KEY": "testing"}


class Cloud:
    """An account of its own: moto in a process of its own, empty at first."""

    def __init__(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.aws.moto_server"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, "moto did not start: python -m tests.integration.aws.moto_server says why"
        # Not Ansible's keys: what the tests look at says nothing of what Ansible has to be allowed
        session = boto3.Session("observer", "testing", region_name=REGION)
        self.ec2 = session.client("ec2", endpoint_url=self.url)
        self.s3 = session.client("s3", endpoint_url=self.url)
        self.budgets = session.client("budgets", endpoint_url=self.url)
        self.iam = session.client("iam", endpoint_url=self.url)

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(timeout=60)

    def ask(self, path: str, body: str | None = None) -> Any:
        """Talk to the server itself, with a body by POST."""
        request = urllib.request.Request(self.url + path, data=None if body is None else body.encode())
        with urllib.request.urlopen(request, timeout=300) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def reset(self) -> None:
        """Empty the account and forget calls, actions and faults."""
        self.ask("/moto-api/reset", "")
        self.faults()

    def faults(self, *faults: dict[str, Any]) -> None:
        """Set the faults that strike from now on, and count calls from here."""
        self.ask("/_layer/faults", json.dumps(faults))

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls that came from Ansible since the counts began."""
        calls: list[dict[str, Any]] = self.ask("/_layer/calls")
        return calls

    def actions(self) -> set[tuple[str, str]]:
        """Return the service and action of each call that came from Ansible since the account was emptied."""
        return {(service, action) for service, action in self.ask("/_layer/actions")}

    def mutating(self) -> list[str]:
        """Return the names of those calls that changed something, or were meant to."""
        return [call["action"] for call in self.calls() if call["mutating"]]

    def holdings(self) -> dict[str, dict[str, Any]]:
        """Return all there is in the account, by its id, as AWS describes it: what the account came with left out."""
        ec2, s3 = self.ec2, self.s3
        instances = [
            instance
            for reservation in ec2.describe_instances()["Reservations"]
            for instance in reservation["Instances"]
            if instance["State"]["Name"] != "terminated"
        ]
        buckets = [
            {
                "Name": (name := bucket["Name"]),
                "Tags": _or_none(s3.get_bucket_tagging, name).get("TagSet", []),
                "Encryption": _or_none(s3.get_bucket_encryption, name).get("ServerSideEncryptionConfiguration"),
                "Public": _or_none(s3.get_public_access_block, name).get("PublicAccessBlockConfiguration"),
                "Keys": [item["Key"] for item in s3.list_objects_v2(Bucket=name).get("Contents", [])],
            }
            for bucket in s3.list_buckets()["Buckets"]
        ]
        kinds = [
            ("InstanceId", instances),
            ("SpotInstanceRequestId", ec2.describe_spot_instance_requests()["SpotInstanceRequests"]),
            ("VolumeId", ec2.describe_volumes()["Volumes"]),
            ("AllocationId", ec2.describe_addresses()["Addresses"]),
            ("KeyPairId", ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]),
            (
                "GroupId",
                [one for one in ec2.describe_security_groups()["SecurityGroups"] if one["GroupName"] != "default"],
            ),
            ("NetworkInterfaceId", ec2.describe_network_interfaces()["NetworkInterfaces"]),
            # moto comes with a thousand snapshots, and they belong to images
            (
                "SnapshotId",
                [one for one in ec2.describe_snapshots()["Snapshots"] if "for AMI" not in one["Description"]],
            ),
            ("Name", buckets),
            ("InstanceProfileId", self.iam.list_instance_profiles()["InstanceProfiles"]),
            ("BudgetName", self.budgets.describe_budgets(AccountId=ACCOUNT).get("Budgets", [])),
            ("RoleId", self.iam.list_roles()["Roles"]),
        ]
        return {item[key]: item for key, items in kinds for item in items}

    def count(self, holdings: dict[str, Any] | None = None) -> dict[str, int]:
        """Return how many there are of each kind, by what their ids begin with; a bucket has only its name."""
        kinds = ("i", "sir", "vol", "eipalloc", "key", "sg", "eni", "snap")
        known = (one.partition("-")[0] for one in (self.holdings() if holdings is None else holdings))
        return dict(Counter(kind if kind in kinds else "bucket" for kind in known))


def _or_none(question: Any, bucket: str) -> dict[str, Any]:
    """Ask S3 for something that a bucket need not have."""
    with contextlib.suppress(ClientError):
        answer: dict[str, Any] = question(Bucket=bucket)
        return answer
    return {}


@dataclass
class Run:
    """How an ansible-playbook ended."""

    code: int
    output: str
    seconds: float

    @property
    def text(self) -> str:
        """What it said, without the line breaks of the callback."""
        return " ".join(self.output.split())

    @property
    def changed(self) -> int:
        """The number of tasks that changed something."""
        return sum(int(number) for number in re.findall(r"changed=(\d+)", self.output))


@dataclass
class Project:
    """A project in an account, as a user has it: a name, a folder of secrets, and Ansible."""

    cloud: Cloud
    folder: Path
    name: str = "lab"
    variables: dict[str, Any] = field(default_factory=dict)
    extra_environment: dict[str, str] = field(default_factory=dict)
    # Calls whose failure a run did not explain
    silent: list[str] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Return the environment that leads Ansible to the account and to no other."""
        mine = {
            key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_", "LABSERVER_"))
        }
        return (
            mine
            | KEYS
            | {
                "AWS_ENDPOINT_URL": self.cloud.url,
                "AWS_REGION": REGION,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                "ANSIBLE_NOCOLOR": "1",
                "PYTHONPATH": str(Path(__file__).parent / "hurry"),
                "TMPDIR": str(self.folder),  # in which a run that is killed leaves its modules
                "LABSERVER_PROJECT": self.name,
                **self.extra_environment,
            }
        )

    def command(self, playbook: str, *options: str) -> list[str]:
        """Return the command line of a playbook."""
        variables = {
            "ec2_own_cidr": OWN_ADDRESS,
            "ec2_host_keys_wait": 0,
            "ec2_ssh_wait": 0,
            "ec2_secrets": str(self.folder / ".secrets"),
            "report_folder": str(self.folder / "reports"),
            **self.variables,
        }
        name = f"playbooks/{playbook}.yml" if playbook != "site" else "site.yml"
        return ["ansible-playbook", "-i", "inventory/aws", name, "-e", json.dumps(variables), *options]

    def start(self, playbook: str, *options: str) -> subprocess.Popen[str]:
        """Start a playbook."""
        return subprocess.Popen(
            self.command(playbook, *options),
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def play(self, playbook: str, *options: str) -> Run:
        """Run a playbook to its end."""
        begun = time.monotonic()
        process = self.start(playbook, *options)
        try:
            output, _ = process.communicate(timeout=1800)
        except BaseException:
            signal_tree(process.pid, signal.SIGKILL)
            raise
        return Run(process.returncode, output, time.monotonic() - begun)

    def make(self, *options: str) -> Run:
        """Create the project's machines."""
        return self.play("provision", *options)

    def remove(self, *options: str) -> Run:
        """Remove everything, the bucket too."""
        return self.play("teardown", "-e", "confirm=yes", "-e", "ec2_remove_bucket=true", *options)

    def inventory(self, *options: str, **environment: str) -> str:
        """Return the hosts of the inventory."""
        command = ["ansible-inventory", "-i", "inventory/aws", "--list", *options]
        return command_output(command, {**self.environment(), **environment})

    def play_until_held(self, playbook: str, *options: str) -> Run:
        """Run a playbook until a call is held, and kill it there with all its children; or to its end."""
        begun = time.monotonic()
        process = self.start(playbook, *options)
        while process.poll() is None and not self.cloud.ask("/_layer/held"):
            time.sleep(0.1)
        signal_tree(process.pid, signal.SIGKILL)
        self.cloud.ask("/_layer/release", "")
        output, _ = process.communicate(timeout=300)
        return Run(process.returncode, output, time.monotonic() - begun)


def command_output(command: list[str], environment: dict[str, str]) -> str:
    """Run a command, which has to succeed, and return what it printed."""
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
