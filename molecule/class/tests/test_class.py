"""Every host serves the comparison of all, and the controller has it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

PAGES = {"class.html": "/class/", "class.json": "/class/class.json", "class.csv": "/class/class.csv",
         "consensus.html": "/class/consensus.html"}  # fmt: skip


@pytest.fixture
def reports() -> Path:
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "reports")


def test_each_page_is_served_and_kept_on_the_controller(fetch: Callable[..., Any], reports: Path) -> None:
    for name, path in PAGES.items():
        answer = fetch(path)
        assert answer.status == 200
        assert answer.shows((reports / name).read_bytes().decode())


def test_the_hosts_are_named_with_what_each_has(reports: Path) -> None:
    found = json.loads((reports / "class.json").read_text(encoding="utf-8"))
    assert [host["name"] for host in found["hosts"]] == ["lab-1", "lab-2", "lab-3"]
    assert [host["address"] for host in found["hosts"]] == [f"http://lab-{n}.example.org/" for n in (1, 2, 3)]
    assert all(host["training_seeds"] == [1, 2] for host in found["hosts"])
    assert len({host["sha256"] for host in found["hosts"]}) == 3
    (left_out,) = found["left_out"]
    assert left_out["name"] == "lab-4"
    assert "no data set is available" in left_out["reason"]
    assert found["training"]["hosts"] == 3


def test_each_host_has_a_sample_of_its_own(reports: Path) -> None:
    hosts = json.loads((reports / "site.json").read_text(encoding="utf-8"))["hosts"]
    data = [record for host in hosts for record in host["components"] if record["name"] == "review_data"]
    seeds = [record["details"]["seed"] for record in data if record["state"] == "ready"]
    assert len(seeds) == len(set(seeds)) == 3


def test_the_report_links_to_it(fetch: Callable[..., Any], component: Callable[..., Any]) -> None:
    assert '<a href="/class/">Class</a>' in fetch("/report.html").text
    assert '<a href="/class/" aria-current="page">Class</a>' in fetch("/class/").text
    assert component("comparison")["details"]["hosts"] == ["lab-1", "lab-2", "lab-3"]


def test_only_what_is_current_is_kept(host: Host) -> None:
    name = host.ansible.get_variables()["inventory_hostname"]
    kept = host.run("ls /srv/labserver/comparison").stdout.split()
    # The result of the other training seed, and on the first host the comparison
    assert len(kept) == {"lab-1": 5, "lab-4": 0}.get(name, 1)
