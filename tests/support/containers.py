"""A sandbox container that stands for a machine that exists already, for the tests that need one of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path = ROOT, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program in the project's folder, or another one, whose Ansible has its own configuration."""
    environment = {name: value for name, value in os.environ.items() if cwd == ROOT or name != "ANSIBLE_CONFIG"}
    result = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=3000,
    )
    if check:
        assert result.returncode == 0, result.stdout[-20000:] + result.stderr
    return result


def set_container(name: str, state: str) -> None:
    """Make a Debian 12 container of that name, or remove it; skip the test where no engine answers."""
    if shutil.which("docker") is None or run("docker", "info", check=False).returncode != 0:
        pytest.skip("no Docker engine answers")
    variables = {
        "sandbox_project": name,
        "sandbox_hosts": [{"name": f"{name}-1", "system": "debian12"}],
        "sandbox_state": state,
    }
    playbook = ("molecule/shared/create.yml", "-e", json.dumps(variables))
    run("ansible-playbook", "--inventory", ROOT / "molecule/inventory", *playbook)
