"""Playbooks run as users run them, and things that happen while they run."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 2400  # seconds


@dataclass
class Outcome:
    """How a run ended; `text` is all that it printed, `words` the same with single spaces."""

    code: int
    text: str

    @property
    def words(self) -> str:
        """What was printed, without its line breaks."""
        return " ".join(self.text.split())

    def succeeded(self) -> Outcome:
        """Check that it did."""
        assert self.code == 0, self.text
        return self

    def failed(self) -> Outcome:
        """Check that it did not."""
        assert self.code != 0, self.text
        return self


def play(
    inventory: Path,
    *options: str,
    playbook: str | Path = "site.yml",
    at: Mapping[str, Callable[[], object]] | None = None,
    kill_at: int = 0,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Run a playbook; while it stands at the task that `at` names, call a function ("kill" it by `KILL`).

    With `kill_at` it is killed when the task of that number starts, if there are so many.
    """
    process = subprocess.Popen(
        ["ansible-playbook", "--inventory", str(inventory), str(playbook), *options],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", **(env or {})}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    lines = []
    waiting = dict(at or {})
    tasks = 0
    timer = threading.Timer(TIMEOUT, signal_tree, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        for line in process.stdout:
            lines.append(line)
            if not line.startswith(("TASK [", "RUNNING HANDLER [")):
                continue
            tasks += 1
            if tasks == kill_at:
                signal_tree(process.pid, signal.SIGKILL)
            for task in [task for task in waiting if task in line]:
                action = waiting.pop(task)
                if action is KILL:
                    signal_tree(process.pid, signal.SIGKILL)
                else:
                    # Stopped meanwhile: on a busy machine it could have ended before the function has begun
                    signal_tree(process.pid, signal.SIGSTOP)
                    try:
                        action()
                    finally:
                        signal_tree(process.pid, signal.SIGCONT)
    finally:
        timer.cancel()
    text = "".join(lines)
    code = process.wait()
    assert not waiting, f"never came to {', '.join(waiting)}:\n{text}"
    return Outcome(code, text)


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and all that came from it: Ansible's workers lead sessions of their own.

    SIGKILL is as a power cut.
    """
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name of the program, in brackets, may hold anything
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    family = [pid]
    for one in family:
        family += [child for child, parent in parents.items() if parent == one]
    for one in family:
        with suppress(ProcessLookupError):
            os.kill(one, number)


def KILL() -> None:  # noqa: N802 - a constant that stands where functions do
    """End the run at once, with its children."""
