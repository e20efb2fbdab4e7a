"""r_package with what is in the distribution's sources only, by a stand-in for apt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver import record

from tests.support.r import CXX, Run, StandInApt, answer, entries, needs_r, options

CODE = 'answer <- function() .Call("length_of", "four", PACKAGE = "labcxx")\n'
MAKEVARS = "OBJECTS = ../../../core/length.o\n"  # beside the package


def arguments(library: Path, repository: Path | str, **more: Any) -> dict[str, Any]:
    described = {"name": "labcxx", "source": "engine", "folder": "bindings/R", "makevars": MAKEVARS, **more}
    described.setdefault("dependencies", "labgood (>= 1.0)")
    return {**options(library, repository, "labcxx"), "distro": "prefer", "distribution_sources": [described]}


@pytest.fixture
def engine(apt: StandInApt) -> Path:
    """Return the tree of a source whose package of R is half of it, and asks for the other half to be compiled."""
    parts = {"Imports": "labgood (>= 1.0)", "configure": "#!/bin/sh\nexit 1\n", "src/none.txt": "", "R/": CODE}
    tree = apt.offer_source("engine", "labcxx", "bindings/R", **parts)
    (tree / "core").mkdir()
    (tree / "core/length.cpp").write_text(CXX)
    return tree


@needs_r
@pytest.mark.usefixtures("engine")
def test_a_source_is_the_last_resort(
    run: Run, apt: StandInApt, tmp_path: Path, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "FOLDER", str(tmp_path / "records"))
    apt.offer("labgood")
    library = tmp_path / "library"
    asked = {**arguments(library, closed), "record": "lab"}
    predicted = run(check=True, diff=True, **asked)
    assert predicted["packages"]["labcxx"] == {"version": "1.0", "source": "source", "library": str(library)}
    assert entries(library) == []
    result = run(diff=True, **asked)
    assert not result["failed"], result["msg"]
    assert result["packages"] == predicted["packages"]
    assert result["diff"] == predicted["diff"]
    assert answer(library, "labcxx") == "4"
    assert entries(apt.site) == ["labgood"], "what it needs comes from where it is"
    assert entries(tmp_path / "tmp") == []
    apt.calls("apt-get")
    assert not run(**asked)["changed"]
    assert apt.calls("apt-get") == [], "nothing is fetched again"

    removed = run(**{**asked, "state": "absent"})
    assert not removed["failed"], removed["msg"]
    assert entries(library) == []


@needs_r
@pytest.mark.usefixtures("engine")
def test_no_source_is_looked_for_where_a_repository_has_the_package(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path
) -> None:
    result = run(**arguments(tmp_path / "library", every))
    assert result["packages"]["labcxx"]["source"] == "repository"
    assert apt.calls("apt-get") == []


@needs_r
@pytest.mark.usefixtures("engine")
def test_what_is_wrong_with_a_source_is_told(run: Run, apt: StandInApt, tmp_path: Path, closed: str) -> None:
    apt.offer("labgood")
    library = tmp_path / "library"

    def reason(kind: str, **more: Any) -> str:
        return str(run(**arguments(library, closed, **more))[kind]["labcxx"])

    assert "correct `folder`" in reason("failures", folder="core")
    assert "length_is_missing" in reason("failures", makevars="OBJECTS = length_is_missing.o\n")
    assert "no source package nowhere" in reason("failures", source="nowhere")
    (apt.offered / "update").write_text("Err: Could not resolve 'deb.example.org'\n")
    away = reason("unavailable", source="nowhere")
    assert "deb.example.org" in away
    assert closed in away
    assert entries(library) == []


@needs_r
def test_a_folder_is_within_its_source(run: Run, tmp_path: Path, closed: str) -> None:
    for wrong in ({"folder": "../R"}, {"folder": "/R"}, {"source": "--help"}):
        assert "distribution_sources" in run(**arguments(tmp_path / "library", closed, **wrong))["msg"]
