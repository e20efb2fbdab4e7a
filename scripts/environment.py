"""The controller's Python environment, .venv: made from the pinned requirements by one run at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from machine import ROOT, STATE, ScriptError, apt_install, check, print_status, succeeds

sys.path.insert(0, str(ROOT / "module_utils"))

from labserver import python_environment
from labserver.download.answer import SourceError
from labserver.download.index import pip_settings

VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements" / "controller.txt"
# The one pinned uv, shared with the hosts
UV_REQUIREMENT = ROOT / "roles" / "python_venv" / "files" / "uv.txt"
# What a run of Ansible imports, in each of its many processes. Python keeps their byte code itself, but not where
# PYTHONDONTWRITEBYTECODE is set, as in many containers: there each process would compile all of them.
COMPILED = (
    "ansible", "ansible_runner", "boto3", "botocore", "cryptography", "jinja2", "requests", "s3transfer", "urllib3",
    "yaml",
    "ansible_collections/amazon/aws", "ansible_collections/ansible/posix", "ansible_collections/community/docker",
    "ansible_collections/community/library_inventory_filtering_v1",
)  # fmt: skip
# Number of the open file that holds the lock, for the environment's own Python, which takes this one's place
LOCK_VARIABLE = "LABSERVER_LOCK"
# What ansible.cfg names of the project; settings in the environment would go before it
OF_THE_PROJECT = (
    "ANSIBLE_ACTION_PLUGINS",
    "ANSIBLE_CALLBACK_PLUGINS",
    "ANSIBLE_COLLECTIONS_PATH",
    "ANSIBLE_LIBRARY",
    "ANSIBLE_LOOKUP_PLUGINS",
    "ANSIBLE_MODULE_UTILS",
    "ANSIBLE_ROLES_PATH",
    "ANSIBLE_STDOUT_CALLBACK",
)


def enter() -> None:
    """Take the project's lock, make the environment where needed, and go on in its Python."""
    lock = _take_lock()
    make()
    configure_ansible()
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    os.set_inheritable(lock, True)  # noqa: FBT003 - takes no names
    os.environ[LOCK_VARIABLE] = str(lock)
    os.execv(python(), [python(), *sys.argv])


def configure_ansible() -> None:
    """Have Ansible use the project's configuration, also in a folder that all may write to, where it would not.

    It needs a folder of its own that it may write to.
    """
    for name in OF_THE_PROJECT:
        os.environ.pop(name, None)
    os.environ["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
    home = Path.home() / ".ansible"
    if not os.access(home if home.exists() else home.parent, os.W_OK | os.X_OK):
        os.environ.setdefault("ANSIBLE_HOME", str(STATE / "ansible"))


def python() -> str:
    """Return the path of the environment's Python."""
    return str(VENV / "bin" / "python")


def _take_lock() -> int:
    """Hold the lock until this process ends: two runs would make the same environment, engine and hosts."""
    if held := os.environ.pop(LOCK_VARIABLE, ""):
        os.set_inheritable(int(held), False)  # noqa: FBT003 - takes no names
        return int(held)
    try:
        STATE.mkdir(exist_ok=True)
        lock = os.open(STATE / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise ScriptError(
            f"{error.strerror}: {error.filename}. The scripts write into their checkout: use one that is yours, on a "
            f"file system with room, or take this one back from an earlier run with sudo: sudo chown -R {os.getuid()} "
            f"'{ROOT}'"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ScriptError(
            f"{_holder(lock)} is at work in {ROOT}; wait for it, or end it, and run this again"
        ) from error
    # For people only: what counts is the lock
    os.ftruncate(lock, 0)
    os.write(lock, f"another scripts/{_program()} (pid {os.getpid()}, since {datetime.now():%H:%M})".encode())
    return lock


def at_work() -> str:
    """Return which of the scripts holds the lock, with its process; an empty text where none does."""
    try:
        lock = os.open(STATE / "lock", os.O_RDONLY)
    except OSError:
        return ""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _holder(lock)
    finally:
        os.close(lock)
    return ""


def _holder(lock: int) -> str:
    return os.pread(lock, 200, 0).decode(errors="replace") or "another scripts/up, down or test"


def _program() -> str:
    return Path(sys.argv[0]).stem.replace("run_tests", "test")


def make() -> None:
    """Make .venv, or bring it up to date.

    The stamp is written last: without it, a run was cut off and all is made anew; with another content, the
    requirements have changed and only what differs is installed.
    """
    stamp = VENV / "labserver.stamp"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + UV_REQUIREMENT.read_bytes()).hexdigest()
    if not stamp.exists() or not succeeds(python(), "-c", ""):
        _require_ours(stamp)
        _require_venv_module()
        print_status(f"Making the controller's environment with Python {sys.version.split()[0]}")
        stamp.unlink(missing_ok=True)
        _begun().touch()
        check(sys.executable, "-m", "venv", "--clear", VENV)
        _pip_install(UV_REQUIREMENT)
    elif stamp.read_text(encoding="utf-8").split()[:1] == [digest]:
        return
    else:
        print_status("Bringing the controller's environment up to date")
    sync = [str(VENV / "bin" / "uv"), "pip", "sync", f"--python={python()}", "--quiet", "--require-hashes"]
    # In a folder with settings of uv, those would count
    if subprocess.run([*sync, str(REQUIREMENTS)], cwd=ROOT, env=uv_environment(), check=False).returncode:
        print_status("uv could not do it; trying with pip")
        _pip_install(REQUIREMENTS)
    compile_byte_code()
    stamp.write_text(f"{digest}\n", encoding="utf-8")


def _begun() -> Path:
    """Return the file that notes that the environment is ours, also where a run was cut off before the stamp."""
    return STATE / "venv-begun"


def _require_ours(stamp: Path) -> None:
    """Refuse to clear what somebody else has by the name of the environment."""
    if VENV.is_dir() and any(VENV.iterdir()) and not stamp.exists() and not _begun().exists():
        where = f", which leads to {VENV.resolve()}" if VENV.is_symlink() else ""
        raise ScriptError(
            f"{VENV}{where} was not made by this script, which would empty it: move it away, or remove it"
        )


def compile_byte_code() -> None:
    """Compile what a run of Ansible imports. A file that cannot be compiled is none that is imported here."""
    for packages in VENV.glob("lib/python*/site-packages"):
        succeeds(python(), "-m", "compileall", "-q", "-j", "0", *(str(packages / name) for name in COMPILED))


def _pip_install(requirements: Path) -> None:
    variables = python_environment.clean_environment(os.environ) | python_environment.pip_environment(_pip_settings())
    check(python(), "-m", "pip", "--quiet", "install", "--require-hashes", "-r", requirements, env=variables)


def _require_venv_module() -> None:
    """Install the venv module, which Debian keeps in a package of its own for each version."""
    if succeeds(sys.executable, "-c", "import ensurepip, venv"):
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if not apt_install(package):
        raise ScriptError(
            f"{sys.executable} lacks the venv module. Install it (Debian, Ubuntu: sudo apt-get install {package}) and "
            "run this again"
        )


def uv_environment() -> dict[str, str]:
    """Return our environment for uv: pip's index and the way to it, and nothing that has uv work on another Python."""
    clean = python_environment.clean_environment(os.environ)
    return {**python_environment.uv_environment(_pip_settings()), **clean, "VIRTUAL_ENV": str(VENV)}


def _pip_settings() -> dict[str, str]:
    """Return the settings of pip; none where there is no pip to ask."""
    try:
        return pip_settings(python())
    except SourceError:
        return {}
