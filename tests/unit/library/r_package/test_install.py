"""r_package installs packages, and names the cause of each that fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import r as r_support
from tests.support.r import GOOD, Run, answer, entries, needs_r, options


@needs_r
def test_packages_are_compiled_and_installed_with_what_they_need_once(run: Run, every: Path, tmp_path: Path) -> None:
    arguments = options(tmp_path / "new" / "library", every, *GOOD)
    predicted = run(check=True, diff=True, **arguments)
    assert predicted["changed"]
    assert predicted["packages"]["labcxx"] == {
        "version": "1.0",
        "source": "repository",
        "library": str(tmp_path / "new/library"),
    }
    assert not (tmp_path / "new").exists()

    result = run(diff=True, **arguments)
    assert result["changed"]
    assert (result["failures"], result["unavailable"]) == ({}, {})
    assert {name: entry["source"] for name, entry in result["packages"].items()} == dict.fromkeys(GOOD, "repository")
    assert result["diff"] == predicted["diff"]
    assert "labbase 1.0" in result["diff"]["after"], "what others need is shown too"
    library = tmp_path / "new/library"
    assert entries(library) == sorted(["labbase", *GOOD])
    assert [answer(library, name) for name in ("labneeds", "labcxx", "labfortran")] == ["42", "3", "42"]
    assert entries(tmp_path / "tmp") == []

    again = run(diff=True, **options(library, "http://127.0.0.1:9", *GOOD, "stats"))
    assert not again["changed"], "what loads needs no repository"
    assert {entry["source"] for entry in again["packages"].values()} == {"present"}
    assert again["diff"]["before"] == again["diff"]["after"]


@needs_r
def test_what_can_be_had_is_installed_and_each_failure_names_its_cause(run: Run, every: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(every, repository)
    expected = {
        "labcompile": ["does not compile", "undeclared_thing", "version"],
        "lababove": ["needs labcompile", "undeclared_thing"],
        "labheader": ["no_such_library.h", "libnosuch (>= 2)", "-dev"],
        "labload": ["does not load", "the moon is not full"],
        "labnewer": ["needs R (>= 99.0)", "this is R", "version"],
        "labdangling": ["needs labnowhere", "unknown package", "repos"],
        "labconflict": ["version conflict", "labgood (>= 9.0)", "1.0"],
        "LabGood": ["unknown package", "did you mean labgood?"],
        "nosuchpackage": ["unknown package", "spelling", repository.as_uri()],
    }
    library = tmp_path / "library"
    arguments = options(library, repository, "labgood", *expected, "labbase")
    result = run(**arguments)
    assert result["failed"]
    assert result["changed"]
    assert list(result["packages"]) == ["labgood", "labbase"]
    assert result["unavailable"] == {}
    assert set(result["failures"]) == set(expected)
    for name, words in expected.items():
        assert f"{name}: " in result["msg"]
        for word in words:
            assert word in result["failures"][name]
    assert "wrong.c" in result["log"]
    assert entries(library) == ["labbase", "labgood"]
    assert entries(tmp_path / "tmp") == []

    for name in ("labcompile", "labheader", "labload", "labnewer", "labnowhere", "LabGood", "nosuchpackage"):
        r_support.write(repository / "src/contrib", name, "1.1")
    r_support.write(repository / "src/contrib", "labgood", "9.0")
    r_support.index(repository)
    mended = run(**arguments)
    assert not mended["failed"]
    assert mended["packages"]["labcompile"]["version"] == "1.1"
    assert mended["packages"]["labgood"]["version"] == "9.0", "labconflict asks for it"
    assert not run(**arguments)["changed"]


@needs_r
def test_a_full_disk_is_named(run: Run, every: Path, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((1 << 20) - (48 << 10)))
    arguments = options(small_disk / "library", every, "labplain", "labmore")
    result = run(**arguments)
    assert result["failed"]
    assert result["unavailable"] == {}
    assert "labplain" in result["failures"]
    for word in ("no room left", f"file system {small_disk} ", "library"):
        assert word in result["failures"]["labplain"]
    assert not (small_disk / "library/labplain").exists()

    ballast.unlink()
    assert not run(**arguments)["failed"]
    assert answer(small_disk / "library", "labplain") == "42"


@needs_r
def test_a_full_disk_of_temporary_files_is_named(
    run: Run, every: Path, library: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(small_disk))
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((1 << 20) - (48 << 10)))
    result = run(**options(library, every, "labplain"))
    assert result["failed"]
    assert str(small_disk) in result["msg"]
    assert "TMPDIR" in result["msg"]
    ballast.unlink()
    assert not run(**options(library, every, "labplain"))["failed"]


@needs_r
def test_a_package_that_takes_r_down_is_named(run: Run, tmp_path: Path, library: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    quits = (
        "answer <- function() 42\n.onLoad <- function(...) if (!nzchar(Sys.getenv('R_INSTALLING'))) quit(status = 3)\n"
    )
    r_support.write(repository / "src/contrib", "labquits", **{"R/": quits, "StagedInstall": "no"})
    r_support.index(repository)
    environment = {**os.environ, "R_INSTALLING": "yes"}
    archive = repository / "src/contrib/labquits_1.0.tar.gz"
    command = ["R", "CMD", "INSTALL", f"--library={library}", str(archive)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    result = run(**options(library, repository, "labgood", "labquits"))
    assert "labquits" in result["failures"]
    assert list(result["packages"]) == ["labgood"], result["msg"]

    r_support.write(repository / "src/contrib", "labquits")
    assert not run(**options(library, repository, "labgood", "labquits"))["failed"]


@needs_r
def test_all_cores_compile_unless_the_environment_says_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    r_support.write(repository / "src/contrib", "labcores", configure='#!/bin/sh\necho "$MAKEFLAGS"\n')
    r_support.index(repository)
    cores = len(os.sched_getaffinity(0))
    assert f"-j{cores}" in run(**options(tmp_path / "one", repository, "labcores"))["log"]
    monkeypatch.setenv("MAKEFLAGS", "-j7")
    assert "-j7" in run(**options(tmp_path / "two", repository, "labcores"))["log"]
