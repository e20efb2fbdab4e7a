"""python_environment_info: what works and what is broken in a virtual environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import RunModule

BASE = os.path.realpath(sys.executable)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with one package of one file."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    path = tmp_path / "env"
    subprocess.run([BASE, "-m", "venv", "--without-pip", str(path)], check=True)
    site = next(path.glob("lib/python3*/site-packages"))
    info = site / "tiny-1.0.dist-info"
    info.mkdir()
    (site / "tiny.py").write_text("raise SystemExit('nobody imports me')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"tiny.py,,{(site / 'tiny.py').stat().st_size}\n")
    return path


def test_a_whole_environment_works(run_module: RunModule, environment: Path) -> None:
    options: dict[str, Any] = {"path": environment, "interpreter": BASE}
    result = run_module("python_environment_info", imports=["tiny"], **options)
    assert (result["works"], result["problem"], result["changed"]) == (True, "", False)
    lacking = run_module("python_environment_info", imports=["tiny", "absent"], check=True, **options)
    assert (lacking["works"], lacking["problem"]) == (False, "it has no module absent")


def test_what_is_broken_is_named(run_module: RunModule, environment: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"path": environment, "interpreter": BASE}
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    assert "not with" in run_module("python_environment_info", path=environment, interpreter=other)["problem"]
    module = next(environment.glob("lib/python3*/site-packages/tiny.py"))
    module.write_text("torn")
    assert "tiny.py is damaged" in run_module("python_environment_info", **options)["problem"]
    module.unlink()
    assert "tiny.py is damaged" in run_module("python_environment_info", **options)["problem"]
    python = environment / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "gone")
    assert "does not exist" in run_module("python_environment_info", **options)["problem"]
    python.unlink()
    python.write_text("#!/bin/sh\necho no such library >&2\nexit 127\n")
    python.chmod(0o755)
    assert "no such library" in run_module("python_environment_info", **options)["problem"]
    assert not run_module("python_environment_info", path=tmp_path / "none", interpreter=BASE)["works"]


def test_a_python_that_cannot_be_used_is_an_error(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module("python_environment_info", path=tmp_path, interpreter="/no/python3")
    assert result["failed"]
    assert "give the path of a Python 3.10 or later" in result["msg"]


def test_the_index_of_its_pip(run_module: RunModule, environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = environment / "bin" / "python"
    assert run_module("python_environment_info", path=environment, interpreter=BASE)["index_url"] == ""
    subprocess.run([str(python), "-m", "ensurepip"], check=True, capture_output=True)
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org/simple")
    result = run_module("python_environment_info", path=environment, interpreter=BASE)
    assert result["index_url"] == "https://index.example.org/simple"
