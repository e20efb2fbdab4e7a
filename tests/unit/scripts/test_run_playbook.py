"""What scripts/up shows of a run, and what Ansible says where there is no engine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import run_playbook

ROOT = Path(__file__).resolve().parents[3]


def event(kind: str, **data: object) -> dict[str, Any]:
    return {"event": kind, "event_data": data}


def test_progress_is_a_line_for_each_role(capsys: pytest.CaptureFixture[str]) -> None:
    progress = run_playbook.Progress()
    progress.handle(event("playbook_on_play_start", name="Configure the server"))
    progress.handle(event("playbook_on_task_start", name="swap : Make it", role="swap"))
    progress.handle(event("runner_on_ok", host="a", task="Make it", res={"changed": True}))
    progress.handle(event("playbook_on_task_start", name="httpd : Validating arguments against spec", role="httpd"))
    progress.handle(event("playbook_on_task_start", name="vec2pca : Analyse", role="vec2pca"))
    progress.finish_step()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["swap", "vec2pca"]
    assert lines[0].endswith("1 changed")
    assert lines[1].endswith("as it should be")


def test_notices_are_shown_at_once_and_the_summary_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    progress = run_playbook.Progress()
    cost = ["TYPE  $/MONTH", "total  13.64"]
    for message in ({"labserver_notice": cost}, {"labserver_notice": "In .secrets/a"}, "details", ["more"], None):
        progress.handle(event("runner_on_ok", host="a", task="Show it", res={"msg": message}))
    progress.handle(event("runner_on_ok", host="a", task="Show it", res={"msg": {"labserver_summary": ["HOST"]}}))
    assert capsys.readouterr().out.splitlines() == [*cost, "In .secrets/a"]
    assert progress.summary == ["HOST"]


@pytest.mark.parametrize(
    ("inventory", "sandbox"),
    [
        (None, True),
        ("inventory/sandbox", True),
        ("inventory/sandbox/", True),
        (str(ROOT / "inventory" / "sandbox"), True),
        ("inventory/aws", False),
        (os.devnull, False),
    ],
)
def test_which_inventory_needs_the_engine(inventory: str | None, *, sandbox: bool) -> None:
    assert run_playbook.is_sandbox(inventory) == sandbox


def test_a_failure_is_told_with_host_task_and_reason() -> None:
    progress = run_playbook.Progress()
    progress.handle(event("runner_on_failed", host="lab1", task="Fetch", res={"msg": "no route", "stderr": "detail"}))
    assert progress.failures == ["lab1: Fetch\n    no route\n    detail"]


def test_ansible_without_an_engine_says_how_to_get_one() -> None:
    result = subprocess.run(
        ["ansible-playbook", "playbooks/provision.yml"],
        cwd=ROOT,
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode != 0
    assert "Run scripts/up, which starts or installs one" in " ".join(result.stdout.split())
