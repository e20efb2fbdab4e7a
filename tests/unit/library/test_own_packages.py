"""Which packages a role has installed itself, and who would miss them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import RunModule

PROGRAMS = {
    "dpkg-query": 'cd "$HOST"; for name; do test ! -e "$name" || echo "installed $name"; done',
    "apt-get": 'cd "$HOST"; for name; do test ! -e "$name" || cat "$name"; done',
    "apt-mark": "for name; do case $name in r-cran-theirs) echo $name; esac; done",
}
Ask = Callable[[str], dict[str, Any]]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, each a file that says what its removal would remove."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "host").mkdir()
    for name, text in PROGRAMS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("HOST", str(tmp_path / "host"))
    return tmp_path / "host"


@pytest.fixture
def ask(tmp_path: Path, run_module: RunModule) -> Ask:
    def ask(state: str) -> dict[str, Any]:
        return run_module("own_packages", name="r_base", packages=["r-base-core", "r-base-dev"], state=state,
                          root=str(tmp_path))  # fmt: skip

    return ask


def test_what_the_role_installed_may_go(ask: Ask, host: Path) -> None:
    (host / "r-base-dev").touch()
    ask("present")
    (host / "r-base-core").write_text("Remv r-base-core\nRemv r-cran-automatic\n")
    ask("present")  # a second run, or one after a run that was killed, records nothing else
    found = ask("absent")
    assert (found["removable"], found["used_by"]) == (["r-base-core"], [])


def test_what_others_use_stays(ask: Ask, host: Path) -> None:
    ask("present")
    (host / "r-base-core").write_text("Remv r-base-core\nRemv r-cran-theirs\n")
    found = ask("absent")
    assert (found["removable"], found["used_by"]) == ([], ["r-cran-theirs"])


def test_nothing_is_ours_on_a_host_that_was_never_set_up(ask: Ask, host: Path) -> None:
    (host / "r-base-core").touch()
    assert ask("absent")["removable"] == []


def test_an_earlier_release_took_all_for_its_own(ask: Ask, host: Path, tmp_path: Path) -> None:
    (host / "r-base-core").touch()
    (tmp_path / "etc/ansible/facts.d").mkdir(parents=True)
    (tmp_path / "etc/ansible/facts.d/labserver_r_base.fact").touch()
    ask("present")
    assert ask("absent")["removable"] == ["r-base-core"]
