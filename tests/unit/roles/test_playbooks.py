"""The playbooks are one list of roles: what configures, what reports and what removes are in step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def imported(path: str) -> list[str]:
    """Return the playbooks that one imports, in the order in which they run."""
    names = [play.get("ansible.builtin.import_playbook") for play in read(path)]
    paths = [str(Path(path).parent / name) for name in names if name]
    return [each for one in paths for each in (one, *imported(one))]


PLAYBOOKS = imported("site.yml")


def roles_in(playbook: str) -> list[str]:
    """Return the roles of a playbook that configure something."""
    entries = [entry["role"] for play in read(playbook) for entry in play.get("roles", [])]
    return [name for name in entries if name not in ("preflight", "report")]


def roles() -> list[str]:
    """Return the roles of site.yml, each where it comes last: s3_sync fetches before and sends after the others.

    Those of a cluster come before what is last.
    """
    *names, last = [name for playbook in PLAYBOOKS for name in roles_in(playbook)]
    site = [name for number, name in enumerate(names) if name not in [*names[number + 1 :], last]]
    return [*site, *(name for name in roles_in("playbooks/cluster.yml") if name not in site), last]


def removals() -> list[tuple[str, list[str]]]:
    """Return the roles that remove.yml takes away, with their tags; in the end it reports what is left."""
    *tasks, last = [task for play in read("playbooks/remove.yml") for task in play["tasks"]]
    assert last["ansible.builtin.import_role"] == {"name": "report", "tasks_from": "refresh"}
    return [(task["ansible.builtin.import_role"]["name"], task["tags"]) for task in tasks]


def test_the_report_has_their_order() -> None:
    assert read("roles/report/vars/main.yml")["__report_order"] == roles()


def test_what_has_a_removal_is_removed_the_last_first() -> None:
    removable = [name for name in reversed(roles()) if (ROOT / f"roles/{name}/tasks/remove.yml").exists()]
    assert [name for name, _ in removals()] == removable


def test_the_tag_of_a_removal_is_its_role() -> None:
    assert [tags for _, tags in removals()] == [[name] for name, _ in removals()]


@pytest.mark.parametrize("playbook", [*PLAYBOOKS, "playbooks/cluster.yml"])
def test_the_tag_of_a_role_is_its_name(playbook: str) -> None:
    for play in read(playbook):
        for entry in play.get("roles", []):
            assert entry["role"] in entry["tags"] or entry["tags"] == ["always"]


def run(*arguments: str | Path) -> tuple[int, str]:
    """Run ansible-playbook; return its code, and what it said in one line."""
    command = [Path(sys.executable).with_name("ansible-playbook"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/teardown.yml", "playbooks/stop.yml"])
def test_an_inventory_without_hosts_is_no_success(playbook: str, tmp_path: Path) -> None:
    code, said = run("-i", tmp_path / "missing.yml", playbook, "--tags", "always,swap")
    assert code == 2
    assert f"{tmp_path}/missing.yml has no host in a group labserver" in said


@pytest.mark.parametrize("option", ["--tags", "--skip-tags"])
def test_a_tag_that_nothing_has_is_no_success(option: str) -> None:
    code, said = run("-i", "lab,", "site.yml", option, "swp,httpd")
    assert code == 2
    assert "Nothing has the tag swp. Tags are roles: provision, preflight, swap, " in said


def test_molecule_may_run_a_playbook(tmp_path: Path) -> None:
    said = run("-i", tmp_path / "none", "site.yml", "--skip-tags", "molecule-notest,notest")[1]
    assert "has no host in a group labserver" in said


def test_every_tag_of_the_playbooks_may_be_named(tmp_path: Path) -> None:
    provider, passed = ("-e", "labserver_provider=none"), "has no host in a group labserver"
    for playbook in ("site.yml", "playbooks/cluster.yml"):
        listed = run("-i", "lab,", playbook, "--list-tags")[1]
        tags = sorted({tag for part in listed.split("TASK TAGS: [")[1:] for tag in part.split("]")[0].split(", ")})
        assert len(tags) > 5
        said = run("-i", tmp_path / "none", *provider, playbook, "--tags", ",".join(tags))[1]
        assert passed in said, said
