"""The sheets of role handout: who has one, what is on it, and that no output shows a password."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.plugins import load_plugin

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def filters() -> ModuleType:
    return load_plugin("handout/filter_plugins/handout.py")


def test_fingerprints_are_those_that_ssh_shows(filters: ModuleType, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", str(key)], capture_output=True, text=True, check=True).stdout
    public = key.with_suffix(".pub").read_text().split()[1]
    assert filters.ssh_fingerprints({"ssh_host_key_ed25519_public": public}) == [f"{shown.split()[1]} (ED25519)"]
    assert filters.ssh_fingerprints({}) == []


def test_who_may_not_log_in_has_no_sheet(filters: ModuleType) -> None:
    users = [{"name": "ada"}, {"name": "ben", "state": "present"}, {"name": "carl", "state": "locked"}]
    assert filters.active_users([*users, {"name": "dora", "state": "absent"}]) == ["ada", "ben"]


def write(tmp_path: Path, users: list[str], *options: str) -> str:
    """Run the playbook for one host that answers and one that is down; return what it printed."""
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    down = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
    variables = {
        "handout_path": str(tmp_path / "secrets" / "handout.html"),
        "rstudio_server_secrets": str(tmp_path / "secrets" / "{{ inventory_hostname }}"),
        "rstudio_server_users": [{"name": name} for name in users],
        "labserver_url": "http://lab/?a=1&b=2",
    }
    inventory = tmp_path / "hosts.json"
    hosts = {"here": {**here, **variables}, "down": {**down, **variables}}
    inventory.write_text(json.dumps({"labserver": {"hosts": hosts}}))
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", inventory, "playbooks/handout.yml", "--diff", "-vvv", *options],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stdout + done.stderr  # one was down
    return done.stdout + done.stderr


def test_a_sheet_a_user_and_no_password_in_what_is_printed(tmp_path: Path) -> None:
    folder, handout = tmp_path / "secrets" / "here", tmp_path / "secrets" / "handout.html"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o755)
    for name in ("ada", "ben"):
        (folder / name).write_text(f"<&secret of {name}\n")

    assert "secret of" not in write(tmp_path, ["ada", "ben"], "--check")
    assert not handout.exists()

    printed = write(tmp_path, ["ada", "ben", "carl"])
    assert "secret of" not in printed
    assert str(handout) in printed
    assert "down: no sheets, for it could not be reached" in printed
    assert stat.S_IMODE(handout.stat().st_mode) == 0o600
    assert stat.S_IMODE(handout.parent.stat().st_mode) == 0o755  # the folder was there before
    sheets = handout.read_text().split("<section>")[1:]
    assert len(sheets) == 3
    assert "<code>&lt;&amp;secret of ada</code>" in sheets[0]
    assert 'href="http://lab/?a=1&amp;b=2"' in sheets[0]
    assert "secret of ben" in sheets[1]
    assert "ask your instructor" in sheets[2]

    assert "changed=0" in write(tmp_path, ["ada", "ben", "carl"])
    assert "secret of" not in write(tmp_path, ["ben"])  # nor what is no longer there
    assert "ada" not in handout.read_text()


def test_a_link_is_not_replaced(tmp_path: Path) -> None:
    handout, notes = tmp_path / "secrets" / "handout.html", tmp_path / "notes.html"
    handout.parent.mkdir()
    notes.write_text("theirs")
    handout.symlink_to(notes)
    printed = write(tmp_path, ["ada"])
    assert f"is a link, and is left as it is: set it to {notes}" in " ".join(printed.split())
    assert (handout.is_symlink(), notes.read_text()) == (True, "theirs")
