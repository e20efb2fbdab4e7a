"""Action plugin: tells the module run_lock which run this is, and which others live on this controller."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


def processes() -> list[str]:
    """Return the processes of Ansible, each by its number and when it started."""
    if Path("/proc/self/stat").exists():
        return sorted(filter(None, map(linux_process, Path("/proc").glob("[0-9]*"))))
    # macOS. The same name whatever a terminal has set
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    command = ["ps", "-A", "-o", "pid=", "-o", "lstart=", "-o", "args="]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=True)
    lines = [line.split(None, 6) for line in done.stdout.splitlines() if "ansible" in line]
    return [f"{line[0]}:{' '.join(line[1:6])}" for line in lines]


def linux_process(folder: Path) -> str:
    """Return the name of a process; an empty text where it is not Ansible's, or gone."""
    try:
        if b"ansible" not in (folder / "cmdline").read_bytes():
            return ""
        # The 22nd field; the second is the name of the program, in brackets, with anything in it
        return f"{folder.name}:{(folder / 'stat').read_text(errors='replace').rpartition(')')[2].split()[19]}"
    except OSError:
        return ""


def controller() -> str:
    """Return a name of this machine that no other has, until it boots again."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return boot.read_text(encoding="utf-8").strip() if boot.exists() else str(uuid.getnode())


def user() -> str:
    """Return who runs it: a name, or a number where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def playbooks(command: Sequence[str]) -> str:
    """Return the playbooks of a command line, without the files of its options."""
    words = zip(command, command[1:], strict=False)
    named = [word for before, word in words if before not in ("-i", "--inventory", "--inventory-file")]
    return " ".join(Path(word).name for word in named if word.endswith((".yml", ".yaml")) and word[0] not in "@-")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Adds `run` and `alive` to the module's options."""

    def run(self, tmp: None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module on the host."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        # Each task runs in a child process of ansible-playbook
        mine, alive = str(os.getppid()), processes()
        run = {
            "controller": f"{platform.node()}/{controller()}",
            "process": next((name for name in alive if name.split(":")[0] == mine), mine),
            "user": user(),
            "playbook": playbooks(sys.argv),
            "host": (task_vars or {}).get("inventory_hostname", ""),
        }
        options = {**self._task.args, "run": run, "alive": alive}
        result.update(self._execute_module(module_args=options, task_vars=task_vars))
        return result
