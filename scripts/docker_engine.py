"""The life of the Docker engine on this machine: found, else installed and started; stopped only if we started it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

import machine
from machine import STATE, ScriptError, apt_install, as_root, can_root, print_status, succeeds

ENGINE_PID = Path("/var/run/docker.pid")
CONTAINERD_PID = Path("/var/run/docker/containerd/containerd.pid")
INSTALLATION = "https://docs.docker.com/engine/install/"
START_TIMEOUT = 180  # seconds until an engine answers; a busy machine is slow
# Where Debian has dockerd, which is not in the PATH of ordinary users
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def started_by_us() -> Path:
    """Return the file that notes how we started the engine."""
    return STATE / "docker-started"


def answers() -> bool:
    """Return whether an engine answers."""
    return succeeds("docker", "info")


def start() -> None:
    """Use the engine that runs; else install and start Debian's, and note that we did."""
    if answers():
        return
    _check_that_it_may_be_started()
    _install()
    STATE.mkdir(exist_ok=True)
    if _systemd_runs():
        if not succeeds(*as_root("systemctl", "is-active", "--quiet", "docker")):
            started_by_us().write_text("systemd\n", encoding="utf-8")
        machine.check(*as_root("systemctl", "start", "docker"))
    else:
        print_status("Starting the Docker engine (log: .state/dockerd.log)")
        # Either would pass for an engine that runs
        _running_pid(ENGINE_PID, "dockerd")
        _running_pid(CONTAINERD_PID, "containerd")
        started_by_us().write_text("process\n", encoding="utf-8")
        _start_process()
    deadline = time.monotonic() + START_TIMEOUT
    while not answers():
        if time.monotonic() > deadline:
            raise ScriptError(
                f"the Docker engine did not answer within {START_TIMEOUT} seconds: "
                "see .state/dockerd.log or journalctl -u docker"
            )
        time.sleep(1)


def stop() -> None:
    """Stop the engine if, and only if, start() started it."""
    if not started_by_us().exists():
        return
    if started_by_us().read_text(encoding="utf-8").strip() == "systemd":
        machine.check(*as_root("systemctl", "stop", "docker.socket", "docker"))
    elif pid := _running_pid(ENGINE_PID, "dockerd"):
        machine.check(*as_root("kill", str(pid)))
        while _runs(pid, "dockerd"):
            time.sleep(0.2)
    started_by_us().unlink()
    print_status("Stopped the Docker engine that labserver had started")


def _check_that_it_may_be_started() -> None:
    user = pwd.getpwuid(os.geteuid()).pw_name
    if host := os.environ.get("DOCKER_HOST"):
        raise ScriptError(f"no Docker engine answers at DOCKER_HOST={host}; start it, or unset DOCKER_HOST")
    if not machine.is_root() and _engine_runs():
        raise ScriptError(
            f"a Docker engine runs but {user} may not use it: sudo usermod -aG docker {user}, log in again, run this "
            "again"
        )
    if not can_root():
        raise ScriptError(
            "no Docker engine runs, and without root or passwordless sudo none can be installed. Install and start "
            f"Docker ({INSTALLATION}), then run this again"
        )


def _install() -> None:
    # The client is a package of its own from Debian 13 on
    for program, package in (("dockerd", "docker.io"), ("docker", "docker-cli")):
        if not shutil.which(program, path=PATH) and not apt_install(package):
            raise ScriptError(
                f"no Docker engine found, and this is no Debian family system: install Docker ({INSTALLATION}), start "
                "it, and run this again"
            )


def _start_process() -> None:
    """Start dockerd in a session of its own, no child of ours: it outlives this script, however that ends."""
    group = grp.getgrgid(os.getegid()).gr_name
    command = as_root(shutil.which("dockerd", path=PATH) or "dockerd", "--group", group)
    with (STATE / "dockerd.log").open("w", encoding="utf-8") as log:
        shell = ["/bin/sh", "-c", '"$@" &', "sh"]
        subprocess.run(
            [*shell, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, check=True
        )


def _systemd_runs() -> bool:
    return Path("/run/systemd/system").is_dir()


def _engine_runs() -> bool:
    return any(_runs(int(folder.name), "dockerd") for folder in Path("/proc").glob("[0-9]*"))


def _runs(pid: int, program: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == program
    except OSError:
        return False


def _running_pid(file: Path, program: str) -> int:
    """Return the number in a pid file; 0, without the file, where it is not the program's.

    After a crash or a reboot it may be that of another program.
    """
    text = machine.output(*as_root("cat", str(file))).strip()
    if text.isdecimal() and _runs(int(text), program):
        return int(text)
    succeeds(*as_root("rm", "-f", str(file)))
    return 0
