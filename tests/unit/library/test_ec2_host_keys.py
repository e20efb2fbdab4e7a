"""ec2_host_keys: what a machine says on its console is pinned, and forgotten when its address goes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.aws import console as console_module
from ansible.module_utils.labserver.aws.client import AwsClients
from botocore.exceptions import ClientError

from tests.support.modules import RunModule

pytestmark = pytest.mark.usefixtures("throw_away_keys")

ADDRESS, OTHER = "203.0.113.7", "203.0.113.8"


def key(kind: str = "ssh-ed25519", seed: int = 1) -> str:
    """A key of the right form."""
    fields = [kind.encode(), bytes([seed]) * 36]
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return f"{kind} {base64.b64encode(blob).decode()}"


def console(*keys: str, prefix: str = "") -> str:
    """What cloud-init writes, between what else goes there."""
    lines = ["[    0.0] Linux version 6.1", "-----BEGIN SSH HOST KEY KEYS-----"]
    lines += [f"{one} root@ip-10-0-0-5" for one in keys]
    lines += ["-----END SSH HOST KEY KEYS-----", "login: "]
    return "".join(f"{prefix}{line}\r\n" for line in lines)


class Console:
    """Stands in for EC2: the outputs of one machine after another call, and what it was asked."""

    def __init__(self, *outputs: str, latest: bool = True) -> None:
        self.outputs = list(outputs)
        self.latest = latest
        self.asked: list[dict[str, Any]] = []

    def get_console_output(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if "Latest" in asked and not self.latest:
            raise ClientError({"Error": {"Code": "UnsupportedOperation", "Message": "no"}}, "GetConsoleOutput")
        return {"Output": self.outputs.pop(0) if len(self.outputs) > 1 else self.outputs[0]}


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / ".secrets" / "known_hosts"


def pin(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, ec2: Console, path: Path, **options: Any
) -> dict[str, Any]:
    """Run the module on one machine."""
    monkeypatch.setattr(AwsClients, "client", lambda *_: ec2)
    monkeypatch.setattr(console_module.time, "sleep", lambda _: None)
    check = options.pop("check", False)
    machine = {"id": options.pop("id", "i-1"), "address": ADDRESS, "new": options.pop("new", False)}
    return run_module(
        "ec2_host_keys", check=check, machines=[machine], path=str(path), region="us-west-2", wait=0, **options
    )


def test_the_keys_of_the_console_are_pinned_once(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, known_hosts: Path
) -> None:
    ec2 = Console(console(key(), key("ecdsa-sha2-nistp256")))
    checked = pin(run_module, monkeypatch, ec2, known_hosts, check=True)
    assert checked["changed"]
    assert not known_hosts.exists()
    result = pin(run_module, monkeypatch, ec2, known_hosts)
    assert (result["changed"], result["learned"], result["unknown"]) == (True, [ADDRESS], [])
    lines = [f"{ADDRESS} {key()} i-1", f"{ADDRESS} {key('ecdsa-sha2-nistp256')} i-1"]
    assert known_hosts.read_text().splitlines() == lines
    assert (known_hosts.stat().st_mode & 0o777, known_hosts.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    ec2.asked.clear()
    assert not pin(run_module, monkeypatch, ec2, known_hosts)["changed"]
    assert ec2.asked == []


def test_a_new_machine_at_an_old_address_is_not_taken_for_the_old_one(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, known_hosts: Path
) -> None:
    pin(run_module, monkeypatch, Console(console(key(seed=1))), known_hosts)
    known_hosts.write_text(known_hosts.read_text() + f"{OTHER} {key()}\n")
    pin(run_module, monkeypatch, Console(console(key(seed=2))), known_hosts, new=True)
    assert known_hosts.read_text().splitlines() == [f"{OTHER} {key()}", f"{ADDRESS} {key(seed=2)} i-1"]
    # One that says nothing yet is left to the first connection
    result = pin(run_module, monkeypatch, Console("booting"), known_hosts, new=True)
    assert (result["learned"], result["unknown"]) == ([], [ADDRESS])
    assert known_hosts.read_text().splitlines() == [f"{OTHER} {key()}"]


def test_what_is_known_is_never_replaced_unless_the_machine_is_new(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, known_hosts: Path
) -> None:
    pin(run_module, monkeypatch, Console(console(key(seed=1))), known_hosts)
    assert not pin(run_module, monkeypatch, Console(console(key(seed=2))), known_hosts)["changed"]
    assert known_hosts.read_text() == f"{ADDRESS} {key(seed=1)} i-1\n"


def test_a_machine_made_anew_at_a_kept_address_has_its_own_key(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, known_hosts: Path
) -> None:
    """Also where the run that launched it was killed, so that nothing says that it is new."""
    neighbour = f"{ADDRESS}1 {key(seed=3)} i-9"
    known_hosts.parent.mkdir()
    known_hosts.write_text(f"{neighbour}\n")
    assert pin(run_module, monkeypatch, Console(console(key(seed=1))), known_hosts)["learned"] == [ADDRESS]
    result = pin(run_module, monkeypatch, Console(console(key(seed=2))), known_hosts, id="i-2")
    assert (result["changed"], result["replaced"]) == (True, [ADDRESS])
    assert f"{ADDRESS} is the address of another machine" in str(result["warnings"])
    assert known_hosts.read_text().splitlines() == [neighbour, f"{ADDRESS} {key(seed=2)} i-2"]
    # One that says nothing yet is left to the first connection, which SSH would refuse with the old key
    result = pin(run_module, monkeypatch, Console("booting"), known_hosts, id="i-3")
    assert (result["replaced"], result["unknown"]) == ([ADDRESS], [ADDRESS])
    assert known_hosts.read_text().splitlines() == [neighbour]
    # What SSH pinned, with no instance
    known_hosts.write_text(f"[{ADDRESS}]:22 {key(seed=4)}\n{neighbour}\n")
    assert not pin(run_module, monkeypatch, Console("booting"), known_hosts, id="i-3")["changed"]
    assert pin(run_module, monkeypatch, Console(console(key(seed=4))), known_hosts, id="i-3")["replaced"] == []
    known_hosts.write_text(f"{ADDRESS} {key(seed=4)}\n")
    result = pin(run_module, monkeypatch, Console(console(key(seed=5))), known_hosts, id="i-4")
    assert (result["replaced"], known_hosts.read_text()) == ([ADDRESS], f"{ADDRESS} {key(seed=5)} i-4\n")


def test_a_type_that_cannot_tell_the_latest_is_asked_for_what_aws_kept(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, known_hosts: Path
) -> None:
    ec2 = Console(console(key()), latest=False)
    assert pin(run_module, monkeypatch, ec2, known_hosts)["learned"] == [ADDRESS]
    assert ec2.asked == [{"InstanceId": "i-1", "Latest": True}, {"InstanceId": "i-1"}]


def test_an_address_that_goes_is_forgotten_also_where_ssh_hashed_it(run_module: RunModule, known_hosts: Path) -> None:
    salt = b"s" * 20
    digest = hmac.new(salt, ADDRESS.encode(), hashlib.sha1).digest()
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()} {key()}"
    broken = f"|1|a|b {key()}"
    kept = [f"{OTHER} {key()}", "# mine", broken]
    known_hosts.parent.mkdir()
    known_hosts.write_text("\n".join([hashed, *kept, f"host,{ADDRESS} {key()}", ""]))
    options: dict[str, Any] = {"machines": [{"address": ADDRESS}], "path": str(known_hosts), "state": "absent"}
    assert run_module("ec2_host_keys", check=True, **options)["changed"]
    result = run_module("ec2_host_keys", **options)
    assert result["changed"]
    assert known_hosts.read_text().splitlines() == kept
    assert not run_module("ec2_host_keys", **options)["changed"]


def test_a_file_that_cannot_be_written_is_told(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options: dict[str, Any] = {"machines": [{"address": ADDRESS}], "state": "absent"}
    result = run_module("ec2_host_keys", path=str(tmp_path), **options)
    assert result["failed"]
    assert str(tmp_path) in result["msg"]


def test_it_waits_for_machines_that_are_booting() -> None:
    outputs = ["", "booting", console(key())]
    passed: list[float] = []
    found = console_module.wait_for_keys(
        [{"id": "i-1", "address": ADDRESS}],
        lambda _: outputs.pop(0),
        wait=60,
        clock=lambda: sum(passed),
        sleep=passed.append,
    )
    assert found == {ADDRESS: [key()]}
    assert len(passed) == 2
    found = console_module.wait_for_keys(
        [{"id": "i-1", "address": ADDRESS}], lambda _: "", wait=12, clock=lambda: sum(passed), sleep=passed.append
    )
    assert found == {}
    assert sum(passed) == 22


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        pytest.param(console(key(), prefix="[   21.5] cloud-init[1234]: "), [key()], id="a time before each line"),
        pytest.param(console(key(seed=1)) + console(key(seed=2)), [key(seed=2)], id="the last of two boots"),
        pytest.param(console(key(), key("ssh-rsa")[:60]), [key()], id="one cut off"),
        pytest.param(console(key().replace("ssh-ed25519", "ssh-rsa")), [], id="a type that is not in the key"),
        pytest.param(console(key()).split("-----END")[0], [], id="still writing"),
        pytest.param(f"{ADDRESS} {key()}", [], id="a key outside of the block"),
        pytest.param(console("ssh-ed25519 " + "A" * 41), [], id="no base64"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_only_whole_keys_between_the_marks_count(text: str, keys: list[str]) -> None:
    assert console_module.keys_on_console(text) == keys


def test_an_instance_keeps_its_keys_where_aws_lends_it_another_address(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, known_hosts: Path
) -> None:
    first = pin(run_module, monkeypatch, Console(console(key())), known_hosts)
    assert first["unproven"] == []
    silent = Console("")
    monkeypatch.setitem(globals(), "ADDRESS", OTHER)
    result = pin(run_module, monkeypatch, silent, known_hosts)
    assert (result["changed"], result["learned"], result["unproven"]) == (True, [OTHER], [])
    # The address before may be another machine's by now
    assert known_hosts.read_text().splitlines() == [f"{OTHER} {key()} i-1"]
    assert silent.asked == []


def test_what_no_console_shows_is_not_proven(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, known_hosts: Path
) -> None:
    assert pin(run_module, monkeypatch, Console(""), known_hosts)["unproven"] == [ADDRESS]
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    known_hosts.write_text(f"{ADDRESS} {key()}\n")  # as SSH notes it at the first connection
    assert pin(run_module, monkeypatch, Console(""), known_hosts)["unproven"] == [ADDRESS]
    assert pin(run_module, monkeypatch, Console(console(key())), known_hosts)["unproven"] == []
