"""analysis_info: what is missing names the role to run first, and what is not ours is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.labserver import analysis

if TYPE_CHECKING:
    from tests.support.modules import RunModule

OURS = '<html>\n<meta name="generator" content="vec2pca 0.4.0">\n'


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A host on which all is there."""
    monkeypatch.setattr(analysis, "NLTK_FOLDERS", ())
    monkeypatch.setattr(analysis, "DISTRIBUTION_PAGES", (tmp_path / "default.html",))
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("venv/bin", "nltk/tokenizers/punkt_tab/english", "html"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "uv").write_text("")
    (tmp_path / "sample.txt").write_text("good game\n")
    (tmp_path / "default.html").write_text("It works!")
    return {
        "venv": str(tmp_path / "venv"),
        "command": str(tmp_path / "vec2pca"),
        "page": str(tmp_path / "html" / "index.html"),
        "input": str(tmp_path / "sample.txt"),
        "nltk_data": str(tmp_path / "nltk"),
    }


def test_a_host_that_has_all_of_it(run_module: RunModule, options: dict[str, Any], tmp_path: Path) -> None:
    result = run_module("analysis_info", **options)
    checksum = hashlib.sha1(b"good game\n", usedforsecurity=False).hexdigest()
    assert (result["failed"], result["changed"]) == (False, False)
    assert (result["checksum"], result["ours"]) == (checksum, [])
    page = Path(options["page"])
    for text in ("It works!", "<p>No analysis has been published here yet.</p>", OURS):
        page.write_text(text)
        result = run_module("analysis_info", **options)
        assert (result["failed"], result["ours"]) == (False, [str(page)] if text == OURS else [])
    Path(options["command"]).symlink_to(tmp_path / "venv" / "bin" / "vec2pca")
    assert run_module("analysis_info", **options)["ours"] == [str(page), options["command"]]


@pytest.mark.parametrize(
    ("gone", "role"),
    [
        ("venv/bin/uv", "python_venv"),
        ("nltk/tokenizers/punkt_tab/english", "nltk_punkt"),
        ("sample.txt", "review_data"),
        ("html", "httpd"),
    ],
)
def test_what_is_missing_names_the_role(
    run_module: RunModule, options: dict[str, Any], tmp_path: Path, gone: str, role: str
) -> None:
    (tmp_path / gone).rename(tmp_path / "away")
    result = run_module("analysis_info", **options)
    assert result["failed"]
    assert f"Run the role {role} first (--tags {role},vec2pca)" in result["msg"]
    assert "set vec2pca_" in result["msg"]
    assert not run_module("analysis_info", check=True, **options)["failed"]  # on a fresh host


def test_what_is_not_ours_is_refused(run_module: RunModule, options: dict[str, Any], tmp_path: Path) -> None:
    page, command = Path(options["page"]), Path(options["command"])
    page.write_text("<h1>My wiki, made with vec2pca</h1>")
    result = run_module("analysis_info", **options)
    assert result["failed"]
    assert f"{page} is a page that was not made here" in result["msg"]
    assert "set vec2pca_page" in result["msg"]
    page.unlink()
    page.symlink_to(tmp_path / "sample.txt")
    assert run_module("analysis_info", **options)["failed"]
    page.unlink()
    page.mkdir()
    assert run_module("analysis_info", **options)["failed"]
    page.rmdir()
    command.write_text("#!/bin/sh")
    assert "set vec2pca_command" in run_module("analysis_info", **options)["msg"]
    command.unlink()
    other = tmp_path / "other" / "bin" / "vec2pca"
    other.parent.mkdir(parents=True)
    other.write_text("")
    command.symlink_to(other)
    assert "set vec2pca_command" in run_module("analysis_info", **options)["msg"]
    (tmp_path / "other" / ".labserver").write_text("")  # where an earlier run had the environment
    assert run_module("analysis_info", **options)["ours"] == [str(command)]
