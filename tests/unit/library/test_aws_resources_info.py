"""aws_resources_info: what carries our tags on AWS; its logic is tested in tests/unit/module_utils/aws."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from tests.support.modules import RunModule

ROOT = Path(__file__).resolve().parents[3]
HERE = "us-west-2"
TAGS = [{"Key": "labserver:project", "Value": "lab"}, {"Key": "labserver:expires", "Value": "2020-01-01T00:00:00Z"}]


pytestmark = pytest.mark.usefixtures("throw_away_keys")


def volume(region: str = HERE, **given: Any) -> str:
    specification = [{"ResourceType": "volume", "Tags": TAGS}]
    options = {"Size": 20, "VolumeType": "gp3", "AvailabilityZone": f"{region}a", "TagSpecifications": specification}
    name: str = boto3.client("ec2", region_name=region, **given).create_volume(**options)["VolumeId"]
    return name


@pytest.mark.usefixtures("account")
def test_what_is_there_and_what_is_planned(run_module: RunModule) -> None:
    name = volume()
    planned = [{"type": "instance", "instance_type": "t3.micro", "count": "2"}, {"type": "address", "count": 2}]
    for check in (False, True):
        result = run_module("aws_resources_info", check=check, region=HERE, project="lab", planned=planned)
        assert (result["failed"], result["changed"]) == (False, False)
        assert [thing["id"] for thing in result["resources"]] == [name]
        assert [thing["id"] for thing in result["overdue"]] == [name]
        assert (result["hourly_usd"], result["monthly_usd"]) == (0.0022, 1.6)
        assert (result["planned_hourly_usd"], result["planned_monthly_usd"]) == (0.0308, 22.484)
        assert [thing["count"] for thing in result["planned"]] == [2, 2]
        assert result["unpriced"] == []
        assert any(name in line for line in result["table"])
        assert result["planned_table"][-2].split() == ["total", "0.0308", "22.48"]


@pytest.mark.usefixtures("account")
def test_every_value_is_documented(run_module: RunModule) -> None:
    volume()
    result = run_module("aws_resources_info", region=HERE)
    documented = yaml.safe_load(importlib.import_module("aws_resources_info").RETURN)
    assert set(documented) == set(result) - {"changed", "failed", "invocation"}
    of_other_types = {"automatic_addresses", "bucket", "interfaces"}
    assert set(documented["resources"]["contains"]) - of_other_types == set(result["resources"][0])


@pytest.mark.usefixtures("account")
def test_project_and_regions(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = volume(), volume("eu-west-1")

    def found(**options: Any) -> set[str]:
        return {thing["id"] for thing in run_module("aws_resources_info", **options)["resources"]}

    assert found(region=HERE) == found(regions=[HERE]) == found(regions=[HERE], region="sa-east-1") == {here}
    assert found(regions=f"{HERE},eu-west-1") == {here, there}
    assert found(region=HERE, project="other") == set()
    assert found(region=HERE, project="") == {here}
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert found() == {there}


@pytest.mark.usefixtures("account")
def test_prices_are_laid_over_the_table(run_module: RunModule) -> None:
    volume()
    prices = {"date": "2027-01", "regions": {HERE: {"volume": {"gp3": 1}}}}
    result = run_module("aws_resources_info", region=HERE, prices=prices)
    assert result["monthly_usd"] == 20
    assert "prices of 2027-01" in result["table"][-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regions": [""]}, "no region is given: set one"),
        ({"region": "nowhere!"}, "'nowhere!' is no region"),
        ({"region": HERE, "profile": "absent", "access_key": "", "secret_key": ""}, "set AWS_PROFILE to a profile of"),
        ({"region": HERE, "prices": {"t3.micro": 1}}, "unknown key 't3.micro'"),
        ({"region": HERE, "planned": [{"type": "server"}]}, "planned: entry 1: type is 'server'"),
    ],
)
@pytest.mark.usefixtures("account")
def test_what_is_wrong_is_told_with_its_fix(run_module: RunModule, options: dict[str, Any], message: str) -> None:
    result = run_module("aws_resources_info", **options)
    assert result["failed"]
    assert message in result["msg"]
    assert "\n" not in result["msg"]


def test_without_credentials(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    result = run_module("aws_resources_info", region=HERE)
    assert result["failed"]
    assert "no AWS credentials (Unable to locate credentials): run `aws configure`" in result["msg"]


# --- through Ansible, with the endpoint in its option and in the environment ---


@pytest.fixture
def endpoint(throw_away_keys: None) -> Iterator[str]:  # noqa: ARG001 - comes first
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    server.stop()


def playbook(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", *command],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "500", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_the_audit_playbook(endpoint: str) -> None:
    name = volume(endpoint_url=endpoint)
    late = playbook("playbooks/audit.yml", AWS_ENDPOINT_URL=endpoint)
    assert late.returncode == 2, late.stdout + late.stderr
    assert "20 GB gp3" in late.stdout
    told = " ".join((late.stdout + late.stderr).split())
    assert f"still to be paid for: {name}. Remove it with scripts/aws_audit --expire" in told
    given = json.dumps({"ec2_regions": [HERE, "eu-west-1"], "ec2_project": "other"})
    fine = playbook("playbooks/audit.yml", "--check", "-e", given, AWS_ENDPOINT_URL=endpoint)
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert "Nothing carries our tags in us-west-2, eu-west-1." in fine.stdout
    assert "changed=0" in fine.stdout


def test_the_endpoint_may_be_an_option(endpoint: str, tmp_path: Path) -> None:
    volume(endpoint_url=endpoint)
    task = {"aws_resources_info": {"region": HERE, "endpoint_url": endpoint}, "register": "there"}
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [task, {"debug": {"var": "there.monthly_usd"}}]}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    done = playbook(str(tmp_path / "play.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "there.monthly_usd: 1.6" in done.stdout
