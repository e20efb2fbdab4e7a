"""review_set: the first review set that is available, and the one in use as long as it is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.reviews import sets

from tests.support.downloads import DATA, SHA
from tests.support.modules import Page, RunModule, Server


@pytest.fixture
def options(server: Server, tmp_path: Path) -> dict[str, Any]:
    described = {
        name: {"title": name.upper(), "file": f"{name}.json", "sources": [server.url(f"/{name}")]}
        for name in ("games", "movies")
    }
    return {"path": tmp_path, "names": ["games", "movies"], "sets": described, "mode": "0644"}


def test_the_first_that_is_available_and_no_other(
    run_module: RunModule, server: Server, options: dict[str, Any], tmp_path: Path
) -> None:
    server.pages["/games"], server.pages["/movies"] = Page(DATA), Page(DATA)
    foretold = run_module("review_set", check=True, **options)
    assert (foretold["name"], foretold["changed"], list(tmp_path.iterdir())) == ("games", True, [])
    result = run_module("review_set", **options)
    assert (result["name"], result["changed"], result["unavailable"]) == ("games", True, {})
    assert result["source"] == server.url("/games")
    assert not (tmp_path / "movies.json").exists()
    assert not run_module("review_set", **options)["changed"]


def test_a_set_out_of_reach_is_passed_over_and_the_one_in_use_stays(
    run_module: RunModule, server: Server, options: dict[str, Any]
) -> None:
    server.pages["/movies"] = Page(DATA)
    result = run_module("review_set", **options)
    assert result["name"] == "movies"
    assert "404" in result["unavailable"]["GAMES"]
    server.pages["/games"] = Page(DATA)
    server.requests.clear()
    again = run_module("review_set", in_use="movies", **options)
    assert (again["name"], again["changed"], again["unavailable"]) == ("movies", False, {})
    assert server.requests == []
    assert run_module("review_set", in_use="movies", **{**options, "names": ["games"]})["name"] == "games"


def test_that_none_is_available_is_no_error(run_module: RunModule, options: dict[str, Any]) -> None:
    result = run_module("review_set", **options)
    assert (result["failed"], result["name"], result["changed"]) == (False, "", False)
    assert list(result["unavailable"]) == ["GAMES", "MOVIES"]


def test_what_is_wrong_is_an_error_and_not_passed_over(
    run_module: RunModule, server: Server, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["/games"], server.pages["/movies"] = Page(b"other"), Page(DATA)
    options["sets"]["games"]["sha256"] = SHA
    assert "wrong checksum" in run_module("review_set", **options)["msg"]

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("a crash")

    monkeypatch.setattr(sets, "download", crash)
    with pytest.raises(RuntimeError, match="a crash"):
        run_module("review_set", **options)


def test_a_file_of_somebody_else_is_used_or_refused_and_never_replaced(
    run_module: RunModule, server: Server, options: dict[str, Any], tmp_path: Path
) -> None:
    server.pages["/games"] = Page(DATA)
    theirs = tmp_path / "games.json"
    theirs.write_text("their own games")
    options["sets"]["games"]["sha256"] = SHA
    for check in (True, False):
        message = run_module("review_set", check=check, **options)["msg"]
        assert f"{theirs} was not made here" in message
        assert "set review_data_path" in message
    del options["sets"]["games"]["sha256"]
    assert run_module("review_set", **options)["source"] == str(theirs)  # now it has a record
    (tmp_path / "link").symlink_to(tmp_path)
    assert not run_module("review_set", **{**options, "path": tmp_path / "link"})["fetched"]
    theirs.write_text("their own games, corrected")
    assert f"delete {theirs}.source.json" in run_module("review_set", **options)["msg"]
    options["sets"]["games"]["sha256"] = SHA
    assert "was not made here" in run_module("review_set", **options)["msg"]
    assert theirs.read_text() == "their own games, corrected"
    # A download of ours that was damaged since is fetched again
    theirs.unlink()
    assert run_module("review_set", **options)["source"] == server.url("/games")
    theirs.write_bytes(DATA[:-1])
    assert run_module("review_set", **options)["changed"]
    assert theirs.read_bytes() == DATA


def test_a_set_that_is_not_described_is_named(run_module: RunModule, options: dict[str, Any]) -> None:
    result = run_module("review_set", **{**options, "names": ["books"]})
    assert "books is asked for and not described" in result["msg"]
    assert "games, movies" in result["msg"]
    del options["sets"]["games"]["file"]
    assert "has no file" in run_module("review_set", **options)["msg"]


def test_the_python_of_the_environment_where_it_is_there(run_module: RunModule, options: dict[str, Any]) -> None:
    assert run_module("review_set", python="/no/python", **options)["python"] == sys.executable
    assert run_module("review_set", python="/bin/sh", **options)["python"] == "/bin/sh"
