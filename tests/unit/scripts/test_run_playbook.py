"""What scripts/up shows of a run, and what Ansible says where there is no engine."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import run_playbook
import yaml

ROOT = Path(__file__).resolve().parents[3]


def event(kind: str, **data: object) -> dict[str, Any]:
    return {"event": kind, "event_data": data}


def test_progress_is_a_line_for_each_role(capsys: pytest.CaptureFixture[str]) -> None:
    progress = run_playbook.EventPrinter()
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
    progress = run_playbook.EventPrinter()
    cost = ["TYPE  $/MONTH", "total  13.64"]
    for message in ({"labserver_notice": cost}, {"labserver_notice": "In .secrets/a"}, "details", ["more"], None):
        progress.handle(event("runner_on_ok", host="a", task="Show it", res={"msg": message}))
    progress.handle(event("runner_on_ok", host="a", task="Show it", res={"msg": {"labserver_summary": ["HOST"]}}))
    assert capsys.readouterr().out.splitlines() == [*cost, "In .secrets/a"]
    assert progress.summary == ["HOST"]


def test_a_page_is_named_as_soon_as_its_role_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    progress = run_playbook.EventPrinter()

    def recorded(name: str, state: str = "ready", **details: str) -> str:
        component = {"name": name, "state": state, "details": details}
        progress.handle(event("runner_on_ok", host="a", res={"component": component}))
        return capsys.readouterr().out.strip()

    assert recorded("vec2pca") == ""  # nobody said where the site is
    progress.handle(event("runner_on_ok", host="a", res={"msg": {"labserver_site": "http://127.0.0.1:8080/"}}))
    assert recorded("vec2pca") == "The analysis of a: http://127.0.0.1:8080/"
    assert recorded("r_labs", page="/labs/") == "The R labs of a: http://127.0.0.1:8080/labs/"
    assert recorded("r_labs", "unavailable") == ""
    assert recorded("swap") == ""


def test_what_can_be_left_out_are_the_roles_of_the_playbook() -> None:
    playbook = (ROOT / "playbooks" / "rlab.yml").read_text()
    assert run_playbook.optional_roles("r_labs,r_packages") == ["r_labs", "r_packages"]
    with pytest.raises(argparse.ArgumentTypeError, match="no 'labs' that can be left out: choose from r_packages, "):
        run_playbook.optional_roles("labs")
    left_out = {name for role in yaml.safe_load(playbook)[0]["roles"] if "when" in role for name in [role["role"]]}
    assert left_out == set(run_playbook.OPTIONAL)


@pytest.mark.parametrize(
    ("given", "variable", "sandbox"),
    [
        ([], None, True),
        ([], "", True),
        ([], "inventory/aws", False),
        ([], "inventory/aws,inventory/sandbox", True),
        (["inventory/sandbox"], "inventory/aws", True),
        (["inventory/sandbox/"], None, True),
        ([str(ROOT / "inventory" / "sandbox")], None, True),
        (["inventory/aws"], None, False),
        (["inventory/aws", "inventory/sandbox"], None, True),
        ([os.devnull], None, False),
    ],
)
def test_which_inventory_needs_the_engine(
    given: list[str], variable: str | None, monkeypatch: pytest.MonkeyPatch, *, sandbox: bool
) -> None:
    monkeypatch.delenv("ANSIBLE_INVENTORY", raising=False)
    if variable is not None:
        monkeypatch.setenv("ANSIBLE_INVENTORY", variable)
    assert run_playbook.uses_sandbox(given) == sandbox


@pytest.mark.parametrize(
    "spelling",
    [
        "-i a -i b",
        "-ia -ib",
        "--inventory=a --inventory b",
        "--inventory-file a -v -i b --check",
        "-i a,b",
        "-vi a -ib",
    ],
)
def test_every_inventory_counts(spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["up", *spelling.split()])
    options, others = run_playbook.parse_arguments()
    assert options.inventory == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert others == (["--check"] if "--check" in spelling else [])


@pytest.mark.parametrize("hosts", ["lab1,", "lab1,lab2"])
def test_a_list_of_hosts_stays_as_it_is(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["up", "-i", hosts])
    assert run_playbook.parse_arguments()[0].inventory == [hosts]


def test_an_inventory_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["up", "-i", "inventory/sandbox", "-i", "inventory/mime"])
    with pytest.raises(SystemExit):
        run_playbook.parse_arguments()
    assert "there is no inventory/mime" in capsys.readouterr().err


def test_a_failure_is_told_with_host_task_and_reason() -> None:
    progress = run_playbook.EventPrinter()
    progress.handle(event("runner_on_failed", host="lab1", task="Fetch", res={"msg": "no route", "stderr": "detail"}))
    assert progress.explanation() == ["lab1: Fetch\n    no route\n    detail"]


def test_each_host_that_failed_is_told_and_none_that_was_rescued() -> None:
    progress = run_playbook.EventPrinter()

    def fails(kind: str, host: str, reason: str) -> None:
        progress.handle(event(f"runner_on_{kind}", host=host, task="Fetch", res={"msg": reason}))

    fails("failed", "a", "a mirror is out of reach")  # rescued, and then it fails
    for host, reason in (("a", "no source left"), ("b", "disk full"), ("d", "no source left")):
        fails("failed", host, reason)
    fails("unreachable", "c", "no route")
    fails("failed", "e", "rescued")
    progress.handle(event("playbook_on_stats", failures={"a": 1, "b": 1, "d": 1}, dark={"c": 1}, rescued={"e": 1}))
    assert progress.explanation() == [
        "a, d: Fetch\n    no source left",
        "b: Fetch\n    disk full",
        "c: Fetch\n    no route",
    ]


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


def test_the_page_of_the_class_is_told_where_hosts_were_compared() -> None:
    def host(name: str, *components: dict[str, str], url: str = "") -> dict[str, object]:
        return {"host": name, "url": url, "components": components}

    class_page = {"name": "comparison", "state": "ready", "where": "/class/"}
    swap = {"name": "swap", "state": "ready", "where": "/srv/swap"}
    alone = [host("a", swap, url="http://a/"), host("b")]
    assert run_playbook.addresses(alone) == ["The page of a: http://a/"]
    several = [
        host("none", class_page),
        host("a", swap, class_page, url="http://a/"),
        host("b", class_page, url="http://b/"),
    ]
    assert run_playbook.addresses(several) == [
        "The page of a: http://a/",
        "The page of b: http://b/",
        "How much their results vary: http://a/class/",
    ]


def test_passwords_are_told_beside_the_address_that_asks_for_them() -> None:
    links = [
        {"text": "R labs", "address": "/labs/", "passwords": ""},
        {"text": "RStudio", "address": "http://a:8787/", "passwords": "on the controller, .secrets/a"},
        {"text": "JupyterLab", "address": "/jupyter/", "passwords": "on the controller, .secrets/a"},
    ]
    host = {"host": "a", "url": "http://a/", "components": [], "links": links}
    assert run_playbook.addresses([host]) == [
        "The page of a: http://a/",
        "RStudio of a: http://a:8787/ (passwords: on the controller, .secrets/a)",
        "JupyterLab of a: http://a/jupyter/ (passwords: on the controller, .secrets/a)",
    ]
