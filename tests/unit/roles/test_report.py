"""The filters of role report."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.plugins import load_plugin

ROLE = Path(__file__).resolve().parents[3] / "roles" / "report"


@pytest.fixture(scope="module")
def report() -> ModuleType:
    return load_plugin("report/filter_plugins/report.py")


@pytest.fixture(scope="module")
def help_of() -> ModuleType:
    return load_plugin("report/filter_plugins/report_help.py")


def record(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "ready", "where": "", "reason": "", "unavailable": {}, "details": {}, **more}


def test_components_are_in_order_and_foreign_facts_left_out(report: ModuleType) -> None:
    facts = {f"labserver_{name}": record(name) for name in ("new", "httpd", "another", "swap")} | {
        "site": {"name": "x"}
    }
    found = report.recorded_components(facts, ["swap", "missing", "httpd"])
    assert [component["name"] for component in found] == ["swap", "httpd", "another", "new"]
    assert report.recorded_components({}, ["swap"]) == []


def test_only_what_is_there_is_linked_to(report: ModuleType) -> None:
    found = report.report_links([record("r_labs", state="unavailable"), record("comparison")], "http://lab:8787/")
    assert [link["address"] for link in found] == ["/", "/report.html"]
    found = report.report_links(
        [
            record("rstudio_server", details={"passwords": "in .secrets/lab-1"}),
            record("r_labs", details={"page": "/labs/"}),
            record("jupyterlab", details={"page": "/jupyter/"}),
        ],
        "http://lab:8787/",
    )
    assert [link["address"] for link in found] == ["/", "/labs/", "http://lab:8787/", "/jupyter/", "/report.html"]
    assert found[2]["passwords"] == "in .secrets/lab-1"


def test_the_table(report: ModuleType, help_of: ModuleType) -> None:
    first = [
        record("swap", where="/var/swap.1"),
        record("r_labs", where="/labs/, and /home/student/labs", details={"page": "/labs/"}),
        record("r_packages", where="doMC", unavailable={"gbm": f"https://cran/{'x' * 300}: Could not resolve host"}),
    ]
    second = [record("swap", state="unavailable", reason="no swap in this kernel")]
    hosts = [
        {
            "host": name,
            "url": url,
            "components": components,
            "links": report.report_links(components, ""),
            "missing": help_of.missing_parts(components),
        }
        for name, url, components in (("lab-1", "http://lab/", first), ("b", "", second))
    ]
    assert report.report_table(hosts) == [
        "HOST   COMPONENT   STATE        WHERE, OR WHAT WOULD HELP",
        "lab-1  swap        ready        /var/swap.1",
        "lab-1  r_labs      ready        http://lab/labs/",
        "lab-1  r_packages  ready        doMC",
        "lab-1  r_packages  unavailable  gbm: This host cannot reach cran: let it through the network or the",
        "                                proxy, or name another source in r_base_repository.",
        "b      swap        unavailable  no swap in this kernel",
    ]
    assert max(map(len, report.report_table(hosts))) <= 100


@pytest.mark.parametrize(
    ("component", "reason", "helps"),
    [
        (
            "rstudio_server",
            "https://vendor.example/rstudio.deb: Name or service not known",
            "or name another source in rstudio_server_package.",
        ),
        (
            "r_packages",
            (
                "the repository is out of reach: https://cran.example/x: libcurl error code 6: Could not resolve host: "
                "cran.example (the distribution has no package of it): check the network and proxy, or set `repos`"
            ),
            "This host cannot reach cran.example: let it",
        ),
        (
            "review_data",
            "https://a.org/x: timed out (10 s to connect); s3://b/x: timed out",
            "cannot reach a.org and b:",
        ),
        (
            "review_data",
            "https://a.org/x.gz: the server answered 404 Not Found",
            "A.org has it no longer: name another",
        ),
        (
            "review_data",
            "https://a.org/x.gz: the server answered 403 Forbidden",
            "A.org, or a proxy on the way, refuses",
        ),
        ("review_data", "https://a.org/x.gz: the server answered 503 Busy 3 times", "A.org is out of order or busy"),
        (
            "nltk_punkt",
            "https://a.org/x: wrong checksum: sha256 1, the pin was 2",
            "name the new version with its checksum",
        ),
        (
            "nltk_punkt",
            "https://a.org/x: its certificate is not trusted (expired)",
            "does not trust the certificate of a.org",
        ),
        (
            "rstudio_server",
            "The package is for x86_64 only, and this machine is of the kind aarch64. Use another machine",
            "use one of x86_64, or name a package in rstudio_server_package",
        ),
        ("r_packages", "no room left on the file system / (3 of 9 KiB are free)", "The disk is full"),
        ("r_packages", "memory ran out: add swap", "Memory ran out"),
        (
            "r_labs",
            "R of student has no gbm. Role r_packages installs R packages, and reports why.",
            "R lacks this package",
        ),
        ("s3_sync", "the host does not reach the bucket: [Errno -2]", "This host cannot reach the source"),
        ("swap", "the kernel has no swap", "the kernel has no swap"),
    ],
)
def test_a_reason_becomes_what_would_help(help_of: ModuleType, component: str, reason: str, helps: str) -> None:
    found = help_of.explained(component, reason)
    assert helps in found
    assert "libcurl" not in found


def test_a_variable_is_named_for_the_part_that_it_is_of(help_of: ModuleType) -> None:
    reason = "flights.zip: https://a.org/x: timed out"
    unavailable = {"flights of 2008": reason, "boosting": reason}
    (flights, boosting) = help_of.missing_parts([record("r_labs", unavailable=unavailable)])
    assert flights["help"].endswith("or name another source in r_labs_flights_sources.")
    assert boosting["help"].endswith("or name another source.")


def test_the_variables_that_help_are_variables(help_of: ModuleType) -> None:
    reference = (ROLE.parents[1] / "docs/reference.md").read_text()
    for variable in help_of.SOURCES.values():
        assert f"| `{variable}` |" in reference


def test_what_is_missing_and_what_was_not_verified_is_listed_by_part(help_of: ModuleType) -> None:
    components = [
        record("rstudio_server", state="unavailable", reason="because", unavailable={"signature": "no key"}),
        record("r_labs", details={"unverified": {"flights": "no SHA-256"}}),
        record("jupyterlab", details={"unverified": "not signed"}),
    ]
    assert [(part["name"], part["part"], part["reason"]) for part in help_of.missing_parts(components)] == [
        ("rstudio_server", "", "because"),
        ("rstudio_server", "signature", "no key"),
    ]
    assert help_of.unverified_parts(components) == [
        {"name": "r_labs", "part": "flights", "reason": "no SHA-256"},
        {"name": "jupyterlab", "part": "", "reason": "not signed"},
    ]


def test_what_was_measured_is_told_in_words(report: ModuleType) -> None:
    machine = {
        "time": "2026-11-27T13:00:05Z",
        "load": [0.5, 1.25, 2.0],
        "cores": 1,
        "memory_mb": {"total": 2048, "free": 512},
        "swap_mb": {"total": 0, "free": 0},
        "disks": [{"path": "/", "total_mb": 10240, "free_mb": 5120}],
    }
    assert report.measured_lines(machine) == {
        "Last run": "2026-11-27 13:00:05 UTC",
        "Load": "0.50, 1.25, 2.00 (the last minute, 5 and 15 minutes), on 1 core",
        "Memory": "0.5 of 2.0 GiB free",
        "Swap": "none",
        "Disk of /": "5.0 of 10.0 GiB free",
    }
