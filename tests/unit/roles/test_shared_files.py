"""What roles/shared/tasks/files.yml writes, mends, and leaves as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODES = {"a/b/one": 0o644, "two": 0o644, "a/b": 0o755}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def write(folder: Path, *options: str, **more: Any) -> tuple[int, int, str]:
    """Write two files below a folder; return the exit code, the number of changed tasks and what was printed."""
    files = {str(folder / "two"): "2\n", str(folder / "a/b/one"): '{"a": 1}\n'}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "connection": "local",
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "shared_files": files,
            "shared_roots": [str(folder)],
            **more,
        },
        "tasks": [{"ansible.builtin.include_tasks": str(ROOT / "roles/shared/tasks/files.yml")}],
    }
    playbook = folder.parent / "play.json"
    playbook.write_text(json.dumps([play]))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(playbook), *options]
    env = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    recap = done.stdout.rpartition("changed=")[2].split() or ["-1"]
    return done.returncode, int(recap[0]), done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root that others have, too, and that nobody else may enter."""
    folder = tmp_path / "root"
    (folder / "theirs").mkdir(parents=True)
    (folder / "theirs" / "two").write_text("theirs")
    folder.chmod(0o700)
    return folder


def test_they_are_written_and_then_left(folder: Path) -> None:
    assert write(folder, "--check")[:1] == (0,)
    assert sorted(path.name for path in folder.iterdir()) == ["theirs"]
    assert write(folder)[:2] == (0, 2)
    assert (folder / "a/b/one").read_text() == '{"a": 1}\n'
    assert {name: mode(folder / name) for name in MODES} == MODES
    assert write(folder)[:2] == (0, 0)
    assert (mode(folder), (folder / "theirs/two").read_text()) == (0o700, "theirs")


def test_what_is_not_right_is_mended(folder: Path) -> None:
    assert write(folder)[0] == 0
    (folder / "a/b").chmod(0o700)  # as a run with umask 077 leaves it that was killed
    (folder / "a/b/one").chmod(0o600)
    (folder / "two").write_text("3\n")
    code, changed, said = write(folder, "--diff")
    assert (code, changed) == (0, 2), said
    assert "-3\n+2\n" in said
    assert {name: mode(folder / name) for name in MODES} == MODES
    assert (folder / "two").read_text() == "2\n"


def test_what_is_not_valid_is_not_written(folder: Path) -> None:
    code, _, said = write(folder, shared_validate="sh -c 'test {{ item | basename }} != one' sh %s")
    assert code != 0, said
    assert (folder / "two").exists()
    assert not (folder / "a/b/one").exists()
