"""A host on which nothing runs is told its real cause, and what to do about it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PLAY = """
- hosts: all
  become: true
  gather_facts: false
  roles: [preflight]
"""
# What sudo says, and what the role has to say about it
HOSTS = {
    "locked": ("echo 'sudo: a password is required' >&2; exit 1", ["a password is required", "--ask-become-pass"]),
    "stranger": ("echo 'eve is not in the sudoers file.' >&2; exit 1", ["not in the sudoers", "passwordless sudo"]),
    "bare": ("exec /no/sudo", ["/no/sudo: not found", "Install sudo"]),
    "empty": ('exec sh -c "exec /no/python3.11 -"', ["/no/python3.11: not found", "Install python3"]),
}


def test_each_cause_has_its_own_fix(tmp_path: Path) -> None:
    hosts = {}
    for name, (script, _) in HOSTS.items():
        sudo = tmp_path / f"{name}-sudo"
        sudo.write_text(f"#!/bin/sh\n{script}\n")
        sudo.chmod(0o755)
        hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_become_user": "nobody",  # for root does not become root
            "ansible_become_exe": str(sudo),
        }
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (tmp_path / "play.yml").write_text(PLAY)
    result = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / "hosts.json", tmp_path / "play.yml"],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    told = [" ".join(part.split()) for part in re.split(r"fatal: |\[ERROR\]", result.stdout)]
    for name, (_, expected) in HOSTS.items():
        (message,) = [part for part in told if part.startswith(f"[{name}]") and f"{name} cannot" in part]
        assert all(words in message for words in expected), message
