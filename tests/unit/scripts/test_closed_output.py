"""Programs whose output nobody reads on, or that has no room, end without a traceback, buffered or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
COMMANDS = [
    ["aws_policy"],
    ["aws_policy", "--help"],
    ["aws_audit", "--help"],
    ["sample_reviews", "--help"],
    ["status.py", "--help"],
]


def run(command: list[str], stdout: int, unbuffered: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, str(SCRIPTS / command[0]), *command[1:]]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    return subprocess.run(
        arguments, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, env=environment, timeout=120
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_that_has_gone_is_no_traceback(command: list[str], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(command, writing, unbuffered)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_output_without_room_is_an_error(command: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(command, full.fileno(), unbuffered)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{command[0]}: error: no room left")
