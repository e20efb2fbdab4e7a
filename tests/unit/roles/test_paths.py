"""Paths of variables in any spelling: with a slash at the end, or letters that mean something to a pattern."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


def template(folder: Path, role: str, variables: dict[str, Any], expression: str, *tasks: dict[str, Any]) -> Any:
    """Return what an expression is with the private variables of a role, after some tasks."""
    answer = {"ansible.builtin.copy": {"content": f"{{{{ {expression} | to_json }}}}", "dest": str(folder / "answer")}}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [str(ROOT / f"roles/{role}/vars/main.yml")],
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [*tasks, answer],
    }
    (folder / "play.json").write_text(json.dumps([play]))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(folder / "play.json")]
    command += ["--extra-vars", json.dumps(variables)]
    done = subprocess.run(
        command, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return json.loads((folder / "answer").read_text())


@pytest.mark.parametrize("name", ["labs", "labs/", "c++ (1)//labs/./"])
def test_scripts_of_the_labs_are_told_from_the_users_copies(tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}"
    for folder in (path, f"{tmp_path}/home/labs"):
        Path(folder).mkdir(parents=True)
        Path(folder, "forest.R").write_text(folder)
    find = {
        "ansible.builtin.find": {"paths": [path, f"{tmp_path}/home/labs"], "patterns": "*.R", "get_checksum": True},
        "register": "__r_labs_scripts",
    }
    found = template(
        tmp_path,
        "r_labs",
        {"r_labs_path": path},
        "[__r_labs_ours, __r_labs_theirs] | map('map', attribute='path')",
        find,
    )
    assert found == [[os.path.normpath(f"{path}/forest.R")], [f"{tmp_path}/home/labs/forest.R"]]


def test_scripts_of_others_are_not_taken_for_those_of_the_labs(tmp_path: Path) -> None:
    folder = tmp_path / "labs"
    (folder / "work").mkdir(parents=True)  # as a run leaves it that is killed early
    look = {
        "ansible.builtin.command": {
            "argv": ["sh", "-c", "{{ __r_labs_lookup_script }}", "sh", "root", str(tmp_path), str(folder)]
        },
        "register": "__r_labs_lookup",
    }
    found = [template(tmp_path, "r_labs", {}, "__r_labs_found.files", look)]
    (folder / "forest.R").write_text("theirs")
    found.append(template(tmp_path, "r_labs", {}, "__r_labs_found.files", look))
    (folder / "settings.R").write_text("ours")
    found.append(template(tmp_path, "r_labs", {}, "__r_labs_found.files", look))
    assert found == ["", "forest.R", ""]
    checksums = {
        "__r_labs_new": {"common.R": "1", "forest.R": "1", "settings.R": "1"},
        "__r_labs_old": {"forest.R": "1"},
    }
    assert template(tmp_path, "r_labs", checksums, "__r_labs_outdated") == ["settings.R", "common.R"]


@pytest.mark.parametrize("slash", ["", "//"])
def test_a_comparison_takes_nothing_of_others_for_its_own(tmp_path: Path, slash: str) -> None:
    """What is not wanted any more of what is found is removed."""
    for name in ("2024.csv", "cafe.txt", f"{'0a' * 32}.json", f"{'0a' * 32}.2.json"):
        (tmp_path / name).touch()
    find = {
        "ansible.builtin.command": {
            "argv": [
                "find",
                "{{ __comparison_place }}",
                "-regextype",
                "posix-extended",
                "-regex",
                "{{ __comparison_names }}",
            ]
        },
        "register": "__comparison_found",
    }
    variables = {"comparison_path": f"{tmp_path}{slash}"}
    found = template(tmp_path, "comparison", variables, "__comparison_files | sort", find)
    assert found == [f"{'0a' * 32}.2.json", f"{'0a' * 32}.json"]


def test_the_rule_for_selinux_is_about_the_document_root(tmp_path: Path) -> None:
    for path in ("/srv/www/", "/srv/c++", "/srv/lab-1.x (new)//"):
        pattern = template(tmp_path, "httpd", {"httpd_document_root": path}, "__httpd_label_pattern")
        root = path.rstrip("/")
        assert all(re.fullmatch(pattern, one) for one in (root, f"{root}/", f"{root}/labs/index.html"))
        assert not re.fullmatch(pattern, f"{root}2/index.html")
    for path in ("/var/www/html", "/var/www/"):
        assert template(tmp_path, "httpd", {"httpd_document_root": path}, "__httpd_label_pattern") == ""
