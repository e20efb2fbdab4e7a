"""r_package: versions, removal, and wrong options."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import r as r_support
from tests.support.r import Run, answer, entries, needs_r, options


@needs_r
def test_versions(run: Run, tmp_path: Path, library: Path) -> None:
    repository = tmp_path / "repository"
    contrib = repository / "src/contrib"
    (contrib / "Archive/labgood").mkdir(parents=True)
    r_support.write(contrib, "labgood", "2.0-1")
    r_support.write(contrib, "labnewer", "1.0")
    r_support.write(contrib, "labnewer", "2.0", Depends="R (>= 99)")
    r_support.index(repository)
    r_support.write(contrib / "Archive/labgood", "labgood", "0.9", Imports="labnewer")
    arguments = options(library, repository, "labgood")
    assert not run(**arguments)["changed"], "present leaves what loads"

    latest = run(diff=True, state="latest", **arguments)
    assert latest["packages"]["labgood"]["version"] == "2.0-1"
    assert latest["diff"] == {"before": "labgood 1.0\n", "after": "labgood 2.0-1\n"}
    assert not run(state="latest", **arguments)["changed"]
    assert not run(version="2.0.1", **arguments)["changed"], "R takes - and . for the same"

    predicted = run(check=True, version="0.9", **arguments)
    assert predicted["packages"]["labgood"]["version"] == "0.9"
    archived = run(version="0.9", **arguments)
    assert archived["packages"]["labgood"]["version"] == "0.9"
    assert "labnewer" in entries(library), "what the archived version needs is read from its archive"
    assert run(**options(library, repository, "labnewer"))["packages"]["labnewer"]["version"] == "1.0"

    lacking = run(version="7.7", **arguments)
    assert "version conflict" in lacking["failures"]["labgood"]
    assert "2.0-1" in lacking["failures"]["labgood"]
    older = run(version="2.0", **options(library, repository, "labnewer"))
    assert "needs R (>= 99)" in older["failures"]["labnewer"]


@needs_r
def test_a_version_that_fails_leaves_the_old_one(run: Run, tmp_path: Path, library: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    r_support.write(repository / "src/contrib", "labgood", "2.0", **r_support.PACKAGES["labcompile"])
    r_support.index(repository)
    result = run(state="latest", **options(library, repository, "labgood"))
    assert "undeclared_thing" in result["failures"]["labgood"]
    assert not result["changed"]
    assert answer(library, "labgood") == "42"


@needs_r
def test_removal(run: Run, library: Path, every: Path, built: Path) -> None:
    shutil.copytree(built / "labneeds", library / "labneeds")
    (library / "labhalf").mkdir()  # what an R that was killed left of a package
    arguments = options(library, every, "labgood", state="absent")
    result = run(**arguments)
    assert result["failed"]
    assert "labneeds" in result["failures"]["labgood"]
    assert "name" in result["failures"]["labgood"]
    assert (library / "labgood").is_dir()

    arguments["name"] = ["labgood", "labneeds", "labhalf", "labnever"]
    predicted = run(check=True, diff=True, **arguments)
    assert predicted["changed"]
    assert (library / "labgood").is_dir()
    result = run(diff=True, **arguments)
    assert result["changed"]
    assert result["diff"] == predicted["diff"]
    assert result["diff"]["after"] == ""
    assert "labgood 1.0" in result["diff"]["before"]
    assert entries(library) == ["labbase"]
    assert not run(**arguments)["changed"]

    assert "part of R" in run(**options(library, every, "stats", state="absent"))["failures"]["stats"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ["lab good"]}, ["lab good", "name"]),
        ({"name": ["labgood", "r-lib/lab"]}, ["r-lib/lab", "name"]),
        ({"name": ["lab'); q('"]}, ["invalid package name"]),
        ({"name": ["labgood", "labbase"], "version": "1.0"}, ["version", "one package"]),
        ({"name": ["labgood"], "version": "new"}, ["version", "1.7.11.1"]),
        ({"name": ["labgood"], "version": "1.0", "state": "latest"}, ["version", "state: present"]),
        ({"name": ["labgood"], "repos": "cran.example.org"}, ["repos", "cran.example.org", "https://"]),
        ({"name": ["labgood"], "repos": "ftp://me:secret@x"}, ["repos", "***@x"]),
        ({"name": ["labgood"], "repos": [1]}, ["repos", "mapping"]),
        ({"name": ["labgood"], "library": "/a:b"}, ["library", "/a:b"]),
        ({"name": ["labgood"], "timeout": 0}, ["timeout"]),
        ({"name": []}, ["name"]),
    ],
)
def test_wrong_options_are_named(run: Run, options: dict[str, Any], words: list[str]) -> None:
    result = run(**options)
    assert result["failed"]
    for word in words:
        assert word in result["msg"]
    assert "secret" not in result["msg"]


@needs_r
def test_a_library_that_cannot_be_made(run: Run, every: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run(**options(tmp_path / "file/library", every, "labgood"))
    assert str(tmp_path / "file/library") in result["msg"]
    assert "set `library`" in result["msg"]


def test_without_r(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("ansible.module_utils.common.process.get_bin_path", no_program)
    result = run(name=["labgood"])
    assert result["failed"]
    assert "r_base" in result["msg"]
    predicted = run(check=True, name=["labgood"])
    assert predicted["changed"]
    assert "not there yet" in str(predicted["warnings"])
    assert list(predicted["packages"]) == ["labgood"]
    assert not run(name=["labgood"], state="absent")["changed"]
    result = run(name=["labgood"], r=str(tmp_path / "R"))
    assert str(tmp_path / "R") in result["msg"]
    assert "correct `r`" in result["msg"]


def no_program(name: str, *_: object, **__: object) -> str:
    raise ValueError(f"no {name}")


@needs_r
def test_rscript_will_do(run: Run, every: Path, library: Path) -> None:
    result = run(check=True, r=shutil.which("Rscript"), **options(library, every, "labneeds"))
    assert result["packages"]["labneeds"]["source"] == "repository"


@needs_r
def test_the_removal_by_record_takes_what_the_module_installed(
    run: Run, tmp_path: Path, library: Path, every: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """labgood and its labbase are someone's; labneeds is ours."""
    record = tmp_path / "record" / "record.json"
    monkeypatch.setattr("ansible.module_utils.labserver.record.FOLDER", str(record.parent))
    arguments = {**options(library, every, "labgood", "labneeds"), "record": "record"}
    assert run(**arguments)["changed"]
    assert json.loads(record.read_text()) == {"installed": ["labneeds"]}
    assert record.stat().st_mode & 0o777 == 0o644
    assert not run(**arguments)["changed"]
    removed = run(state="absent", library=str(library), name=["labgood", "labneeds"], record="record", distro="never")
    assert removed["changed"]
    assert {*entries(library)} >= {"labgood", "labbase"}
    assert "labneeds" not in entries(library)
    assert not record.exists()
    again = run(state="absent", library=str(library), name=["labgood", "labneeds"], record="record", distro="never")
    assert not again["changed"]
    assert "labgood" in entries(library)
