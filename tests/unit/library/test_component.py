"""The record of a component: made, kept, changed, forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.modules import RunModule


def test_a_record_is_made_once(tmp_path: Path, run_module: RunModule) -> None:
    arguments: dict[str, Any] = {"name": "swap", "where": "/swap", "path": str(tmp_path / "facts.d")}
    assert run_module("component", **arguments)["changed"]
    assert not run_module("component", **arguments)["changed"]
    record = json.loads((tmp_path / "facts.d" / "labserver_swap.fact").read_text())
    assert (record["name"], record["state"], record["where"]) == ("swap", "ready", "/swap")


def test_a_change_is_shown_as_a_difference(tmp_path: Path, run_module: RunModule) -> None:
    run_module("component", name="swap", where="/old", path=str(tmp_path))
    result = run_module("component", name="swap", where="/new", path=str(tmp_path))
    assert "/old" in result["diff"]["before"]
    assert "/new" in result["diff"]["after"]


def test_what_stays_at_another_place_is_told(tmp_path: Path, run_module: RunModule) -> None:
    arguments: dict[str, Any] = {"name": "python_venv", "path": str(tmp_path), "stays": True}
    for where in ("/old", "/old", ""):
        assert "warnings" not in run_module("component", where=where, **arguments)
    run_module("component", where="/old", **arguments)
    result = run_module("component", where="/new", **arguments)
    assert "python_venv was at /old before" in str(result["warnings"])
    assert "--tags python_venv" in str(result["warnings"])


def test_another_spelling_is_the_same_place(tmp_path: Path, run_module: RunModule) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    arguments: dict[str, Any] = {"name": "python_venv", "path": str(tmp_path), "stays": True}
    for spelling in (tmp_path, f"{tmp_path}/", f"{tmp_path}//.", f"{tmp_path}/link"):
        assert "warnings" not in run_module("component", where=str(spelling), **arguments)


def test_a_removal_elsewhere_is_told_and_keeps_the_record(tmp_path: Path, run_module: RunModule) -> None:
    made = tmp_path / "venv"
    made.mkdir()
    arguments: dict[str, Any] = {"name": "python_venv", "path": str(tmp_path / "facts"), "stays": True}
    run_module("component", where=str(made), **arguments)
    result = run_module("component", where="/opt/other", state="absent", **arguments)
    assert not result["changed"]
    assert f"was at {made} before" in str(result["warnings"])
    assert (tmp_path / "facts" / "labserver_python_venv.fact").exists()
    made.rmdir()
    result = run_module("component", where="/opt/other", state="absent", **arguments)
    assert (result["changed"], result.get("warnings")) == (True, None)
    assert list((tmp_path / "facts").iterdir()) == []


def test_further_places_are_told_where_they_are_left(tmp_path: Path, run_module: RunModule) -> None:
    venv, results, other = tmp_path / "venv", tmp_path / "results", tmp_path / "other"
    arguments: dict[str, Any] = {"name": "lab", "path": str(tmp_path / "facts"), "where": "/lab/ of the site"}
    for folder in (venv, results, other):
        folder.mkdir()
    for places in ([venv, results], [venv, f"{results}/"]):
        assert "warnings" not in run_module("component", places=list(map(str, places)), **arguments)
    result = run_module("component", places=[str(other), str(results)], **arguments)
    assert f"lab was at {venv} before" in str(result["warnings"])
    # By a removal with other variables, until it is gone
    result = run_module("component", state="absent", places=[str(venv), str(results)], **arguments)
    assert (result["changed"], result["component"]["places"]) == (False, [str(other), str(results)])
    assert f"lab was at {other} before" in str(result["warnings"])
    other.rmdir()
    assert run_module("component", state="absent", places=[str(venv)], **arguments)["warnings"]  # the results
    results.rmdir()
    assert run_module("component", state="absent", places=[str(venv)], **arguments)["changed"]


def test_check_mode_writes_nothing(tmp_path: Path, run_module: RunModule) -> None:
    assert run_module("component", name="swap", check=True, path=str(tmp_path))["changed"]
    assert list(tmp_path.iterdir()) == []


def test_an_absent_component_is_forgotten(tmp_path: Path, run_module: RunModule) -> None:
    run_module("component", name="swap", path=str(tmp_path))
    assert run_module("component", name="swap", state="absent", path=str(tmp_path))["changed"]
    assert not run_module("component", name="swap", state="absent", path=str(tmp_path))["changed"]
    assert list(tmp_path.iterdir()) == []


def test_unavailable_needs_a_reason(tmp_path: Path, run_module: RunModule) -> None:
    result = run_module("component", name="swap", state="unavailable", path=str(tmp_path))
    assert result["failed"]
    assert "needs a reason" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_unavailable_is_recorded_before_it_is_an_error(tmp_path: Path, run_module: RunModule) -> None:
    given: dict[str, Any] = {"name": "swap", "state": "unavailable", "path": str(tmp_path)}
    given |= {"reason": "no room", "fix": "Set swap_path"}
    assert not run_module("component", **given).get("failed")
    result = run_module("component", **given, strict=True)
    assert result["failed"]
    assert result["msg"].startswith("swap is unavailable: no room. Set swap_path. To have it reported only")
    assert json.loads((tmp_path / "labserver_swap.fact").read_text())["state"] == "unavailable"


def test_parts_that_are_unavailable_are_errors_where_nothing_may_be_missing(
    tmp_path: Path, run_module: RunModule
) -> None:
    result = run_module("component", name="r", unavailable={"gbm": "out of reach"}, strict=True, path=str(tmp_path))
    assert result["failed"]
    assert "gbm: out of reach" in result["msg"]
    assert not run_module("component", name="r", strict=True, path=str(tmp_path)).get("failed")


def test_no_secret_of_an_address_is_recorded(tmp_path: Path, run_module: RunModule) -> None:
    """The report shows it to everybody: a mirror of R with a password, files of a cluster by presigned addresses."""
    details: dict[str, Any] = {
        "inputs": ["https://host/a.gz?X-Amz-Signature=geheim", "s3://bucket/a?b", "/data/a?.gz", "reviews/*.gz"],
        "repository": "https://user:geheim@mirror/cran, https://cloud.r-project.org",
        "cores": 2,
    }
    run_module("component", name="a", path=str(tmp_path), details=details, reason="http://u:geheim@h/: what? no")
    text = (tmp_path / "labserver_a.fact").read_text()
    assert "geheim" not in text
    record = json.loads(text)
    assert record["details"] == {
        "inputs": ["https://host/a.gz?X-Amz-Signature=***", "s3://bucket/a?b", "/data/a?.gz", "reviews/*.gz"],
        "repository": "https://***@mirror/cran, https://cloud.r-project.org",
        "cores": 2,
    }
    assert record["reason"] == "http://***@h/: what? no"
