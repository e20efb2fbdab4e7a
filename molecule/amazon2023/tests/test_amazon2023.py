"""The finished server, on what Ansible takes for Amazon Linux 2023."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from testinfra.host import Host

R_PACKAGES = ("doMC", "foreach", "iterators", "doParallel", "randomForest", "bigmemory", "data.table")


def test_the_facts_are_those_of_amazon_linux(host: Host) -> None:
    facts = host.ansible("setup", "gather_subset=!all,min")["ansible_facts"]
    names = ("os_family", "distribution", "distribution_major_version", "pkg_mgr", "service_mgr")
    assert [facts[f"ansible_{name}"] for name in names] == ["RedHat", "Amazon", "2023", "dnf", "systemd"]


def test_no_role_could_lean_on_debians_tools(host: Host) -> None:
    tools = ("apt", "apt-get", "apt-cache", "dpkg", "dpkg-query", "apache2ctl")
    assert [tool for tool in tools if host.run("command -v %s", tool).succeeded] == []


def test_the_packages_came_by_dnf(host: Host) -> None:
    installed = set(host.check_output("rpm --query --all --queryformat '%{name}\n'").splitlines())
    assert installed >= {"gcc", "gcc-c++", "gcc-gfortran", "make", "git", "python3-devel"}
    assert installed >= {"python3.11", "python3.11-pip", "httpd", "R-core", "R-devel", "rstudio-server"}
    assert installed >= {f"R-{name}" for name in R_PACKAGES}
    # of the headers those that the repository offers, and of Apache no more than is asked for
    assert {name for name in installed if name.endswith("blas-devel") or name.startswith("lapack")} == {
        "openblas-devel", "lapack-devel",
    }  # fmt: skip
    assert "mod_ssl" not in installed


def test_httpd_serves_the_report_and_starts_at_boot(host: Host, fetch: Callable[..., Any]) -> None:
    httpd = host.service("httpd")
    assert httpd.is_running
    assert httpd.is_enabled
    report = json.loads(fetch("/report.json").text)
    ready = {record["name"] for record in report["components"] if record["state"] == "ready"}
    assert ready == {"build_deps", "python_venv", "httpd", "swap", "r_base", "r_packages", "rstudio_server", "r_labs"}
    assert fetch("/report.html").status == 200


def test_the_environment_runs_on_the_newer_python(host: Host) -> None:
    code = "import sys, gensim, sklearn; print(sys.version_info[:2], sys._base_executable)"
    assert host.check_output("/opt/labserver/venv/bin/python -c %s", code) == "(3, 11) /usr/bin/python3.11"


def test_the_swap_is_in_use(host: Host, swaps: dict[str, int]) -> None:
    path = str(host.ansible.get_variables()["swap_path"])
    assert swaps[path] == 64
    assert f"{path} none swap" in host.file("/etc/fstab").content_string


def test_any_user_loads_the_distributions_packages_of_r(host: Host) -> None:
    code = """
    for (name in commandArgs(TRUE)) suppressMessages(library(name, character.only = TRUE))
    registerDoMC(2)
    cat(getOption("repos")[["CRAN"]], length(unique(foreach(i = 1:2, .combine = c) %dopar% Sys.getpid())))
    """
    command = "runuser -u nobody -- env HOME=/tmp Rscript -e %s" + " %s" * len(R_PACKAGES)
    repository, processes = host.check_output(command, code, *R_PACKAGES).split()
    assert "/__linux__/manylinux_2_28/" in repository
    assert processes == "2"


def test_every_package_of_r_is_had_or_named_with_its_reason(component: Callable[..., Any]) -> None:
    record = component("r_packages")
    assert set(record["details"]["versions"]) >= set(R_PACKAGES)
    assert {*record["details"]["versions"], *record["unavailable"]} == {*R_PACKAGES, "gbm", "tictoc", "xgboost"}


def test_the_labs_have_run(fetch: Callable[..., Any]) -> None:
    assert set(json.loads(fetch("/labs/results.json").text)["labs"]) >= {"forest", "flights"}
