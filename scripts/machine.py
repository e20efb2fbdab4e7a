"""What the scripts ask of the machine they run on: root's rights, packages, messages to people."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "module_utils"))

from labserver.errors import explain
from labserver.streams import run_program

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".state"
PROXY = ("http_proxy", "https_proxy", "no_proxy")  # sudo drops them
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


class ScriptError(Exception):
    """Ends the script with this message."""


def print_status(text: str) -> None:
    """Print what the script is doing."""
    print(f"==> {text}", file=sys.stderr, flush=True)


def run_main(main: Callable[[], int]) -> int:
    """Run a script's main function; return its exit code."""
    # What is installed or built as root is for everyone; what is secret has a mode of its own
    os.umask(0o022)
    return run_program(lambda: _run(main))


def _run(main: Callable[[], int]) -> int:
    try:
        return main()
    except BrokenPipeError:
        raise
    except ScriptError as error:
        print(f"labserver: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"labserver: {explain(error)}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("labserver: interrupted; run it again to go on from there", file=sys.stderr)
        return EXIT_INTERRUPTED


def succeeds(*command: str) -> bool:
    """Return whether a command is there and succeeds, without showing what it prints."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def output(*command: str) -> str:
    """Return what a command prints; an empty text where it fails or is not there."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def error_of(*command: str) -> str:
    """Return what a command prints on standard error."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        ).stderr.strip()
    except OSError as error:
        return f"{command[0]}: {error.strerror}"


def check(*command: str | Path, env: Mapping[str, str] | None = None, text: str | None = None) -> None:
    """Run a command in the project's folder, with `text` as its input; ScriptError where it fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, input=text, text=True, check=False)
    except OSError as error:
        raise ScriptError(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode:
        raise ScriptError(f"{Path(command[0]).name} failed with exit code {done.returncode}: see above")


def output_folder(path: Path) -> Path:
    """Make the folder that a script writes to; return its path from the root, as commands run in another folder."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScriptError(f"{path} cannot be the folder to write to ({error.strerror}): name another") from error
    return path.absolute()


def is_root() -> bool:
    """Return whether the script runs as root."""
    return os.geteuid() == 0


def can_root() -> bool:
    """Return whether commands can be run as root without a question."""
    return is_root() or succeeds("sudo", "-n", "true")


def as_root(*command: str) -> list[str]:
    """Return the command that runs this one as root, behind the same proxy."""
    if is_root():
        return [*command]
    proxies = [name for name in os.environ if name.lower() in PROXY]
    return ["sudo", "-n", *([f"--preserve-env={','.join(proxies)}"] if proxies else []), *command]


@contextmanager
def package_manager() -> Iterator[None]:
    """Hold the machine's package manager: apt's own lock makes no second `apt-get update` wait."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def apt_install(*packages: str) -> bool:
    """Install Debian packages; return whether they are there now."""
    if not succeeds("apt-get", "--version") or not can_root():
        return False
    apt_get = as_root("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")
    commands = ([*apt_get, "update"], [*apt_get, "install", "-y", "--no-install-recommends", *packages])
    with package_manager(), (STATE / "apt.log").open("w+", encoding="utf-8") as log:
        print_status(f"Installing {' '.join(packages)} with apt-get (log: .state/apt.log)")
        for command in commands:
            if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode:
                log.seek(0)
                print(*(line for line in log if line.startswith("E:")), sep="", end="", file=sys.stderr)
                return False
    return True
