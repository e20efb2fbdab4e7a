"""What the repository has is installed once it answers, and once the mistake is mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host


@pytest.mark.parametrize("name", ["standin", "standin.compiled"])
def test_it_is_installed_and_works(host: Host, name: str) -> None:
    assert host.check_output("Rscript -e %s", f"cat({name}::seven())") == "7"


def test_the_good_one_was_installed_beside_the_bad_one(host: Host) -> None:
    # version 1.1 of both came later, when only the bad one was still missing
    assert host.check_output("Rscript -e %s", 'cat(paste(packageVersion("standin")))') == "1.0"


def test_nothing_is_missing_any_more(component: Callable[..., Any]) -> None:
    record = component("r_packages")
    assert record["unavailable"] == {}
    assert {*record["details"]["versions"]} == {"standin", "standin.compiled"}
