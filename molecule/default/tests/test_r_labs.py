"""The labs in R: what a visitor of the page, and the user who has the scripts, find."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
USER = "student"
PATH = "/var/lib/labserver/labs"
FLIGHTS = 336_776
WINES = 6_497
SVG = "{http://www.w3.org/2000/svg}"
IMAGE = re.compile(r'(?:src|srcset)="data:image/svg\+xml;base64,([^"]*)"')


def run_as_user(host: Host, command: str) -> Any:
    return host.run("runuser -u %s -- sh -c %s", USER, f"cd && {command}")


@pytest.fixture
def results(fetch: Callable[..., Any]) -> dict[str, Any]:
    answer = fetch("/labs/results.json")
    assert answer.status == 200
    return dict(json.loads(answer.text))


@pytest.fixture
def installed(host: Host) -> set[str]:
    """The packages that the user's R finds."""
    answer = run_as_user(host, "Rscript --no-init-file -e 'cat(rownames(installed.packages()))'")
    assert answer.rc == 0, answer.stderr
    return set(answer.stdout.split())


@pytest.fixture
def play(host: Host, tmp_path: Path) -> Callable[..., str]:
    """Run the role on this host, each time with other variables; return what Ansible said."""

    def run(*runs: dict[str, Any]) -> str:
        tasks = [
            {
                "block": [{"ansible.builtin.include_role": {"name": "r_labs"}, "vars": variables}],
                "rescue": [{"ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}],
            }
            for variables in runs
        ]
        playbook = tmp_path / "play.json"
        playbook.write_text(json.dumps([{"hosts": "labserver", "become": True, "gather_facts": False, "tasks": tasks}]))
        name = host.backend.get_hostname()
        result = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                f"--inventory={host.backend.ansible_inventory}", f"--limit={name}", str(playbook),
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


def test_the_page_shows_each_lab(fetch: Callable[..., Any], results: dict[str, Any]) -> None:
    page = fetch("/labs/")
    assert page.status == 200
    assert set(results["labs"]) >= {"forest", "flights"}
    for lab, result in results["labs"].items():
        assert result["title"] in page.text
        assert f'href="{lab}.json"' in page.text
        assert json.loads(fetch(f"/labs/{lab}.json").text)["values"] == result["values"]
    assert 'href="/"' in page.text
    assert 'href="/report.html"' in page.text
    # whole in itself, as the site's policy demands
    assert not re.search(r'(?:src|srcset|href)="(?:https?:)?//|<script', page.text)


def test_the_plots_are_drawn_for_light_and_for_dark(fetch: Callable[..., Any]) -> None:
    page = fetch("/labs/").text
    images = [base64.b64decode(image).decode() for image in IMAGE.findall(page)]
    assert len(images) >= 2 * 6
    assert len(set(images)) == len(images)
    for image in images:
        drawing = ET.fromstring(image)
        assert drawing.tag == f"{SVG}svg"
        # axes, marks and letters; an empty plot has none
        assert len(list(drawing.iter(f"{SVG}path"))) > 10
        assert len(list(drawing.iter(f"{SVG}use"))) > 10
    assert len(re.findall(r'<img [^>]*alt="[^"]{20,}"', page)) == len(images) / 2


def test_the_parallel_forest_is_as_good_as_the_serial_one(host: Host, results: dict[str, Any]) -> None:
    forest = results["labs"]["forest"]["values"]
    assert forest["wines"] == WINES
    assert forest["trees"] == int(host.ansible.get_variables().get("r_labs_trees", 2000))
    assert abs(forest["oob_serial"] - forest["oob_parallel"]) < 4 * forest["oob_noise"]
    assert 0.3 < forest["oob_serial"] < 0.4
    assert forest["cores"] == int(host.check_output("nproc"))
    assert [row["cores"] for row in forest["by_cores"]] == list(range(1, max(forest["cores"], 1) + 1))
    assert forest["speedup"] == pytest.approx(forest["serial_seconds"] / forest["parallel_seconds"], rel=1e-3)


def test_boosting_compares_what_is_there(results: dict[str, Any], installed: set[str]) -> None:
    there = {"gbm", "xgboost"} & installed
    assert ("boosting" in results["labs"]) == bool(there)
    for run in results["labs"].get("boosting", {"values": {"runs": []}})["values"]["runs"]:
        assert run["package"] in there
        assert 0.55 < run["error"] < 0.7
        assert run["seconds"] > 0


def test_the_flights_are_all_counted(results: dict[str, Any]) -> None:
    flights = results["labs"]["flights"]["values"]
    assert flights["flights"] == FLIGHTS
    carriers = {row["carrier"]: row for row in flights["by_carrier"]}
    assert sum(row["flights"] for row in carriers.values()) == FLIGHTS
    assert len(carriers) == 16
    assert carriers["UA"]["name"] == "United Air Lines Inc."
    assert carriers["UA"]["flights"] == 58_665
    assert carriers["UA"]["mean"] == pytest.approx(12.106, abs=0.001)
    hours = {row["hour"]: row["mean"] for row in flights["by_hour"]}
    assert hours[5] < hours[12] < hours[19]
    assert 0.8 < flights["with_age"] / FLIGHTS < 0.9
    assert sum(row["flights"] for row in flights["by_age"]) == flights["with_age"]


def test_bigmemory_answers_the_same_with_less_memory(results: dict[str, Any]) -> None:
    flights = results["labs"]["flights"]["values"]
    assert flights["same_answer"] is True
    peak = {row["way"]: row["peak_mib"] for row in flights["memory"]}
    assert peak["nothing"] < peak["attach"] < peak["copy"] < peak["read.csv"]


def test_what_could_not_be_had_is_named(
    results: dict[str, Any], installed: set[str], component: Callable[..., Any], fetch: Callable[..., Any]
) -> None:
    assert component("r_labs")["unavailable"] == results["unavailable"]
    for package in ("gbm", "xgboost", "tictoc"):
        assert (package in results["unavailable"]) == (package not in installed)
    for name, reason in results["unavailable"].items():
        assert f">{name}<" in fetch("/labs/").text
        assert reason in fetch("/report.html").text
    timer = "tictoc" if "tictoc" in installed else "system.time"
    assert {result["timer"] for result in results["labs"].values()} == {timer}


def test_the_user_runs_the_scripts_by_hand(host: Host) -> None:
    host.check_output("rm -rf /srv/byhand && install --directory --owner=%s /srv/byhand", USER)
    answer = run_as_user(
        host,
        "cp labs/* /srv/byhand && cd /srv/byhand && sed -i 's/^trees <- .*/trees <- 100/' settings.R && "
        "echo 'print(\"changed by hand\")' >>forest.R && Rscript forest.R",
    )
    assert answer.rc == 0, answer.stderr
    assert "Speed-up" in answer.stdout
    assert "changed by hand" in answer.stdout
    result = json.loads(host.file("/srv/byhand/results/forest.json").content_string)
    assert result["values"]["trees"] == 100
    assert host.file("/srv/byhand/results/forest-speedup-light.svg").size > 1000


def test_the_labs_ran_as_the_user(host: Host) -> None:
    files = [f"{PATH}/work/forest.json", f"{PATH}/forest.R"]
    files += [f"/var/www/html/labs/{name}" for name in ("index.html", "forest.json")]
    lab, *published = host.check_output("stat --format='%%U %%a' %s %s %s %s", *files).splitlines()
    assert lab.split()[0] == USER
    # whom the page's own scripts and results do not belong to
    assert published == ["root 644"] * 3


def test_wrong_settings_are_named(play: Callable[..., str]) -> None:
    said = play(
        {"r_labs_trees": 5},
        {"r_labs_cores": -1},
        {"r_labs_flights_year": 1999},
        {"r_labs_user": "nobody-such"},
        {"r_labs_document_root": "/srv/no-such-site"},
        {"r_labs_wanted": ["forest", "nonsense"]},
    )
    for fix in (
        "(it is 5)",
        "(it is -1)",
        "1987, 2007, 2008 (it is 1999)",
        "has no user nobody-such. Run role rstudio_server",
        "Run role httpd first",
        "nonsense",
    ):
        assert fix in said


def test_a_year_out_of_reach_gives_way_and_is_named(host: Host, play: Callable[..., str]) -> None:
    variables = {
        "r_labs_flights_year": 2001,
        "r_labs_flights_sources": {"2001": ["/srv/no-such.csv.bz2"]},
        "r_labs_document_root": "/srv/year",
        "r_labs_path": "/srv/year/labs-files",
        "r_labs_wanted": ["flights"],
    }
    host.check_output("install --directory /srv/year")
    # The role publishes what there is, and fails then
    said = play({**variables, "r_labs_strict": True})
    assert "take the lab out of r_labs_wanted" in said
    results = json.loads(host.file("/srv/year/labs/results.json").content_string)
    assert "no-such.csv.bz2" in results["unavailable"]["flights of 2001"]
    assert results["labs"]["flights"]["values"]["flights"] == FLIGHTS


class TestAFailingLab:
    """A lab fails: the message says why, the page stays, and the next run makes it good."""

    @pytest.fixture
    def obstacle(self, host: Host) -> Iterator[str]:
        """A folder where the lab wants to write."""
        path = f"{PATH}/work/forest.json.part"
        host.check_output("mkdir %s", path)
        yield path
        host.run("rmdir %s", path)

    def test_it_says_why_and_leaves_the_page(
        self, obstacle: str, play: Callable[..., str], fetch: Callable[..., Any]
    ) -> None:
        before = fetch("/labs/").text, fetch("/labs/forest.json").text
        said = play({"r_labs_trees": 150})
        assert "Lab forest failed" in said
        assert "forest.json.part" in said
        assert "cannot open" in said
        assert (fetch("/labs/").text, fetch("/labs/forest.json").text) == before

    def test_afterwards_only_that_lab_runs_again_and_a_changed_copy_of_a_script_stays(
        self, host: Host, play: Callable[..., str]
    ) -> None:
        home = host.user(USER).home
        assert run_as_user(host, "echo '# mine' >>labs/flights.R && rm labs/forest.R").rc == 0
        said = play({"r_labs_trees": 150}, {})
        assert said.count("Run lab forest]") == 2  # once with other trees, once with those of the inventory
        assert "Run lab flights]" not in said
        assert "Run lab boosting]" not in said
        assert host.file(f"{home}/labs/flights.R").content_string.endswith("# mine\n")
        assert host.file(f"{home}/labs/forest.R").content == host.file(f"{PATH}/forest.R").content
        assert run_as_user(host, f"cp {PATH}/flights.R labs/").rc == 0
