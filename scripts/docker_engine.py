"""The life of the Docker engine on this machine: found, else installed and started; stopped only if we started it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

import machine
from machine import STATE, ScriptError, apt_install, as_root, can_root, output, print_status, succeeds

SOCKET = Path("/var/run/docker.sock")
ENGINE_PID = Path("/var/run/docker.pid")
CONTAINERD_PID = Path("/var/run/docker/containerd/containerd.pid")
INSTALLATION = "https://docs.docker.com/engine/install/"
DESKTOP = "https://docs.docker.com/desktop/"
START_TIMEOUT = 180  # seconds until an engine answers; a busy machine is slow
LOG_LINES = 15  # of the engine's log in a message


def started_by_us() -> Path:
    """Return the file that notes how we started the engine."""
    return STATE / "docker-started"


def answers() -> bool:
    """Return whether an engine answers."""
    return succeeds("docker", "info")


def running_containers() -> list[str]:
    """Return the names of the containers that run."""
    return output("docker", "ps", "--format", "{{.Names}}").split()


def start() -> None:
    """Use the engine that runs; else install and start Debian's, note that we did, and let this user use it."""
    if answers():
        name_endpoint()
        return
    _check_endpoint()
    if started_by_us().exists() and is_denied():  # its socket was made anew, as after a reboot
        _grant_socket()
        return
    _check_that_it_may_be_started()
    STATE.mkdir(exist_ok=True)
    if _systemd_runs():
        # Debian's package starts it
        if not succeeds("systemctl", "is-active", "--quiet", "docker"):
            started_by_us().write_text("systemd\n", encoding="utf-8")
        _install()
        print_status("Starting the Docker engine (log: journalctl -u docker)")
        if not succeeds(*as_root("systemctl", "start", "docker")):
            raise ScriptError(f"systemd could not start the Docker engine:\n{_log()}")
    else:
        _install()
        print_status("Starting the Docker engine (log: .state/dockerd.log)")
        # Either would pass for an engine that runs
        _running_pid(ENGINE_PID, "dockerd")
        _running_pid(CONTAINERD_PID, "containerd")
        started_by_us().write_text("process\n", encoding="utf-8")
        _start_process()
    deadline = time.monotonic() + START_TIMEOUT
    while not succeeds(*as_root("docker", "info")):
        if time.monotonic() > deadline:
            raise ScriptError(f"the Docker engine did not answer within {START_TIMEOUT} seconds:\n{_log()}")
        time.sleep(1)
    _grant_socket()


def obstacle() -> str:
    """Return why start() could not have an engine answer, as it would say it; an empty text where it could."""
    if answers() or (started_by_us().exists() and is_denied()):
        return ""
    try:
        _check_endpoint()
        _check_that_it_may_be_started()
    except ScriptError as error:
        return str(error)
    return ""


def name_endpoint() -> None:
    """Name the engine of Docker's current context in DOCKER_HOST: Ansible's modules do not know contexts."""
    endpoint = _endpoint()
    if endpoint.startswith("unix://") and endpoint != f"unix://{SOCKET}":
        os.environ.setdefault("DOCKER_HOST", endpoint)


def stop() -> None:
    """Stop the engine if, and only if, start() started it and nobody else runs containers on it by now."""
    if not started_by_us().exists():
        return
    if containers := running_containers():
        print_status(
            f"Left the Docker engine that labserver had started, for containers run on it: {', '.join(containers)}. "
            "Where nobody needs them: `docker stop` them, and stop dockerd"
        )
        return
    if started_by_us().read_text(encoding="utf-8").strip() == "systemd":
        machine.check(*as_root("systemctl", "stop", "docker.socket", "docker"))
    elif pid := _running_pid(ENGINE_PID, "dockerd"):
        machine.check(*as_root("kill", str(pid)))
        while _runs(pid, "dockerd"):
            time.sleep(0.2)
    started_by_us().unlink()
    print_status("Stopped the Docker engine that labserver had started")


def _check_endpoint() -> None:
    """Refuse to start an engine here where the docker command asks another one."""
    if host := os.environ.get("DOCKER_HOST"):
        raise ScriptError(f"no Docker engine answers at DOCKER_HOST={host}; start it, or unset DOCKER_HOST")
    if sys.platform == "darwin":
        raise ScriptError(f"no Docker engine answers: start Docker Desktop ({DESKTOP}), then run this again")
    endpoint = _endpoint()
    if endpoint not in ("", f"unix://{SOCKET}"):
        raise ScriptError(
            f"no Docker engine answers at {endpoint}, which docker's current context names: start it (Docker Desktop, "
            "rootless Docker), or use this machine's own: docker context use default"
        )


def _check_that_it_may_be_started() -> None:
    if not started_by_us().exists():
        if is_denied():
            user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(SOCKET.stat().st_gid).gr_name
            remedy = f"sudo usermod -aG {group} {user}, log in anew"
            if group == "root":  # nobody else is to be in it
                remedy = f"sudo chown {user} {SOCKET} (until the engine is restarted)"
            raise ScriptError(
                f"a Docker engine runs, but {user} has no permission to open its socket, {SOCKET}: {remedy}, and run "
                "this again"
            )
        if _engine_runs():
            raise ScriptError(f"a Docker engine runs, but does not answer:\n{machine.error_of('docker', 'info')}")
    if not can_root():
        raise ScriptError(
            "no Docker engine runs, and without root or passwordless sudo none can be installed. Install and start "
            f"Docker ({INSTALLATION}), then run this again"
        )


def _endpoint() -> str:
    """Return the address of the engine that the docker command asks; an empty text where there is no command."""
    return output("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").strip()


def is_denied() -> bool:
    """Return whether an engine listens at a socket that this user may not open."""
    denied = SOCKET.is_socket() and not os.access(SOCKET, os.R_OK | os.W_OK)
    return denied and (_engine_runs() or succeeds("systemctl", "is-active", "--quiet", "docker.socket"))


def _grant_socket() -> None:
    """Hand the socket to this user: a group has other members, and a new one only counts from the next login."""
    if not os.access(SOCKET, os.R_OK | os.W_OK):
        machine.check(*as_root("chown", str(os.geteuid()), str(SOCKET)))
    if not answers():
        raise ScriptError(f"the Docker engine answers root, but not this user:\n{machine.error_of('docker', 'info')}")


def _log() -> str:
    """Return the last lines of the engine's log."""
    if _systemd_runs():
        command = as_root("journalctl", "--unit=docker", "--no-pager", "--output=cat", f"--lines={LOG_LINES}")
        return output(*command).strip() or "see: journalctl -u docker"
    log = STATE / "dockerd.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-LOG_LINES:])


def _install() -> None:
    # The client is a package of its own from Debian 13 on
    for program, package in (("dockerd", "docker.io"), ("docker", "docker-cli")):
        if not shutil.which(program) and not apt_install(package):
            cause = "apt-get could not install it" if shutil.which("apt-get") else "this is no Debian family system"
            raise ScriptError(
                f"no Docker engine found, and {cause}: install Docker ({INSTALLATION}), start it, and run this again"
            )


def _start_process() -> None:
    """Start dockerd in a session of its own, no child of ours: it outlives this script, however that ends."""
    command = as_root(shutil.which("dockerd") or "dockerd")
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
