"""What the action plugin run_lock finds out on the controller."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest

from tests.support.plugins import load_plugin


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    return load_plugin("preflight/action_plugins/run_lock.py")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("ansible-playbook site.yml", "site.yml"),
        ("ansible-playbook -i inventory/hosts.yml playbooks/remove.yml -e @vars.yml", "remove.yml"),
        ("ansible-playbook --inventory=a.yml --check site.yml", "site.yml"),
    ],
)
def test_the_playbook_is_named_without_the_files_of_options(plugin: ModuleType, command: str, named: str) -> None:
    assert plugin.playbooks(command.split()) == named


def test_a_run_is_alive_until_it_ends(plugin: ModuleType) -> None:
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "ansible-playbook"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # the kernel shows the command line of a new process a moment late
        (name,) = [name for name in plugin.processes() if name.startswith(f"{process.pid}:")]
        assert name in plugin.processes()
        process.kill()
    assert name not in plugin.processes()


def test_macos_names_them_by_ps(plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "  7 Thu Nov 26 03:40:34 2026     python ansible-playbook site.yml\n  8 Thu Nov 26 03:40:35 2026 vi\n"
    monkeypatch.setattr(plugin.Path, "exists", lambda _: False)
    monkeypatch.setattr(
        plugin.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, stdout=lines)
    )
    assert plugin.processes() == ["7:Thu Nov 26 03:40:34 2026"]


def test_a_user_without_a_name_is_a_number(plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(plugin.getpass, "getuser", nobody)
    assert plugin.user() == str(os.getuid())
