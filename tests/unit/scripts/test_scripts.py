"""The scripts around Ansible: what they say when something is missing, and what they show of a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import run_playbook

ROOT = Path(__file__).resolve().parents[3]


def bash(commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run commands after those of scripts/lib.sh."""
    return subprocess.run(
        ["bash", "-c", f". {ROOT}/scripts/lib.sh; {commands}"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def script(folder: Path, name: str, text: str) -> None:
    """Put a program of this name into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_python_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    script(tmp_path / "bin", "python3", "exit 1")
    script(tmp_path / "bin", "python3.12", "exit 0")
    result = bash("find_python", PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert result.stdout.strip() == f"{tmp_path}/bin/python3.12"


def test_no_python_tells_where_to_get_one() -> None:
    result = bash("PATH=/nowhere; find_python")
    assert result.returncode == 1
    assert "apt-get install" in result.stderr
    assert "PYTHON=/path/to/python3.11" in result.stderr


def test_a_python_without_venv_tells_which_package(tmp_path: Path) -> None:
    script(tmp_path, "python", 'case "$2" in *import*ensurepip*) exit 1 ;; *) echo python3.11-venv ;; esac')
    result = bash(f"can_root() {{ false; }}; venv_module {tmp_path}/python")
    assert result.returncode == 1
    assert "sudo apt-get install python3.11-venv" in result.stderr


def test_without_root_and_engine_it_says_what_to_install() -> None:
    result = bash("docker() { false; }; pgrep() { false; }; can_root() { false; }; docker_engine")
    assert result.returncode == 1
    assert "Install and start Docker" in result.stderr


def test_an_engine_of_others_is_named_with_the_remedy() -> None:
    result = bash("docker() { false; }; pgrep() { true; }; id() { echo someone; }; docker_engine")
    assert result.returncode == 1
    assert "usermod -aG docker someone" in result.stderr


def test_an_engine_elsewhere_is_not_replaced_by_one_here() -> None:
    result = bash("docker() { false; }; docker_engine", DOCKER_HOST="tcp://192.0.2.1:2375")
    assert result.returncode == 1
    assert "DOCKER_HOST=tcp://192.0.2.1:2375" in result.stderr


def test_an_engine_that_answers_is_used_and_not_stopped(tmp_path: Path) -> None:
    commands = f"state={tmp_path}; docker() {{ true; }}; as_root() {{ echo started or stopped; }}"
    result = bash(f"{commands}; docker_engine; docker_engine_stop")
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("within", "installed"), [("dockerd docker", "docker.io"), ("dockerd", "docker.io docker-cli")]
)
def test_the_client_is_installed_where_it_does_not_come_with_the_engine(within: str, installed: str) -> None:
    bash_functions = f"""
      there=" "; asked=""
      command() {{ [[ $there == *" $2 "* ]]; }}
      apt_install() {{ asked+="$1 "; there+="$([ "$1" = docker.io ] && echo "{within}" || echo docker) "; }}
      pgrep() {{ false; }}; can_root() {{ true; }}; systemd_runs() {{ echo "$asked"; exit; }}
      docker() {{ false; }}
    """
    result = bash(f"{bash_functions} docker_engine")
    assert (result.returncode, result.stdout.strip()) == (0, installed)


def test_another_program_with_the_number_of_the_engine_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "docker.pid").write_text(str(os.getpid()))
    (tmp_path / "docker-started").write_text("process")
    result = bash(f'state={tmp_path}; engine_pid={tmp_path}/docker.pid; as_root() {{ "$@"; }}; docker_engine_stop')
    assert result.returncode == 0  # and this test is still here
    assert not (tmp_path / "docker.pid").exists()


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = bash(f"state={tmp_path}; lock")
    assert result.returncode == 1
    assert "another scripts/up" in result.stderr


@pytest.fixture
def environment(tmp_path: Path) -> str:
    """Commands that turn the making of .venv into marks in a file."""
    own = tmp_path / "venv" / "bin"
    script(tmp_path, "python", f'echo "$@" >>{tmp_path}/calls; mkdir -p {own}; [ -e {own}/python ] || cp "$0" {own}')
    script(tmp_path, "uv", f'echo "uv $@" >>{tmp_path}/calls')
    (tmp_path / "requirements").write_text("ansible==1\n")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "uv").rename(tmp_path / "venv" / "bin" / "uv")
    return (
        f"venv={tmp_path}/venv; requirements={tmp_path}/requirements; uv_requirement=/dev/null;"
        f"find_python() {{ echo {tmp_path}/python; }}; uv_environment() {{ :; }}; venv_module() {{ :; }};"
    )


def calls(tmp_path: Path) -> str:
    """Return and forget what was called."""
    path = tmp_path / "calls"
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return text


def test_the_environment_is_made_once(tmp_path: Path, environment: str) -> None:
    assert bash(environment + "controller_environment").returncode == 0
    assert "venv --clear" in calls(tmp_path)
    assert bash(environment + "controller_environment").returncode == 0
    assert calls(tmp_path).strip() == "-c"  # only asked whether Python still runs


def test_other_requirements_bring_it_up_to_date(tmp_path: Path, environment: str) -> None:
    bash(environment + "controller_environment")
    calls(tmp_path)
    (tmp_path / "requirements").write_text("ansible==2\n")
    bash(environment + "controller_environment")
    made = calls(tmp_path)
    assert "uv pip sync" in made
    assert "--clear" not in made


def test_one_that_was_cut_off_is_made_anew(tmp_path: Path, environment: str) -> None:
    bash(environment + "controller_environment")
    calls(tmp_path)
    (tmp_path / "venv" / "labserver.stamp").unlink()
    bash(environment + "controller_environment")
    assert "venv --clear" in calls(tmp_path)


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (["scripts/down", "--everything"], 2, "usage: scripts/down"),
        (["scripts/down", "--help"], 0, "--all"),
        (["scripts/test", "--help"], 0, "molecule"),
        (["scripts/test", "no-such-scenario"], 1, "no molecule scenario 'no-such-scenario'"),
    ],
)
def test_usage(command: list[str], code: int, text: str, tmp_path: Path) -> None:
    # the scripts' own lock may be held by the run that runs this test
    copy = tmp_path / "labserver"
    subprocess.run(["cp", "-r", ROOT / "scripts", tmp_path], check=True)
    copy.mkdir()
    (tmp_path / "scripts").rename(copy / "scripts")
    for name in ("molecule", "requirements", "roles", ".venv"):
        (copy / name).symlink_to(ROOT / name)
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == code, result.stderr
    assert text in result.stdout + result.stderr


def event(kind: str, **data: object) -> dict[str, Any]:
    return {"event": kind, "event_data": data}


def test_progress_is_a_line_for_each_role(capsys: pytest.CaptureFixture[str]) -> None:
    progress = run_playbook.Progress()
    progress.handle(event("playbook_on_play_start", name="Configure the server"))
    progress.handle(event("playbook_on_task_start", name="swap : Make it", role="swap"))
    progress.handle(event("runner_on_ok", host="a", task="Make it", res={"changed": True}))
    progress.handle(event("playbook_on_task_start", name="httpd : Validating arguments against spec", role="httpd"))
    progress.handle(event("playbook_on_task_start", name="vec2pca : Analyse", role="vec2pca"))
    progress.finish_step()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["swap", "vec2pca"]
    assert lines[0].endswith("1 changed")
    assert lines[1].endswith("as it should be")


def test_what_people_have_to_read_is_shown_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    progress = run_playbook.Progress()
    cost = ["TYPE  $/MONTH", "total  13.64"]
    progress.handle(event("runner_on_ok", host="a", task="Tell what will exist, and what it costs", res={"msg": cost}))
    progress.handle(event("runner_on_ok", host="a", task="Tell where the passwords are", res={"msg": "In .secrets/a"}))
    progress.handle(event("runner_on_ok", host="a", task="Show its notes", res={"msg": "details"}))
    assert capsys.readouterr().out.splitlines() == [*cost, "In .secrets/a"]


def test_a_failure_is_told_with_host_task_and_reason() -> None:
    progress = run_playbook.Progress()
    progress.handle(event("runner_on_failed", host="lab1", task="Fetch", res={"msg": "no route", "stderr": "detail"}))
    assert progress.failures == ["lab1: Fetch\n    no route\n    detail"]


def test_ansible_without_an_engine_says_how_to_get_one() -> None:
    result = subprocess.run(
        ["ansible-playbook", "playbooks/provision.yml"],
        cwd=ROOT,
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode != 0
    assert "Run scripts/up, which starts or installs one" in " ".join(result.stdout.split())
