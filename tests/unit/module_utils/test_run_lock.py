"""One run at a time on a host, and the locks of the package manager."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver import run_lock
from ansible.module_utils.labserver.errors import LabError

ANNA = {"controller": "desk/1", "process": "7:100", "user": "anna", "playbook": "site.yml"}
BERT = {**ANNA, "process": "8:200", "user": "bert"}
CARL = {**ANNA, "controller": "laptop/2", "user": "carl"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


def connected(monkeypatch: pytest.MonkeyPatch, *, alive: bool) -> None:
    """Let every run come by an SSH connection, which stands or has ended."""
    session = {"pid": 5, "start": "50", "client": "198.51.100.7"}
    monkeypatch.setattr(run_lock, "session_of", lambda _: session)
    monkeypatch.setattr(run_lock, "parent_and_start", lambda _: (1, "50" if alive else "99"))


def test_a_run_goes_on_with_its_own_lock(path: Path) -> None:
    for _ in range(2):
        assert run_lock.take(path, ANNA, ["7:100"])["user"] == "anna"


def test_one_machine_by_two_names_is_refused(path: Path) -> None:
    for _ in range(2):
        run_lock.take(path, {**ANNA, "host": "lab-1"}, ["7:100"])
        with pytest.raises(LabError, match=r"LAB-1 is the same machine as lab-1 .* take one of the two names out"):
            run_lock.take(path, {**ANNA, "host": "LAB-1"}, ["7:100"])
    run_lock.take(path, {**BERT, "host": "LAB-1"}, ["8:200"])  # by itself, in a later run


def test_a_second_run_is_told_who_runs(path: Path) -> None:
    run_lock.take(path, ANNA, ["7:100"])
    with pytest.raises(LabError, match=r"anna on desk configures .*: site.yml, process 7.* kill 7"):
        run_lock.take(path, BERT, ["7:100", "8:200"])


def test_the_lock_of_a_run_that_died_is_taken(path: Path) -> None:
    run_lock.take(path, ANNA, ["7:100"])
    assert run_lock.take(path, BERT, ["8:200"])["user"] == "bert"


@pytest.mark.parametrize("number", ["7:101", "70:100"])
def test_another_process_of_the_same_number_is_another(path: Path, number: str) -> None:
    run_lock.take(path, ANNA, ["7:100"])
    run_lock.take(path, BERT, [number])


def test_a_run_from_elsewhere_lives_as_long_as_its_connection(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connected(monkeypatch, alive=True)
    run_lock.take(path, ANNA, ["7:100"])
    with pytest.raises(LabError, match=r"anna on desk \(198.51.100.7\).*given up after a minute"):
        run_lock.take(path, CARL, [])
    connected(monkeypatch, alive=False)
    run_lock.take(path, CARL, [])


def test_check_mode_takes_nothing_but_is_told(path: Path) -> None:
    run_lock.take(path, ANNA, ["7:100"], write=False)
    run_lock.take(path, BERT, ["7:100", "8:200"])
    with pytest.raises(LabError, match="bert"):
        run_lock.take(path, ANNA, ["8:200"], write=False)


@pytest.mark.parametrize("text", ["", "{", '{"controller": "de'])
def test_a_record_that_was_cut_off_is_nobodys(path: Path, text: str) -> None:
    path.write_text(text)
    run_lock.take(path, ANNA, [])


def process(proc: Path, pid: int, name: str, parent: int, children: str = "", environ: bytes = b"") -> None:
    folder = proc / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} {'0 ' * 17}{pid}00 0\n")
    (folder / "comm").write_text(f"{name}\n")
    (folder / "task" / str(pid) / "children").write_text(children)
    (folder / "environ").write_bytes(environ)


def test_the_connection_is_the_outermost_below_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "PROC", tmp_path)
    process(tmp_path, 1, "systemd", 0)
    process(tmp_path, 10, "sshd", 1)
    process(tmp_path, 20, "sshd", 10, "30")
    process(tmp_path, 30, "sshd", 20, "40")
    process(tmp_path, 40, "a (b) c", 30, environ=b"A=1\0SSH_CLIENT=198.51.100.7 22 22\0")
    session = {"pid": 20, "start": "2000", "client": "198.51.100.7"}
    assert run_lock.session_of(40) == session
    assert run_lock.is_alive(session)
    assert not run_lock.is_alive({**session, "start": "1999"})
    assert run_lock.session_of(1) is None
    assert not run_lock.is_alive(None)


class TestPackageLocks:
    """Another program holds the lock of apt."""

    @pytest.fixture
    def holder(self, tmp_path: Path) -> Any:
        lock = tmp_path / "lock"
        program = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); "
        command = [sys.executable, "-c", program + "sys.stdin.read()", str(lock)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            yield process, lock
            process.kill()

    def test_who_holds_it_is_named(self, holder: Any) -> None:
        process, lock = holder
        with pytest.raises(LabError, match=rf"\(pid {process.pid}\) holds the lock"):
            run_lock.wait_for_locks([lock], 0)

    def test_it_is_waited_for(self, holder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        process, lock = holder
        monkeypatch.setattr(run_lock.time, "sleep", lambda _: (process.stdin.close(), process.wait()))
        assert f"pid {process.pid}" in run_lock.wait_for_locks([lock], 600)

    def test_free_ones_and_missing_ones_are_not(self, tmp_path: Path) -> None:
        (tmp_path / "lock").touch()
        assert run_lock.wait_for_locks([tmp_path / "lock", tmp_path / "none"], 0) == ""
