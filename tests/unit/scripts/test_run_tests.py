"""scripts/test: parts side by side, what it says of those that fail, and that nothing stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import machine
import parts
import pytest
import run_tests
from machine import ScriptError

Make = Callable[..., run_tests.Run]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Run parts that are shell commands."""
    monkeypatch.setattr(run_tests, "LOGS", tmp_path)
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)

    def run(jobs: int = 2, **commands: str) -> run_tests.Run:
        commands.setdefault("images", "true")
        names = [name for name in commands if name != "images"]
        return run_tests.Run(names, jobs, lambda name: ["sh", "-c", commands[name]])

    return run


def test_a_part_that_fails_shows_the_end_of_its_log_and_the_others_go_on(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(jobs=1, lint="seq 100; exit 3", unit="echo well")
    run.run()
    out = capsys.readouterr().out
    assert "41\n" in out
    assert "40\n" not in out
    assert "well" not in out
    assert "lint             failed, see lint.log" in out
    assert run.failures == 1
    lines = run.breakdown(full=False).splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert any(line.startswith("Not run without --full: ") for line in lines)
    assert "--full" not in run.breakdown(full=True)


def test_parts_run_side_by_side_the_longest_first(make: Make, tmp_path: Path) -> None:
    # each waits for the other
    wait = "touch {0}; until [ -e {1} ]; do sleep 0.1; done"
    run = make(
        images=f"touch {tmp_path}/images",
        lint=wait.format(tmp_path / "a", tmp_path / "b"),
        unit=wait.format(tmp_path / "b", tmp_path / "a"),
    )
    run.run()
    assert run.failures == 0
    assert run.images is None  # neither boots hosts
    assert [part.name for part in run.parts] == ["unit", "lint"]
    new = make(default="true", unheard_of="true")
    assert [part.name for part in new.parts] == ["unheard_of", "default"]


def test_the_images_come_before_what_boots_hosts(make: Make, tmp_path: Path) -> None:
    run = make(images=f"sleep 0.5; touch {tmp_path}/made", swap=f"[ -e {tmp_path}/made ]", lint="true")
    run.run()
    assert run.failures == 0
    assert run.breakdown(full=True).endswith("\n2 passed, 0 failed")


def test_without_images_nothing_is_booted(make: Make, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = make(images="echo no engine; false", swap=f"touch {tmp_path}/booted", lint="true")
    run.run()
    assert not (tmp_path / "booted").exists()
    out = capsys.readouterr().out
    assert "no engine" in out
    assert "swap             failed, for images did" in out
    assert run.breakdown(full=True).endswith("\n1 passed, 1 failed")


def test_what_was_skipped_is_said_with_its_reason(make: Make) -> None:
    skipped = "SKIPPED [{}] tests/test_x.py:{}: no R here"
    run = make(lint=f"echo '{skipped.format(2, 7)}'; echo '{skipped.format(1, 9)}'")
    run.run()
    assert "Skipped: no R here (3 tests)" in run.breakdown(full=True)


def test_names_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["test"])
    everything = run_tests.parse_arguments().parts
    assert everything[:4] == ["lint", "unit", "cluster", "integration"]
    assert {"default", "sandbox", "swap"} <= set(everything)
    monkeypatch.setattr(sys, "argv", ["test", "swap", "lint", "swap"])
    assert run_tests.parse_arguments().parts == ["swap", "lint"]
    monkeypatch.setattr(sys, "argv", ["test", "lint", "shared"])
    with pytest.raises(ScriptError, match="no molecule scenario 'shared'"):
        run_tests.parse_arguments()


INTERRUPTED = """
import signal, sys
sys.path.insert(0, sys.argv[1])
import docker_engine, environment, machine, parts, run_tests
from pathlib import Path
here = Path(sys.argv[2])
environment.enter = docker_engine.name_endpoint = lambda: None
docker_engine.STATE = run_tests.LOGS = run_tests.ROOT = here
parts.destroy = lambda name, log: log.write(b"destroyed " + name.encode())
sleep = f"echo $$ >{here}/pid; trap 'echo cleared >{here}/cleared; exit' INT; sleep 600 & wait"
run = run_tests.Run
run_tests.Run = lambda names, jobs, command: run(
    names, jobs, lambda name: ["sh", "-c", sleep if name == "swap" else "true"])
sys.argv = ["test", "swap"]
sys.exit(machine.run_main(run_tests.main))
"""


@pytest.fixture
def default_interrupt() -> Iterator[None]:
    """Let programs start with SIGINT as it is by default, whoever runs the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("default_interrupt")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_what_runs_and_removes_its_hosts(number: signal.Signals, tmp_path: Path) -> None:
    # as under `nohup ... &`, where the shell has the programs ignore SIGINT; SIGTERM still comes through
    ignore = "trap '' INT; " if number == signal.SIGTERM else ""
    command = f'{ignore}exec "$@"'
    scripts = Path(run_tests.__file__).parent
    test = subprocess.Popen(
        ["sh", "-c", command, "sh", sys.executable, "-c", INTERRUPTED, str(scripts), str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert test.poll() is None, test.communicate()
        time.sleep(0.1)
    if number == signal.SIGTERM:
        test.send_signal(signal.SIGINT)  # ignored
        time.sleep(0.5)
        assert test.poll() is None
    time.sleep(0.3)
    test.send_signal(number)
    messages = test.communicate()[1]
    assert test.returncode == machine.EXIT_INTERRUPTED, messages
    assert (tmp_path / "cleared").exists()
    assert (tmp_path / "swap.log").read_text().endswith("destroyed swap")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_every_script_that_bash_runs_is_checked() -> None:
    assert {"scripts/up", "scripts/test", "scripts/lib.sh", ".ci/run"} <= set(parts.shell_scripts())
    assert "scripts/aws_audit" not in parts.shell_scripts()


def test_the_linters_that_fail_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(parts, "LINTERS", (("sh", "-c", "echo first; exit 1"), ("echo", "second")))
    monkeypatch.setattr(parts, "shell_scripts", lambda: ["--version"])
    with pytest.raises(ScriptError, match=r"^sh: see above$"):
        parts.lint()
    out = capsys.readouterr().out
    assert "first" in out
    assert "second" in out


@pytest.mark.parametrize("name", ["lab", "spark"])
def test_the_environments_of_the_tests_are_pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    commands: list[str] = []
    monkeypatch.setattr(parts, "STATE", tmp_path)
    monkeypatch.setattr(parts, "uv_environment", dict)
    monkeypatch.setattr(parts, "check", lambda *command, **_: commands.append(" ".join(map(str, command))))
    assert parts.host_environment(name, "pytest") == tmp_path / name / "bin" / "python"
    assert all("--require-hashes" in command for command in commands[1:-1])
    assert commands[-1].endswith(" pytest")
    constraints = (tmp_path / "constraints.txt").read_text()
    assert "\npytest==" in constraints
    assert "hash" not in constraints
    assert "\\" not in constraints
