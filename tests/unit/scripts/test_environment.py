"""The controller's environment: made once, brought up to date, made anew after a cut, by one run at a time."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import environment
import pytest
from machine import ROOT, ScriptError

Calls = list[str]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Take note of the commands instead of running them."""
    noted: Calls = []

    def note(*command: str | Path, **_: object) -> None:
        noted.append(" ".join(map(str, command)))
        (tmp_path / "venv" / "bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / "venv" / "bin" / "python").touch()

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        note(*command, **options)
        return subprocess.CompletedProcess(command, 0)

    (tmp_path / "requirements").write_text("ansible==1\n")
    monkeypatch.setattr(environment, "STATE", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / "venv")
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements")
    monkeypatch.setattr(environment, "check", note)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(environment, "succeeds", lambda *command: Path(command[0]).exists())
    monkeypatch.setattr(environment, "uv_environment", dict)
    monkeypatch.setattr(environment, "pip_settings", lambda _: {})
    monkeypatch.setenv("ANSIBLE_CONFIG", "")  # which enter() changes
    return noted


def test_it_is_made_once(calls: Calls) -> None:
    environment.make()
    assert "venv --clear" in calls[0]
    assert "uv pip sync" in calls[-1]
    calls.clear()
    environment.make()
    assert calls == []


def test_other_requirements_bring_it_up_to_date(calls: Calls) -> None:
    environment.make()
    calls.clear()
    environment.REQUIREMENTS.write_text("ansible==2\n")
    environment.make()
    assert len(calls) == 1
    assert "uv pip sync" in calls[0]


def test_one_that_was_cut_off_is_made_anew(calls: Calls) -> None:
    environment.make()
    calls.clear()
    (environment.VENV / "labserver.stamp").unlink()
    environment.make()
    assert "venv --clear" in calls[0]


def test_one_of_somebody_else_is_refused_and_stays(calls: Calls, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "pyvenv.cfg").touch()
    for way in ("link", "folder"):
        if way == "link":
            environment.VENV.symlink_to(theirs)
        else:
            environment.VENV.unlink()
            theirs.rename(environment.VENV)
        with pytest.raises(ScriptError, match="move it away"):
            environment.make()
        assert (environment.VENV / "pyvenv.cfg").exists()
    assert calls == []


def test_pip_does_it_where_uv_cannot(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 2))
    environment.make()
    assert calls[-1].endswith(f"install --require-hashes -r {environment.REQUIREMENTS}")
    assert (environment.VENV / "labserver.stamp").exists()


@pytest.mark.usefixtures("calls")
def test_a_python_without_venv_tells_which_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "succeeds", lambda *_: False)
    monkeypatch.setattr(environment, "apt_install", lambda *_: False)
    package = f"python3.{sys.version_info.minor}-venv"
    with pytest.raises(ScriptError, match=f"sudo apt-get install {package}"):
        environment.make()


def test_uv_gets_the_index_and_the_certificates_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    settings = {"index-url": "https://index.example/simple", "cert": "/ca.pem"}
    monkeypatch.setattr(environment, "pip_settings", lambda _: settings)
    # As some images set it: uv would take the packages of the system away
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    found = environment.uv_environment()
    assert (found["UV_DEFAULT_INDEX"], found["SSL_CERT_FILE"]) == ("https://index.example/simple", "/ca.pem")
    assert found["VIRTUAL_ENV"] == str(environment.VENV)
    assert "UV_SYSTEM_PYTHON" not in found
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://other.example/simple")
    assert environment.uv_environment()["UV_DEFAULT_INDEX"] == "https://other.example/simple"


def test_uv_works_on_no_python_but_the_environments(calls: Calls) -> None:
    environment.make()
    assert f"uv pip sync --python={environment.python()} " in calls[-1]


def test_pip_installs_into_the_environment_whatever_its_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(environment, "python", lambda: sys.executable)
    variables: dict[str, str] = {}
    monkeypatch.setattr(environment, "check", lambda *_, env: variables.update(env))
    environment._pip_install(environment.REQUIREMENTS)
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], env=variables, capture_output=True, text=True, check=True
    ).stdout
    assert ".user=" not in shown
    assert ".target=" not in shown


def test_ansible_reads_the_configuration_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ})  # which is changed
    monkeypatch.setattr(environment, "STATE", tmp_path)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.setenv("ANSIBLE_CONFIG", "/etc/ansible/ansible.cfg")
    for name in ("ANSIBLE_LIBRARY", "ANSIBLE_ROLES_PATH", "ANSIBLE_MODULE_UTILS"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.delenv("ANSIBLE_HOME", raising=False)
    environment.configure_ansible()
    command = (Path(sys.executable).with_name("ansible-playbook"), "--syntax-check", "site.yml")
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ansible").is_dir()


def test_the_pinned_collections_go_before_those_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / ".ansible/collections/ansible_collections/community/docker/plugins/modules/docker_network.py"
    old.parent.mkdir(parents=True)
    old.write_text('DOCUMENTATION = "module: docker_network\\ndescription: old\\noptions: {}"\n')
    monkeypatch.setattr(os, "environ", {**os.environ})  # which is changed
    monkeypatch.setenv("HOME", str(tmp_path))
    environment.configure_ansible()
    command = (Path(sys.executable).with_name("ansible-doc"), "--json", "community.docker.docker_network")
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    assert "/site-packages/ansible_collections/community/docker/" in done.stdout


def test_a_checkout_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(environment, "STATE", tmp_path / "file" / "state")
    with pytest.raises(ScriptError, match="sudo chown"):
        environment.enter()


@pytest.mark.usefixtures("calls")
def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ScriptError, match="another scripts/up"):
            environment.enter()


def test_the_lock_goes_on_to_the_environments_python(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    class TakenOver(Exception):  # noqa: N818 - no error
        pass

    def execv(path: str, arguments: list[str]) -> None:
        calls.append(" ".join([path, *arguments]))
        raise TakenOver

    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(sys, "argv", ["/x/up.py", "--check"])
    with pytest.raises(TakenOver):
        environment.enter()
    python = environment.VENV / "bin" / "python"
    assert calls[-1] == f"{python} {python} /x/up.py --check"
    number = int(os.environ[environment.LOCK_VARIABLE])
    assert os.get_inheritable(number)
    assert os.environ["PATH"] == f"{python.parent}:/usr/bin"
    # there, it is taken over, and handed to nobody else
    monkeypatch.setattr(sys, "prefix", str(environment.VENV))
    environment.enter()
    assert not os.get_inheritable(number)
    assert environment.LOCK_VARIABLE not in os.environ
    os.close(number)


def test_ansible_is_compiled_also_where_python_keeps_no_byte_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(environment, "python", lambda: sys.executable)
    module = tmp_path / "lib" / "python3.11" / "site-packages" / "ansible" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    environment.compile_byte_code()
    assert list(module.parent.glob("__pycache__/module.*.pyc"))
