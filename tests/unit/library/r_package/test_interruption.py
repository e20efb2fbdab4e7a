"""r_package beside other installations, and after killed ones."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.labserver.r import locks

from tests.support import r as r_support
from tests.support.r import Run, answer, entries, needs_r, options, until


@needs_r
def test_a_run_that_is_killed_is_finished_by_the_next(run: Run, tmp_path: Path, library: Path) -> None:
    """R has begun to write the package, and keeps the old one aside, when all processes are killed."""
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    slow = "#!/bin/sh\n[ ! -e $SLOW ] || { touch $SLOW.begun; sleep 600; }\n"
    r_support.write(
        repository / "src/contrib", "labgood", "2.0", configure=slow.replace("$SLOW", str(tmp_path / "slow"))
    )
    r_support.index(repository)
    arguments = options(library, repository, "labgood", state="latest")
    (tmp_path / "slow").touch()
    process = os.fork()
    if not process:
        os.setsid()
        run(**arguments)
    until((tmp_path / "slow.begun").exists)
    assert (library / "00LOCK-labgood").is_dir()
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    (left,) = (tmp_path / "tmp").iterdir()
    until(lambda: is_free(left))
    os.utime(left, (0, 0))

    (tmp_path / "slow").unlink()
    result = run(**arguments)
    assert result["packages"]["labgood"]["version"] == "2.0"
    assert entries(library) == ["labbase", "labgood"]
    assert entries(tmp_path / "tmp") == []


def is_free(folder: Path) -> bool:
    """Tell whether the last process that works in a folder is gone; killed ones take a moment."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


@needs_r
def test_what_was_half_installed_does_not_count(run: Run, every: Path, library: Path, built: Path) -> None:
    (library / "labgood/R/labgood.rdb").unlink()
    (library / "labbase/NAMESPACE").unlink()
    shutil.rmtree(library / "labbase/Meta")
    lock = library / "00LOCK-labcxx"
    shutil.copytree(built / "labcxx", lock / "labcxx")  # what R puts aside while it installs
    (lock / "00new/labcxx/libs").mkdir(parents=True)
    (library / "labcxx").mkdir()
    arguments = options(library, every, "labneeds", "labgood")
    result = run(**arguments)
    assert not result["failed"], result["msg"]
    assert result["changed"]
    assert answer(library, "labneeds") == "42"
    assert entries(library) == ["labbase", "labcxx", "labgood", "labneeds"]
    assert answer(library, "labcxx") == "3", "what a killed installation had put aside is back"


@needs_r
def test_another_that_installs_is_waited_for(
    run: Run, every: Path, library: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = options(library, every, "labcxx")
    lock = os.open(library, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    monkeypatch.setattr(locks, "LOCK_WAIT", 0)
    result = run(**arguments)
    assert result["failed"]
    assert str(library) in result["msg"]
    assert "wait" in result["msg"]

    waits: list[float] = []

    def finish(seconds: float) -> None:
        if not waits:
            shutil.copytree(built / "labcxx", library / "labcxx")
            os.close(lock)
        waits.append(seconds)

    monkeypatch.setattr(locks, "LOCK_WAIT", 600)
    monkeypatch.setattr(locks.time, "sleep", finish)
    result = run(**arguments)
    assert result["packages"]["labcxx"]["source"] == "present", "what it has installed is not installed again"


@needs_r
@pytest.mark.parametrize("option", ["-l {}", "--library={}"])
def test_an_r_cmd_install_of_somebody_else_is_seen(tmp_path: Path, option: str) -> None:
    r_support.write(tmp_path, "labslow", configure="#!/bin/sh\nsleep 600\n")
    (tmp_path / "theirs").mkdir()
    command = ["R", "CMD", "INSTALL", *option.format("theirs").split(), "labslow_1.0.tar.gz"]
    other = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        until(lambda: locks.installing(tmp_path / "theirs") != "")
        assert "R CMD INSTALL" in locks.installing(tmp_path / "theirs")
        assert locks.installing(tmp_path / "ours") == ""
    finally:
        os.killpg(other.pid, signal.SIGKILL)
        other.wait()
