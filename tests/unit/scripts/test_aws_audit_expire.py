"""scripts/aws_audit --expire: it removes what is past its expiry, and nothing else."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.survey import survey

from tests.support.aws import FUTURE, HERE, PAST, ec2, machines
from tests.support.aws_audit import ROOT, RunAudit, audit_runner, load_script

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script()


@pytest.fixture
def run(script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunAudit:
    return audit_runner(script, monkeypatch, capsys)


class Playbook:
    """Stands in for the playbook: notes what it was given and removes the machines that are past their expiry."""

    def __init__(self, code: int = 0, *, removes: bool = True) -> None:
        self.given: list[dict[str, Any]] = []
        self._code = code
        self._removes = removes

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert Path(command[1]).name == "run_playbook.py"
        assert command[2:6] == ["--playbook", "playbooks/teardown.yml", "-i", os.devnull]
        assert options["env"]["PATH"].startswith(str(Path(sys.executable).parent))
        given = json.loads(command[7])
        self.given.append(given)
        if self._removes:
            things = survey(AwsClients(), given["ec2_region"], given["ec2_project"])
            late = [thing["id"] for thing in things if thing["expired"] and thing["type"] == "instance"]
            ec2(given["ec2_region"]).terminate_instances(InstanceIds=late)
        return subprocess.CompletedProcess(command, self._code)


@pytest.fixture
def playbook(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Playbook]]:
    def use(code: int = 0, *, removes: bool = True) -> Playbook:
        stand_in = Playbook(code, removes=removes)
        monkeypatch.setattr(script.subprocess, "run", stand_in)
        return stand_in

    yield use
    monkeypatch.undo()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_expire_removes_by_project_and_region(run: RunAudit, playbook: Callable[..., Playbook], tmp_path: Path) -> None:
    removal = playbook()
    machines(2, expires=PAST)
    machines(project="lab2", expires=PAST, region="eu-west-1")
    kept = machines(project="lab3", expires=FUTURE)
    prices = tmp_path / "prices.json"
    prices.write_text('{"date": "2027"}')
    code, out, err = run("--all-regions", "--expire", "--yes", "--prices", str(prices))
    common = {
        "labserver_provider": "ec2",
        "ec2_expired_only": True,
        "ec2_prices": {"date": "2027"},
        "confirm": "yes",
    }
    assert removal.given == [
        {**common, "ec2_project": "lab", "ec2_region": HERE},
        {**common, "ec2_project": "lab2", "ec2_region": "eu-west-1"},
    ]
    assert code == 0
    assert "PAST" in err  # what was removed
    assert "PAST" not in out  # what is left
    assert kept[0] in out


def test_expire_of_one_project_leaves_the_others(run: RunAudit, playbook: Callable[..., Playbook]) -> None:
    removal = playbook()
    machines(expires=PAST)
    machines(project="lab2", expires=PAST)
    assert run("--project", "lab2", "--expire", "--yes")[0] == 0
    assert [given["ec2_project"] for given in removal.given] == ["lab2"]
    assert run()[0] == 1


def test_expire_with_nothing_late(run: RunAudit, playbook: Callable[..., Playbook]) -> None:
    removal = playbook()
    machines(expires=FUTURE)
    machines(expires="soon")  # nobody can read it: told, but not removed
    code, _, err = run("--expire", "--yes")
    assert removal.given == []
    assert "Nothing is past its expiry in us-west-2." in err
    assert code == 1


def test_expire_asks(run: RunAudit, playbook: Callable[..., Playbook], monkeypatch: pytest.MonkeyPatch) -> None:
    removal = playbook()
    machines(expires=PAST)
    for answer in ("n\n", "\n", "", "yesterday\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        code, out, err = run("--expire", "--json")
        assert "Remove these 2 things? [y/N] " in err
        assert "Nothing was removed." in err
        assert code == 1
        json.loads(out)
    assert removal.given == []
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run("--expire")[0] == 0
    assert len(removal.given) == 1


def test_expire_where_nobody_can_answer(run: RunAudit, playbook: Callable[..., Playbook]) -> None:
    removal = playbook()
    machines(expires=PAST)
    code, out, err = run("--expire")
    assert (code, out, removal.given) == (2, "", [])
    assert "add --yes" in err


def test_expire_that_fails_or_is_interrupted(run: RunAudit, playbook: Callable[..., Playbook]) -> None:
    machines(expires=PAST)
    playbook(4, removes=False)
    code, _, err = run("--expire", "--yes")
    assert code == 2
    assert "could not remove all of lab in us-west-2: see above, and run this again" in err
    playbook(130, removes=False)
    assert run("--expire", "--yes")[0] == 130


def test_expire_that_leaves_something_is_told_by_the_code(run: RunAudit, playbook: Callable[..., Playbook]) -> None:
    machines(expires=PAST)
    playbook(removes=False)
    code, out, _ = run("--expire", "--yes")
    assert code == 1
    assert "PAST" in out


@pytest.mark.parametrize("project", ["", "{{ lookup('pipe', 'id') }}", "{% x %}"])
def test_a_tag_that_is_no_name_reaches_no_playbook(
    run: RunAudit, playbook: Callable[..., Playbook], project: str
) -> None:
    removal = playbook()
    machines(project=project, expires=PAST)
    machines(project="lab", expires=PAST)
    code, _, err = run("--expire", "--yes")
    assert code == 2
    assert f"{project!r}, a tag labserver:project in us-west-2, is no name: remove its things by hand" in err
    assert [given["ec2_project"] for given in removal.given] == ["lab"]  # the others cost as well


def test_expire_runs_the_playbook_itself(
    run: RunAudit, script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "module_utils").symlink_to(ROOT / "module_utils")
    shutil.copy(ROOT / "ansible.cfg", tmp_path)
    (tmp_path / "playbooks").mkdir()
    play = [
        {
            "name": "Remove",
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                {
                    "name": "Note what was given",
                    "ansible.builtin.copy": {
                        "dest": str(tmp_path / "given"),
                        "mode": "0600",
                        "content": "{{ [ec2_project, ec2_region,"
                        " ec2_expired_only, confirm | bool, ansible_playbook_python] | to_json }}",
                    },
                }
            ],
        }
    ]
    (tmp_path / "playbooks" / "teardown.yml").write_text(json.dumps(play))
    monkeypatch.setattr(script, "ROOT", tmp_path)
    machines(project="lab 1: a=b", expires=PAST)
    code, out, err = run("--expire", "--yes")
    assert code == 1, out + err
    assert "PAST" in out
    assert json.loads((tmp_path / "given").read_text()) == ["lab 1: a=b", HERE, True, True, sys.executable]
