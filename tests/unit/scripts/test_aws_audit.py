"""scripts/aws_audit: what it shows, and by which code it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients

from tests.support.aws import FUTURE, HERE, PAST, answers, closed, machines
from tests.support.aws_audit import ROOT, SCRIPT, RunAudit, audit_runner, load_script

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script()


@pytest.fixture
def run(script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunAudit:
    return audit_runner(script, monkeypatch, capsys)


def test_audit_of_nothing(run: RunAudit) -> None:
    assert run() == (0, "Nothing carries our tags in us-west-2.\n", "")


def test_audit_shows_a_table_and_its_code_tells_what_is_late(run: RunAudit) -> None:
    machines(expires=FUTURE)
    code, out, err = run()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["TYPE", "NAME", "ID", "WHAT", "STATE", "EXPIRES", "$/HOUR", "$/MONTH"]
    assert lines[1] == "lab in us-west-2"
    assert lines[2].endswith("0.0104     7.59")
    assert lines[4].split() == ["total", "0.0115", "8.39"]
    assert "prices of 2026-11" in lines[5]
    machines(project="lab2", expires=PAST)
    code, out, err = run()
    assert (code, err) == (1, "")
    assert out.count("PAST") == 2
    assert run("--project", "lab")[0] == 0
    assert run("--project", "lab2")[0] == 1
    assert run("--region", "eu-west-1")[0] == 0
    assert run("--region", "eu-west-1", "--region", HERE)[0] == 1
    assert run("--all-regions")[0] == 1


def test_audit_as_json(run: RunAudit) -> None:
    made = machines(expires=PAST)
    code, out, _ = run("--json")
    told = json.loads(out)
    assert code == 1
    assert set(told) == {
        "project",
        "regions",
        "prices_date",
        "resources",
        "hourly_usd",
        "monthly_usd",
        "unpriced",
        "overdue",
        "warnings",
    }
    assert told["regions"] == [HERE]
    assert made[0] in told["overdue"]
    assert told["monthly_usd"] == 8.392
    assert [thing["type"] for thing in told["resources"]] == ["instance", "volume"]
    assert json.loads(run("--json", "--region", "eu-west-1")[1])["resources"] == []


def test_the_region_is_that_of_the_environment(run: RunAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert json.loads(run("--json")[1])["regions"] == ["us-west-2"]
    assert "Nothing carries our tags in any region of the account." in run("--all-regions")[1]
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert json.loads(run("--json")[1])["regions"] == ["eu-west-1"]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert json.loads(run("--json")[1])["regions"] == ["eu-west-2"]
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert json.loads(run("--json")[1])["regions"] == ["eu-west-3"]


def test_warnings_go_to_standard_error(run: RunAudit, clients: AwsClients, script: ModuleType) -> None:
    machines()
    answers(clients, "resource-groups-tagging-api.GetResources", closed)
    answers(clients, "s3.ListBuckets", closed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "AwsClients", lambda: clients)
        code, out, err = run("--json")
    assert code == 0
    assert json.loads(out)["warnings"][0] in err


def test_prices_of_a_file(run: RunAudit, tmp_path: Path) -> None:
    machines()
    file = tmp_path / "prices.yml"
    file.write_text("date: 2027-02\nregions: {us-west-2: {instance: {t3.micro: 1}}}\n")
    _, out, _ = run("--prices", str(file))
    assert "1.0000   730.00" in out
    assert "prices of 2027-02" in out
    file.write_text('{"regions": {"us-west-2": {"instance": {"t3.micro": 2}}}}')
    assert "2.0000  1460.00" in run("--prices", str(file))[1]
    file.write_text("")
    assert "0.0104     7.59" in run("--prices", str(file))[1]
    for content, message in (("[1]", "no mapping"), ("{a", "neither YAML nor JSON"), ("a: 1", "unknown key 'a'")):
        file.write_text(content)
        code, out, err = run("--prices", str(file))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    code, _, err = run("--prices", str(tmp_path / "absent"))
    assert code == 2
    assert "No such file" in err


@pytest.mark.parametrize(
    "arguments", [["--region", HERE, "--all-regions"], ["--yes"], ["--regions"], ["lab"], ["--prices"]]
)
def test_wrong_arguments(run: RunAudit, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage: aws_audit" in err


def test_an_unknown_profile_is_one_line_and_code_2(run: RunAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    code, out, err = run()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "set AWS_PROFILE to a profile of ~/.aws/config" in err


@pytest.mark.usefixtures("no_credentials")
def test_audit_without_credentials_is_one_line_and_code_2(run: RunAudit) -> None:
    code, out, err = run()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("aws_audit: no AWS credentials")


def test_help_and_any_python(tmp_path: Path) -> None:
    def execute(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
        # -S: a Python without boto3
        return subprocess.run(
            [sys.executable, "-I", *options, path, "--help"], capture_output=True, text=True, check=False, timeout=60
        )

    told = execute(SCRIPT)
    assert told.returncode == 0
    assert "exit codes: 0 nothing costs money" in told.stdout
    if (ROOT / ".venv").exists():
        assert execute(SCRIPT, "-S").stdout == told.stdout
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    told = execute(tmp_path / "scripts" / "aws_audit", "-S")
    assert told.returncode == 2
    assert "run scripts/up or scripts/test first" in told.stderr
