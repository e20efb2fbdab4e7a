"""Fixtures for the tests of r_package, which use real R and a real repository of packages."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import r_package
from ansible.module_utils.labserver.r import distribution, install
from ansible.module_utils.testing import patch_module_args

from tests.support import r as r_support
from tests.support.modules import Server
from tests.support.r import GOOD, Run, StandInApt


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*, check: bool = False, diff: bool = False, **options: object) -> dict[str, Any]:
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff}
        with patch_module_args(json.loads(json.dumps({**options, **internal}, default=str))), pytest.raises(SystemExit):
            r_package.main()
        return {"failed": False, **json.loads(capsys.readouterr().out)}

    return run


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "MAKEFLAGS",
        "R_LIBS",
    ):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))


@pytest.fixture(scope="session")
def every(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository of all packages of the tests."""
    return r_support.repository(tmp_path_factory.mktemp("every"))


@pytest.fixture(scope="session")
def built(every: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library with those that can be installed."""
    library = tmp_path_factory.mktemp("built")
    archives = [str(every / f"src/contrib/{name}_1.0.tar.gz") for name in ("labbase", *GOOD)]
    subprocess.run(["R", "CMD", "INSTALL", f"--library={library}", *archives], check=True, capture_output=True)
    return library


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def closed() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def library(tmp_path: Path, built: Path) -> Path:
    """Return a library that has labgood and labbase."""
    for name in ("labgood", "labbase"):
        shutil.copytree(built / name, tmp_path / "library" / name)
    return tmp_path / "library"


@pytest.fixture
def apt(tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> StandInApt:
    apt = StandInApt(tmp_path / "apt", built)
    monkeypatch.setenv("PATH", f"{apt.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("R_LIBS_SITE", str(apt.site))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    home = subprocess.run(["R", "RHOME"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setattr(install, "HOMES", (home,))
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "archive_Packages.lz4").touch()
    monkeypatch.setattr(distribution.Apt, "lists", lists)
    return apt


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)
