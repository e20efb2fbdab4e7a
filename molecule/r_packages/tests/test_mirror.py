"""One package comes from the distribution; of the other, the repository does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def test_the_distributions_package_loads(host: Host) -> None:
    assert host.run("Rscript -e 'library(iterators)'").succeeded
    assert host.package("r-cran-iterators").is_installed


def test_the_other_is_named_with_its_reason(component: Callable[..., Any]) -> None:
    record = component("r_packages")
    assert record["state"] == "ready"
    assert [*record["details"]["versions"]] == ["iterators"]
    assert "127.0.0.1:8099" in record["unavailable"]["standin"]


def test_the_profile_names_the_mirrors_in_their_order(host: Host) -> None:
    repositories = "http://127.0.0.1:8098 http://127.0.0.1:8099"
    assert host.check_output("Rscript -e 'cat(getOption(\"repos\"))'") == repositories
    assert host.check_output("Rscript -e 'cat(names(getOption(\"repos\")))'") == "CRAN CRAN2"
