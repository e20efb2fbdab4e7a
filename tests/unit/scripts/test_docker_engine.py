"""The life of the Docker engine: whose is used, what is installed, and which is stopped."""

from __future__ import annotations

import grp
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker_engine
import down
import environment
import machine
import pytest
from machine import ScriptError


@pytest.fixture(autouse=True)
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no engine answer, and none be started in earnest."""
    monkeypatch.setattr(docker_engine, "STATE", tmp_path)
    monkeypatch.setattr(docker_engine, "answers", lambda: False)
    monkeypatch.setattr(docker_engine, "running_containers", list)
    monkeypatch.setattr(docker_engine, "_engine_runs", lambda: False)
    monkeypatch.setattr(docker_engine, "_endpoint", lambda: "")
    monkeypatch.setattr(docker_engine, "_start_process", lambda: pytest.fail("started"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)


def test_without_root_and_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "can_root", lambda: False)
    with pytest.raises(ScriptError, match="Install and start Docker"):
        docker_engine.start()


def test_an_engine_that_hangs_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "_engine_runs", lambda: True)
    monkeypatch.setattr(docker_engine, "SOCKET", Path("/nowhere"))
    monkeypatch.setattr(machine, "error_of", lambda *_: "out of files")
    with pytest.raises(ScriptError, match="runs, but does not answer:\nout of files"):
        docker_engine.start()


def test_an_engine_elsewhere_is_not_replaced_by_one_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(ScriptError, match=r"DOCKER_HOST=tcp://192\.0\.2\.1:2375"):
        docker_engine.start()


@pytest.mark.parametrize("endpoint", ["unix:///home/a/.docker/desktop/docker.sock", "ssh://b"])
def test_the_engine_of_another_context_is_not_replaced(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "_endpoint", lambda: endpoint)
    with pytest.raises(ScriptError, match=f"no Docker engine answers at {endpoint}.*docker context use default"):
        docker_engine.start()


def test_on_macos_docker_desktop_is_started_by_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ScriptError, match="start Docker Desktop"):
        docker_engine.start()


@pytest.mark.parametrize(
    ("endpoint", "given", "named"),
    [
        ("unix:///Users/a/.docker/run/docker.sock", None, "unix:///Users/a/.docker/run/docker.sock"),
        ("unix:///Users/a/.docker/run/docker.sock", "unix:///mine", "unix:///mine"),
        ("unix:///var/run/docker.sock", None, None),
        ("ssh://b", None, None),
        ("", None, None),
    ],
)
def test_the_modules_ask_the_engine_of_the_context(
    endpoint: str, given: str | None, named: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "")  # so that it is taken away afterwards
    monkeypatch.delenv("DOCKER_HOST")
    if given:
        monkeypatch.setenv("DOCKER_HOST", given)
    monkeypatch.setattr(docker_engine, "answers", lambda: True)
    monkeypatch.setattr(docker_engine, "_endpoint", lambda: endpoint)
    docker_engine.start()
    assert os.environ.get("DOCKER_HOST") == named


def test_an_engine_that_answers_is_used_and_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "answers", lambda: True)
    monkeypatch.setattr(machine, "check", lambda *command: pytest.fail(f"ran {command}"))
    docker_engine.start()
    docker_engine.stop()


@pytest.mark.parametrize(
    ("within", "installed"), [({"dockerd", "docker"}, ["docker.io"]), ({"dockerd"}, ["docker.io", "docker-cli"])]
)
def test_the_client_is_installed_where_it_does_not_come_with_the_engine(
    within: set[str], installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there: set[str] = set()
    asked: list[str] = []

    def install(package: str) -> bool:
        asked.append(package)
        there.update(within if package == "docker.io" else {"docker"})
        return True

    monkeypatch.setattr(shutil, "which", lambda name: name if name in there else None)
    monkeypatch.setattr(docker_engine, "apt_install", install)
    docker_engine._install()
    assert asked == installed


def test_what_apt_get_cannot_install_is_no_other_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "apt-get" else None)
    monkeypatch.setattr(docker_engine, "apt_install", lambda _: False)
    with pytest.raises(ScriptError, match="apt-get could not install it"):
        docker_engine._install()


# What an ordinary user's machine has: each takes note of what it was asked, and of what is so from then on
PROGRAMS = {
    "sudo": 'shift; case $1 in --preserve-env*) shift ;; esac; AS_ROOT=1 exec "$@"',
    "docker": """
case $1 in context) exit ;; esac
if [ -e runs ] && { [ "${AS_ROOT-}" ] || [ -e granted ]; }; then exit; fi
exit 1""",
    "chown": '[ "${AS_ROOT-}" ] && touch granted',
    "systemctl": """
case "$1 $2" in
"is-active --quiet") [ "$3" = docker ] && [ -e runs ] ;;
"start docker") [ ! -e broken ] && touch runs ;;
esac""",
    "journalctl": "echo 'dockerd: no space left on device'",
    "apt-get": """
case "$*" in *install*) [ "${AS_ROOT-}" ] && touch runs && cp chown dockerd ;; esac""",
}


class User:
    """An ordinary user with passwordless sudo on a machine with systemd."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        for name, text in PROGRAMS.items():
            (folder / name).write_text(f'#!/bin/sh\ncd {folder}\necho "$(basename "$0") $*" >>log\n{text}\n')
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.setattr(docker_engine, "SOCKET", folder / "socket")
        monkeypatch.setattr(docker_engine, "_systemd_runs", lambda: True)
        monkeypatch.setattr(docker_engine, "_engine_runs", lambda: self.has("runs"))
        monkeypatch.setattr(docker_engine, "answers", lambda: machine.succeeds("docker", "info"))
        monkeypatch.setattr(machine, "STATE", folder)
        monkeypatch.setattr(machine, "is_root", lambda: False)
        monkeypatch.setattr(os, "access", lambda path, _: path != folder / "socket" or self.has("granted"))

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def make(self, name: str) -> None:
        (self.folder / name).touch()

    def calls(self, program: str) -> list[str]:
        lines = (self.folder / "log").read_text().splitlines()
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{program} ")]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """A user of a machine whose engine, where there is one, listens at a socket that is root's."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        yield User(tmp_path, monkeypatch)


def test_a_new_engine_is_opened_for_this_user_alone(user: User) -> None:
    docker_engine.start()
    assert [call.split()[-1] for call in user.calls("apt-get")] == ["--version", "update", "docker.io"]
    assert user.calls("chown") == [f"{os.geteuid()} {user.folder}/socket"]
    assert docker_engine.answers()
    # Debian's package has started it, for us
    assert docker_engine.started_by_us().read_text() == "systemd\n"


def test_the_socket_is_handed_over_again_after_a_reboot(user: User) -> None:
    docker_engine.start()
    (user.folder / "granted").unlink()
    docker_engine.start()
    assert len(user.calls("chown")) == 2
    assert user.calls("systemctl").count("start docker") == 1


@pytest.mark.parametrize(("group", "remedy"), [("docker", "sudo usermod -aG docker"), ("root", "sudo chown")])
def test_the_engine_of_others_is_named_with_the_remedy_and_left_alone(
    group: str, remedy: str, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.make("runs")
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group((group, "x", 1, [])))
    with pytest.raises(ScriptError, match=f"no permission to open its socket.*: {remedy}"):
        docker_engine.start()
    assert user.calls("sudo") == []


def test_hosts_that_may_not_be_removed_are_no_success(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    user.make("runs")
    monkeypatch.setattr(environment, "enter", lambda: None)
    monkeypatch.setattr(sys, "argv", ["down"])
    with pytest.raises(ScriptError, match="no permission to open its socket"):
        down.main()


def test_an_engine_that_systemd_cannot_start_is_explained(user: User) -> None:
    (user.folder / "apt-get").write_text("#!/bin/sh\n")
    (user.folder / "dockerd").symlink_to("chown")
    user.make("broken")
    with pytest.raises(ScriptError, match="could not start the Docker engine:\ndockerd: no space left on device"):
        docker_engine.start()


def test_what_others_made_systemd_run_is_not_noted_as_ours(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    user.make("runs")
    user.make("granted")
    answers = iter([False, True])  # it has just come up
    monkeypatch.setattr(docker_engine, "answers", lambda: next(answers))
    monkeypatch.setattr(docker_engine, "_engine_runs", lambda: False)
    monkeypatch.setattr(docker_engine, "_install", lambda: None)
    docker_engine.start()
    assert not docker_engine.started_by_us().exists()


def test_dockerd_by_itself_gets_no_group_of_the_users(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(docker_engine, "STATE", user.folder)
    monkeypatch.setenv("PATH", f"{user.folder}:/usr/bin:/bin")
    (user.folder / "dockerd").symlink_to("chown")
    docker_engine._start_process()
    while not (calls := user.calls("dockerd") if user.has("log") else []):  # the log is there before its first line
        time.sleep(0.01)
    assert calls == [""]


def test_another_program_with_the_number_of_the_engine_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_engine, "as_root", lambda *command: list(command))
    monkeypatch.setattr(docker_engine, "ENGINE_PID", tmp_path / "docker.pid")
    (tmp_path / "docker.pid").write_text(str(os.getpid()))
    (tmp_path / "docker-started").write_text("process\n")
    docker_engine.stop()  # and this test is still here
    assert not (tmp_path / "docker.pid").exists()
    assert not docker_engine.started_by_us().exists()


def test_an_engine_that_we_started_is_stopped_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Named dockerd for the kernel, which is what is looked at; it is no child that would stay as a zombie
    (tmp_path / "dockerd").symlink_to(Path(sys.executable).resolve())
    start = f"{tmp_path}/dockerd -c 'import time; time.sleep(600)' & echo $! >{tmp_path}/docker.pid"
    subprocess.run(["sh", "-c", f"{start}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = int((tmp_path / "docker.pid").read_text())
    while not docker_engine._runs(pid, "dockerd"):
        pass
    monkeypatch.setattr(docker_engine, "as_root", lambda *command: list(command))
    monkeypatch.setattr(docker_engine, "ENGINE_PID", tmp_path / "docker.pid")
    (tmp_path / "docker-started").write_text("process\n")
    docker_engine.stop()
    assert not docker_engine._runs(pid, "dockerd")


def test_an_engine_on_which_others_run_containers_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docker-started").write_text("process\n")
    monkeypatch.setattr(docker_engine, "running_containers", lambda: ["database", "other-lab"])
    monkeypatch.setattr(docker_engine, "_running_pid", lambda *_: pytest.fail("it would have been stopped"))
    docker_engine.stop()
    assert docker_engine.started_by_us().exists()
    assert "database, other-lab" in capsys.readouterr().err
