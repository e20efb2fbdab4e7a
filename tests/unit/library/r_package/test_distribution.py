"""r_package with the distribution's packages, by a stand-in for apt."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.r import install

from tests.support import r as r_support
from tests.support.r import Run, StandInApt, entries, needs_r, options


def prefer(library: Path, repository: Path | str, *names: str, **more: Any) -> dict[str, Any]:
    return {**options(library, repository, *names), "distro": "prefer", **more}


@needs_r
def test_the_distributions_packages_go_first_also_for_what_others_need(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path
) -> None:
    apt.offer("labgood")
    apt.offer("labcxx", version="1:1.0+dfsg-2+b1")
    arguments = prefer(tmp_path / "library", every, "labcxx", "labneeds")
    predicted = run(check=True, diff=True, **arguments)
    assert {name: entry["source"] for name, entry in predicted["packages"].items()} == {
        "labcxx": "distribution",
        "labneeds": "repository",
    }
    assert apt.calls("apt-get") == []
    result = run(diff=True, **arguments)
    assert not result["failed"], result["msg"]
    assert result["diff"] == predicted["diff"]
    assert result["packages"]["labcxx"] == {"version": "1.0", "source": "distribution", "library": str(apt.site)}
    (call,) = apt.calls("apt-get")
    assert call.endswith("r-cran-labcxx r-cran-labgood"), "one transaction, with what labneeds needs"
    assert "--no-install-recommends" in call
    assert "Lock::Timeout" in call
    assert entries(tmp_path / "library") == ["labbase", "labneeds"]
    assert not run(**arguments)["changed"]
    assert apt.calls("apt-cache") == []


@needs_r
def test_the_distribution_must_be_new_enough(run: Run, apt: StandInApt, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    r_support.write(repository / "src/contrib", "labgood", "2.0")
    r_support.write(repository / "src/contrib", "labwants", Imports="labgood (>= 2.0)")
    r_support.index(repository)
    apt.offer("labgood")
    library = tmp_path / "library"
    result = run(**prefer(library, repository, "labwants"))
    assert apt.calls("apt-get") == []
    assert entries(library) == ["labgood", "labwants"]

    result = run(**prefer(library, repository, "labgood", version="1.0"))
    assert result["packages"]["labgood"] == {"version": "1.0", "source": "distribution", "library": str(apt.site)}
    assert entries(library) == ["labwants"], "the copy that would be found first is gone"

    result = run(check=True, **prefer(library, repository, "labgood", state="latest"))
    assert result["packages"]["labgood"]["version"] == "2.0"


@needs_r
def test_only_the_distribution(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt.offer("labgood", version="1.0.99~rc1-1")
    arguments = {**prefer(tmp_path / "library", every, "labgood", "labcxx"), "distro": "only"}
    result = run(**arguments)
    assert result["packages"]["labgood"]["version"] == "1.0", "as R has it"
    assert list(result["failures"]) == ["labcxx"]
    assert "distro: prefer" in result["failures"]["labcxx"]

    monkeypatch.setattr(install, "HOMES", ("/nowhere",))
    result = run(**{**arguments, "name": ["labcxx"]})
    assert "for this R" in result["failures"]["labcxx"]


@needs_r
def test_what_apt_cannot_install_comes_from_the_repository(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path, closed: str
) -> None:
    apt.offer("labgood")
    apt.offer("labbase", fails="E: Could not resolve 'deb.example.org'")
    apt.offer("labneeds", fails="E: r-cran-labneeds: the archive is damaged")
    arguments = prefer(tmp_path / "library", closed, "labgood", "labbase", "labneeds")
    result = run(**arguments)
    assert list(result["packages"]) == ["labgood"], result["msg"]
    assert list(result["unavailable"]) == ["labbase"], "out of reach both there and there"
    assert "deb.example.org" in result["unavailable"]["labbase"]
    assert "the archive is damaged" in result["failures"]["labneeds"]
    mended = run(**{**arguments, "repos": every.as_uri()})
    assert {name: entry["source"] for name, entry in mended["packages"].items()} == {
        "labgood": "present",
        "labbase": "repository",
        "labneeds": "repository",
    }


@needs_r
def test_what_then_comes_from_the_repository_has_its_needs_from_the_distribution(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path
) -> None:
    apt.offer("labgood")
    apt.offer("labbase")
    apt.offer("labneeds", fails="E: r-cran-labneeds: the archive is damaged")
    result = run(**prefer(tmp_path / "library", every, "labneeds"))
    assert result["packages"]["labneeds"]["source"] == "repository"
    assert entries(apt.site) == ["labbase", "labgood"]
    assert entries(tmp_path / "library") == ["labneeds"]


@needs_r
def test_apt_is_for_root(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt.offer("labgood")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = run(**prefer(tmp_path / "library", every, "labgood"))
    assert "become: true" in result["failures"]["labgood"]
    assert "distro: never" in result["failures"]["labgood"]
    assert apt.calls("apt-get") == []


@needs_r
def test_the_distributions_packages_are_removed_by_apt(
    run: Run, apt: StandInApt, every: Path, built: Path, library: Path
) -> None:
    for name in ("labgood", "labcxx"):
        shutil.copytree(built / name, apt.site / name)
    arguments = prefer(library, every, "labgood", "labcxx", state="absent")
    del arguments["library"]
    refused = run(**{**arguments, "distro": "never"})
    assert "r-cran-labcxx" in refused["failures"]["labcxx"]
    assert run(**arguments)["changed"]
    assert entries(apt.site) == []
    (call,) = apt.calls("apt-get")
    assert call.endswith("remove r-cran-labcxx r-cran-labgood")
    assert not run(**arguments)["changed"]


@needs_r
def test_what_others_need_by_now_is_left_to_them(
    run: Run, apt: StandInApt, every: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible.module_utils.labserver.record.FOLDER", str(tmp_path / "records"))
    apt.offer("labgood")
    apt.offer("labcxx")
    arguments = prefer(tmp_path / "library", every, "labgood", "labcxx", record="lab")
    assert not run(**arguments)["failed"]
    for name in ("labbase", "labneeds"):  # as what came with another package, and stays when that goes
        shutil.copytree(built / name, apt.site / name)
    apt.calls("apt-get")
    del arguments["library"]
    assert run(**arguments, state="absent")["changed"]
    assert "labcxx" not in entries(apt.site)
    assert "labgood" in entries(apt.site)
    assert "apt-mark auto r-cran-labgood" in apt.log.read_text().splitlines()


@needs_r
def test_package_lists_are_fetched_where_there_are_none(run: Run, apt: StandInApt, every: Path, tmp_path: Path) -> None:
    apt.offer("labgood")
    (tmp_path / "lists/archive_Packages.lz4").unlink()
    run(check=True, **prefer(tmp_path / "library", every, "labgood"))
    assert apt.calls("apt-get") == []
    run(**prefer(tmp_path / "library", every, "labgood"))
    update, install = apt.calls("apt-get")
    assert update.endswith("update")
    assert "install" in install
