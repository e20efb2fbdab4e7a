"""The controller's environment: made once, brought up to date, made anew after a cut, by one run at a time."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import environment
import pytest
from machine import ScriptError

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
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "SSL_CERT_FILE", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    settings = {"global.index-url": "https://index.example/simple\n", "global.cert": ""}
    monkeypatch.setattr(environment, "output", lambda *command: settings[command[-1]])
    found = environment.uv_environment()
    assert found["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert "SSL_CERT_FILE" not in found
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    monkeypatch.setenv("PIP_CERT", "/ca.pem")
    found = environment.uv_environment()
    assert (found["UV_DEFAULT_INDEX"], found["SSL_CERT_FILE"]) == ("https://other.example/simple", "/ca.pem")


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
