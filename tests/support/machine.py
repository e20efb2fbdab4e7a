"""Machines of their own in User-mode Linux: no KVM, native speed, 1 CPU, everything on loopback.

    with machine.boot(memory_mb=1024) as lab:
        lab.ssh("sudo systemctl reboot")

The disk image is built once, of Debian's packages, and kept in .state/uml; each machine writes into a file of its own
beside it. Where no such machine can run, `boot` skips the test with the reason.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

# scripts/ is on the path by tests/conftest.py
from machine import ROOT, STATE, apt_install, as_root, can_root

TOOLS = Path(__file__).resolve().parent / "uml"
CACHE = STATE / "uml"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# What has to be there, and Debian's package of it
PROGRAMS = {
    "linux.uml": "user-mode-linux",
    "vde_switch": "vde2",
    "mmdebstrap": "mmdebstrap debian-archive-keyring",  # Ubuntu does not have Debian's keys
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
    "cc": "gcc libc6-dev",
}
USER = "lab"
BOOT_TIMEOUT = 600  # seconds; 15 on an idle machine
MIB = 1024 * 1024


def require() -> None:
    """Skip the test where no machine can run."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program, path=_path()) is None]
    if missing and not apt_install(*" ".join(missing).split()):
        pytest.skip(f"no virtual machine: {', '.join(missing)} not installed, nor to be had from apt")
    if not can_root():
        pytest.skip("no virtual machine: building its disk needs root or passwordless sudo")


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _memory_folder(memory_mb: int) -> Path:
    """Return a folder for the machine's memory, which is a file that is executed; prefer tmpfs."""
    reasons = []
    for folder in (Path("/dev/shm"), Path("/tmp"), STATE):  # noqa: S108 - a private folder is made in it
        if not folder.is_dir():
            reasons.append(f"{folder} is missing")
            continue
        status = os.statvfs(folder)
        if status.f_flag & os.ST_NOEXEC:
            reasons.append(f"{folder} is mounted noexec")
        elif status.f_bavail * status.f_frsize < (memory_mb + 64) * MIB:
            reasons.append(f"{folder} has no {memory_mb} MiB free")
        else:
            return folder
    pytest.skip(f"no virtual machine: {'; '.join(reasons)}")


def image(suite: str = "bookworm", packages: Sequence[str] = ()) -> Path:
    """Return the folder of an image (disk, key, known_hosts); build it where what it is made of has changed."""
    recipe = [suite, *packages, (TOOLS / "build").read_text(), CERTIFICATES.read_text()]
    digest = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12]
    name = "-".join([suite, *packages])
    folder = CACHE / f"{name}-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "disk").exists():
            for old in CACHE.glob(f"{name}-{'?' * 12}"):
                shutil.rmtree(old)
            folder.mkdir()
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
            build = (str(TOOLS / "build"), suite, str(folder / "disk"), str(folder / "key.pub"), ",".join(packages))
            _run(*as_root("env", f"PATH={_path()}", *build), timeout=1200)
    return folder


def _run(*command: str | Path, timeout: float = 600) -> str:
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


class Machine:
    """A machine: its files stay from boot to boot, its memory does not."""

    def __init__(self, folder: Path, image: Path, memory_mb: int, disks: Mapping[str, int]) -> None:
        """Prepare its files; `disks` are further ones, by name (ubdb, ...) with their sizes in MiB."""
        self.folder = folder
        self.memory_mb = memory_mb
        self.ssh_port, self.http_port = _free_ports(2)
        self.kernel_arguments: list[str] = []
        self._image = image
        self._group: subprocess.Popen[bytes] | None = None
        self._memory: Path | None = None
        self._disks = [f"ubd0={folder}/cow,{image}/disk"]
        for number, (name, size) in enumerate(disks.items(), start=1):
            with (folder / name).open("wb") as disk:
                disk.truncate(size * MIB)
            self._disks.append(f"ubd{number}={folder}/{name}")

    @property
    def console(self) -> str:
        """What the machine has written to its console since it was made."""
        return (self.folder / "console").read_text(encoding="utf-8", errors="replace")

    @property
    def runs(self) -> bool:
        """Whether it is on."""
        return self._group is not None and self._group.poll() is None

    def start(self) -> None:
        """Switch it on, and wait for its SSH server."""
        # Short, for it holds sockets, whose paths have 107 letters at most
        self._memory = Path(tempfile.mkdtemp(prefix="uml-", dir=_memory_folder(self.memory_mb)))
        _run("cc", "-shared", "-fPIC", "-o", self._memory / "loopback.so", TOOLS / "loopback.c", "-ldl")
        command = [
            str(TOOLS / "run"), str(self._memory), f"{self.memory_mb}M", str(self.ssh_port), str(self.http_port),
            *self._disks, *self.kernel_arguments,
        ]  # fmt: skip
        with (self.folder / "console").open("ab") as console:
            self._group = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=console, stderr=console, start_new_session=True
            )
        self._wait_for(self._ssh_answers)

    def cut_power(self) -> None:
        """End it at once; what it had not yet written to its disk is lost."""
        if self._group and self._group.stdin:
            self._group.stdin.close()
            self._group.wait(timeout=60)
        if self._memory:
            shutil.rmtree(self._memory, ignore_errors=True)

    def reboot(self) -> None:
        """Shut it down in order, boot it again, and wait for its SSH server."""
        before = self.boot_id()
        self.ssh("sudo systemctl reboot", check=False)
        self._wait_for(lambda: self.boot_id() not in ("", before))

    def boot_id(self) -> str:
        """Return the kernel's own name of this boot; an empty text while SSH does not answer."""
        return self.ssh("cat /proc/sys/kernel/random/boot_id", check=False)

    def _ssh_answers(self) -> bool:
        return self.ssh("true; echo up", check=False) == "up"

    def _wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + BOOT_TIMEOUT
        while not condition():
            assert self.runs, f"the machine went off:\n{self.console[-3000:]}"
            assert time.monotonic() < deadline, f"the machine did not boot:\n{self.console[-3000:]}"
            time.sleep(0.5)

    def ssh_options(self) -> list[str]:
        """Return the options of ssh that lead to it, and to nothing else."""
        return [
            f"-oUserKnownHostsFile={self.folder}/known_hosts", "-oStrictHostKeyChecking=accept-new",
            "-oIdentitiesOnly=yes", "-oBatchMode=yes", "-oConnectTimeout=15",
        ]  # fmt: skip

    def ssh(self, command: str, *, stdin: bytes = b"", check: bool = True, timeout: float = 600) -> str:
        """Run a command of the shell on it as the user `lab`; return what it printed, without the last line's end."""
        ssh = ["ssh", "-F", "none", "-i", str(self._image / "key"), "-p", str(self.ssh_port), *self.ssh_options()]
        done = subprocess.run(
            [*ssh, f"{USER}@127.0.0.1", command], input=stdin, capture_output=True, check=False, timeout=timeout
        )
        said = done.stdout.decode()
        assert not check or done.returncode == 0, f"{command}: {said}{done.stderr.decode()}"
        return said.rstrip("\n")

    def inventory(self, **variables: object) -> Path:
        """Make an inventory that names it, from the example; return its folder."""
        folder = self.folder / "inventory"
        shutil.copytree(ROOT / "inventory/ssh", folder, dirs_exist_ok=True)
        connection = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.ssh_port,
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(self._image / "key"),
            "ansible_ssh_common_args": " ".join(self.ssh_options()),
        }
        hosts = {"labserver": {"hosts": {"lab.example.test": connection | variables}}}
        (folder / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
        return folder


@contextmanager
def boot(
    memory_mb: int = 1024, *, disks: Mapping[str, int] | None = None, image_packages: Sequence[str] = ()
) -> Iterator[Machine]:
    """Give a machine that runs, and remove it."""
    require()
    source = image(packages=image_packages)
    with tempfile.TemporaryDirectory(prefix="machine-", dir=CACHE) as folder:
        machine = Machine(Path(folder), source, memory_mb, disks or {})
        try:
            machine.start()
            yield machine
        finally:
            machine.cut_power()
