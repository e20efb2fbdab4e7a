"""Who configures a host: a record that holds while the run that wrote it lives, and what keeps apt from working."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import LabError

PROC = Path("/proc")


def parent_and_start(pid: int) -> tuple[int, str]:
    """Return the parent of a process and when it started, in the kernel's own unit; (0, "") where there is none."""
    try:
        # Its second field is the name of the program, in brackets, with anything in it
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0, ""
    return int(fields[1]), fields[19]


def program(pid: int) -> str:
    """Return the name of a process's program."""
    try:
        return (PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def session_of(pid: int) -> dict[str, Any] | None:
    """Return the SSH connection that a process came by: the outermost sshd that is not the server itself."""
    found: dict[str, Any] | None = None
    while pid > 1:
        parent, start = parent_and_start(pid)
        # The server's own parent is init
        if program(pid).startswith("sshd") and parent > 1:
            found = {"pid": pid, "start": start, "client": client_of(pid) or (found or {}).get("client", "")}
        pid = parent
    return found


def client_of(pid: int) -> str:
    """Return the address at the other end of the connection, from the environment of what sshd started."""
    try:
        for child in (PROC / str(pid) / "task" / str(pid) / "children").read_text(encoding="utf-8").split():
            for line in (PROC / child / "environ").read_bytes().split(b"\0"):
                if line.startswith(b"SSH_CLIENT="):
                    return line.decode("utf-8", "replace").partition("=")[2].split()[0]
    except (OSError, IndexError):
        pass
    return ""


def is_alive(session: Mapping[str, Any] | None) -> bool:
    """Return whether a connection still stands."""
    return session is not None and parent_and_start(int(session["pid"]))[1] == session["start"]


def take(path: Path, run: Mapping[str, Any], alive: Sequence[str], *, write: bool = True) -> dict[str, Any]:
    """Record that `run` configures this host; LabError where another run does that still lives.

    `run` has controller, process (a name that no other process there ever has), user, playbook, and the host's name in
    the inventory; `alive` are the processes of Ansible that live on that controller. A run of another controller lives
    as long as its connection. LabError as well where the same run has the machine by another name.
    """
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # for these few lines only
        try:
            holder = json.load(file)
        except ValueError:  # nobody's, or cut off while it was written
            holder = {}
        if holder and (holder["controller"], holder["process"]) != (run["controller"], run["process"]):
            here = holder["controller"] == run["controller"]
            if holder["process"] in alive if here else is_alive(holder["session"]):
                raise LabError(refusal(holder, path, here=here))
        elif holder and holder.get("host") != run.get("host"):
            raise LabError(
                f"{run.get('host')} is the same machine as {holder.get('host')} of this inventory, and each would undo "
                "what the other does: take one of the two names out of it, or leave it out with --limit"
            )
        record = {**run, "session": session_of(os.getpid()), "since": time.strftime("%Y-%m-%d %H:%M:%S %Z")}
        if write:
            file.seek(0)
            file.truncate()
            json.dump(record, file)
        return record


def refusal(holder: Mapping[str, Any], path: Path, *, here: bool) -> str:
    """Return who configures the host, and what to do."""
    client = (holder["session"] or {}).get("client", "")
    whence = f" ({client})" if client else ""
    number = holder["process"].split(":")[0]
    until = (
        f"Wait until it has ended, or end it there: kill {number}"
        if here
        else "Wait until it has ended; a run whose connection was lost is given up after a minute"
    )
    return (
        f"{holder['user']} on {holder['controller'].partition('/')[0]}{whence} configures this host since "
        f"{holder['since']}: {holder['playbook']}, process {number}. Two runs at once would undo each other's work. "
        f"{until}. If no such run exists, delete {path} on the host"
    )


def lock_holder(path: Path) -> int:
    """Return the process that holds a lock of apt or dpkg; 0 where none does."""
    # short l_type, l_whence; off_t l_start, l_len; pid_t l_pid
    layout = "hhqqi4x"
    try:
        with path.open("rb+") as file:
            asked = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except OSError:
        return 0
    return 0 if answer[0] == fcntl.F_UNLCK else int(answer[4])


def wait_for_locks(paths: Sequence[Path], timeout: float) -> str:
    """Wait until no other program holds a lock; return what was waited for, LabError after `timeout` seconds."""
    start, waited = time.monotonic(), ""
    while holders := [pid for pid in map(lock_holder, paths) if pid]:
        name = f"{program(holders[0]) or 'a program'} (pid {holders[0]})"
        if time.monotonic() - start > timeout:
            raise LabError(
                f"{name} holds the lock of the package manager, and did not let go of it within {timeout:.0f} seconds. "
                f"Wait until it has ended, or end it (unattended upgrades: systemctl stop unattended-upgrades), and "
                "run this again"
            )
        waited = f"waited for {name}, which held the lock of the package manager"
        time.sleep(1)
    return waited
