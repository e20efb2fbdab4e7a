"""What the repository has is installed once it answers, and once the mistake is mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host


@pytest.mark.parametrize("name", ["standin", "standin.compiled", "standin.source"])
def test_it_is_installed_and_works(host: Host, name: str) -> None:
    assert host.check_output("Rscript -e %s", f"cat({name}::seven())") == "7"


def test_the_good_one_was_installed_beside_the_bad_one(host: Host) -> None:
    # version 1.1 of both came later, when only the bad one was still missing
    assert host.check_output("Rscript -e %s", 'cat(paste(packageVersion("standin")))') == "1.0"


def test_nothing_is_missing_any_more(component: Callable[..., Any]) -> None:
    record = component("r_packages")
    assert record["unavailable"] == {}
    assert {*record["details"]["versions"]} == {"standin", "standin.compiled", "standin.source"}


def test_one_was_compiled_from_a_source_of_debian(host: Host) -> None:
    assert host.check_output("Rscript -e %s", 'cat(paste(packageVersion("standin.source")))') == "1.0.1"
    assert host.package("hello").is_installed


def test_what_apt_has_is_as_it_was(host: Host) -> None:
    assert host.check_output("find /var/lib/apt/lists -name '*Sources*'") == ""
    assert host.run("grep --recursive deb-src /etc/apt").rc == 1
