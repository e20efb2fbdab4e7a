"""After the removal neither R nor what was set for it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def test_r_is_gone_with_its_packages(host: Host) -> None:
    assert not host.exists("R")
    assert not host.package("r-cran-iterators").is_installed
    for name in ("standin", "standin.source"):
        assert not host.file(f"/usr/local/lib/R/site-library/{name}").exists
    assert not host.package("hello").is_installed, "it was there to compile another"


def test_the_profile_is_what_it_was(host: Host) -> None:
    for name in ("Rprofile.site", "Renviron.site"):
        assert "r_base" not in host.file(f"/etc/R/{name}").content_string


def test_nothing_is_reported(component: Callable[..., Any]) -> None:
    assert component("r_packages") == component("r_base") == {}
