"""What people read of a failure: once, and with what helps."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAILING = {
    "explained": """
    - block:
        - ansible.builtin.fail: {msg: raw words}
      rescue:
        - ansible.builtin.debug: {msg: looked}
        - ansible.builtin.fail: {msg: "what helps: {{ ansible_failed_result.msg }}"}
    """,
    "included": """
    - block:
        - ansible.builtin.include_tasks: tasks.yml
      rescue:
        - ansible.builtin.fail: {msg: "what helps: {{ ansible_failed_result.msg }}"}
    """,
    "recovered": """
    - block:
        - ansible.builtin.fail: {msg: raw words}
      rescue:
        - ansible.builtin.debug: {msg: done otherwise}
    """,
    "in_the_rescue": """
    - block:
        - ansible.builtin.fail: {msg: first}
      rescue:
        - ansible.builtin.command: /nowhere/raw
        - ansible.builtin.fail: {msg: never}
    """,
    "for_people": """
    - ansible.builtin.debug: {msg: {labserver_summary: ["HOST  STATE", "a     ready: x"]}}
    - ansible.builtin.debug: {msg: {other: y}}
    - ansible.builtin.debug: {msg: words}
    """,
    "plain": """
    - ansible.builtin.fail: {msg: raw words}
    """,
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what a run of all of them shows, by play, and that of the first with -v."""
    folder = tmp_path_factory.mktemp("callback")
    (folder / "tasks.yml").write_text("- ansible.builtin.fail: {msg: raw words}\n")
    # A second host, which ends well: where all have failed, Ansible leaves the other plays out
    ends = "    - ansible.builtin.meta: end_host\n      when: inventory_hostname == 'good'"
    plays = "".join(
        f"- name: {name}\n  hosts: {name},good\n  gather_facts: false\n  connection: local\n  tasks:\n{ends}\n{tasks}\n"
        for name, tasks in FAILING.items()
    )
    (folder / "play.yml").write_text(plays)

    def run(*options: str) -> str:
        command = ["ansible-playbook", "-i", ",".join([*FAILING, "good"]), *options, str(folder / "play.yml")]
        env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300)
        return done.stdout + done.stderr

    said = run()
    parts = {part.partition("]")[0]: part for part in said.split("PLAY [")[1:]}
    return parts | {"verbose": run("-v", "--limit", "explained,good")}


@pytest.mark.parametrize("name", ["explained", "included"])
def test_an_explained_error_is_shown_as_it_is_explained(name: str, output: dict[str, str]) -> None:
    assert f"failed: [{name}]: see below" in output[name]
    lines = [line for line in output[name].splitlines() if "raw words" in line]
    assert lines
    assert all("what helps: raw words" in line for line in lines)


@pytest.mark.parametrize("name", ["recovered", "plain", "verbose"])
def test_other_errors_are_shown_as_ever(name: str, output: dict[str, str]) -> None:
    assert "see below" not in output[name]
    assert [line for line in output[name].splitlines() if "msg: raw words" in line]


def test_an_error_of_the_rescue_itself_is_shown(output: dict[str, str]) -> None:
    assert "/nowhere/raw" in output["in_the_rescue"]


def test_a_table_is_shown_as_a_table(output: dict[str, str]) -> None:
    assert "ok: [for_people]\nHOST  STATE\na     ready: x\n" in output["for_people"]
    assert "other: y" in output["for_people"]
    assert "msg: words" in output["for_people"]
