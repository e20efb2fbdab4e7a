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
    "terminal": ("echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1", ["have a tty", "requiretty"]),
    "empty": ('exec sh -c "exec /no/python3.11 -"', ["/no/python3.11: not found", "Install python3"]),
}
# What the host's Python says, once sudo has done its part
PYTHONS = {
    "full": ("OSError: [Errno 28] No space left on device", ["No space left", "Free space"]),
    "old": ("ansible-core requires a minimum of Python version 3.9.", ["minimum of Python", "too old"]),
    "small": ("Killed", ["Killed", "memory"]),
    "older": ("SyntaxError: invalid syntax", ["SyntaxError", "ansible_python_interpreter"]),
    "damaged": ("ModuleNotFoundError: No module named 'encodings'", ["encodings", "is whole there"]),
}
NO_OBSTACLE = 'while [ "$1" != /bin/sh ]; do shift; done; exec "$@"'


def test_each_cause_has_its_own_fix(tmp_path: Path) -> None:
    hosts = {}
    for name, (script, _) in {**HOSTS, **dict.fromkeys(PYTHONS, (NO_OBSTACLE, []))}.items():
        hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_become_user": "nobody",  # for root does not become root
            "ansible_become_exe": program(tmp_path / f"{name}-sudo", script),
        }
    for name, (words, _) in PYTHONS.items():
        python = program(tmp_path / f"{name}-python", f'echo "{words}" >&2; exit 1')
        hosts[name]["ansible_python_interpreter"] = python
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
    for name, (_, expected) in {**HOSTS, **PYTHONS}.items():
        (message,) = [part for part in told if part.startswith(f"[{name}]") and f"{name} cannot" in part]
        assert all(words in message for words in expected), message
        assert ("become root" in message) is (name in HOSTS and name != "empty"), message


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_path_that_is_not_there_has_no_free_space(tmp_path: Path) -> None:
    missing = {"rc": 1, "stdout_lines": [], "stderr": "df: /nowhere: No such file or directory"}
    assert problems(tmp_path, missing) == [f"{missing['stderr']}. Set preflight_disk_path to a folder that is there."]
    (little,) = problems(tmp_path, {"rc": 0, "stdout_lines": ["Avail", "7"]})
    assert "/ has 7 MB free and needs 3000" in little


def problems(folder: Path, measured: dict[str, object]) -> list[str]:
    """Return what the role would find wrong on a host where df said this."""
    time = {"epoch": "{{ '%s' | ansible.builtin.strftime }}", "iso8601": ""}
    system = {"distribution": "Debian", "distribution_version": "12", "memtotal_mb": 4000, "user_uid": 0}
    facts = {**system, "date_time": time, "ansible_local": {}, "cacheable": True}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(ROOT / "roles" / "preflight" / name / "main.yml") for name in ("defaults", "vars")],
        "vars": {"__preflight_df": measured, "ansible_python_interpreter": sys.executable},
        "tasks": [
            {"ansible.builtin.set_fact": facts},
            {"ansible.builtin.copy": {"content": "{{ __preflight_problems | to_json }}", "dest": str(folder / "told")}},
        ],
    }
    (folder / "problems.yml").write_text(json.dumps([play]))
    command = (Path(sys.executable).with_name("ansible-playbook"), "-c", "local", "-i", "lab,", folder / "problems.yml")
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    answer: list[str] = json.loads((folder / "told").read_text())
    return answer
