"""The life of the Docker engine: whose is used, what is installed, and which is stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import docker_engine
import machine
import pytest
from machine import ScriptError


@pytest.fixture(autouse=True)
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no engine answer, and none be started in earnest."""
    monkeypatch.setattr(docker_engine, "STATE", tmp_path)
    monkeypatch.setattr(docker_engine, "answers", lambda: False)
    monkeypatch.setattr(docker_engine, "_engine_runs", lambda: False)
    monkeypatch.setattr(docker_engine, "_start_process", lambda: pytest.fail("started"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)


def test_without_root_and_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "can_root", lambda: False)
    with pytest.raises(ScriptError, match="Install and start Docker"):
        docker_engine.start()


def test_an_engine_of_others_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "_engine_runs", lambda: True)
    monkeypatch.setattr(machine, "is_root", lambda: False)
    with pytest.raises(ScriptError, match="usermod -aG docker"):
        docker_engine.start()


def test_an_engine_elsewhere_is_not_replaced_by_one_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(ScriptError, match=r"DOCKER_HOST=tcp://192\.0\.2\.1:2375"):
        docker_engine.start()


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

    monkeypatch.setattr(shutil, "which", lambda name, path: name if name in there and path else None)
    monkeypatch.setattr(docker_engine, "apt_install", install)
    docker_engine._install()
    assert asked == installed


def test_what_systemd_runs_already_is_not_noted_as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True, True])
    commands: list[str] = []
    monkeypatch.setattr(docker_engine, "can_root", lambda: True)
    monkeypatch.setattr(docker_engine, "_install", lambda: None)
    monkeypatch.setattr(docker_engine, "_systemd_runs", lambda: True)
    monkeypatch.setattr(docker_engine, "answers", lambda: next(answers))
    monkeypatch.setattr(docker_engine, "succeeds", lambda *_: True)
    monkeypatch.setattr(machine, "check", lambda *command: commands.append(" ".join(command)))
    docker_engine.start()
    assert commands[0].endswith("systemctl start docker")
    assert not docker_engine.started_by_us().exists()


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
