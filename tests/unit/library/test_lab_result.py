"""lab_result: which labs can run, which results are current, and what is published and removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import RunModule

LABS: dict[str, dict[str, list[Any]]] = {
    "forest": {"scripts": ["forest.R"], "data": ["wine.csv"], "requires": ["randomForest"], "suggests": ["tictoc"]},
    "boosting": {"scripts": ["boosting.R"], "requires_any": ["gbm", "xgboost"], "settings": [2]},
}
INPUTS: dict[str, Any] = {
    "packages": {"R": "4.5.0", "randomForest": "4.7", "xgboost": "1.7", "gbm": "2.1", "tictoc": "1.2"},
    "scripts": {"forest.R": "a1", "boosting.R": "b1"},
    "data": {"wine.csv": "c1"},
}


class Runner:
    """Runs the module in a folder, for the labs and inputs above unless told otherwise."""

    def __init__(self, path: Path, run_module: RunModule) -> None:
        self.path, self.run_module = path, run_module

    def __call__(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {"path": self.path, "labs": LABS, "inputs": INPUTS, **options}
        return self.run_module("lab_result", check=check, diff=True, **given)


@pytest.fixture
def run(tmp_path: Path, run_module: RunModule) -> Runner:
    return Runner(tmp_path, run_module)


@pytest.fixture
def published(run: Runner) -> Runner:
    """Publish the results of both labs."""
    for name in LABS:
        run(name=name, result=json.dumps({"lab": name, "plots": ["a plot"], "values": {"n": 1}}))
    return run


def inputs(**changes: dict[str, str]) -> dict[str, Any]:
    return {**INPUTS, **{key: {**INPUTS.get(key, {}), **values} for key, values in changes.items()}}


def without(*packages: str) -> dict[str, Any]:
    return {**INPUTS, "packages": {key: value for key, value in INPUTS["packages"].items() if key not in packages}}


def test_a_result_is_published_once_and_is_then_current(run: Runner) -> None:
    first = run()
    assert not first["changed"]
    assert (first["available"], first["outdated"], first["published"]) == (["forest", "boosting"],) * 2 + ({},)

    result = {"lab": "forest", "plots": ["a plot"], "values": {"n": 1}}
    predicted = run(check=True, name="forest", result=json.dumps(result))
    assert predicted["changed"]
    assert not (run.path / "forest.json").exists()
    done = run(name="forest", result=json.dumps(result))
    assert done["changed"]
    assert done["diff"] == predicted["diff"] == {"before": "", "after": f"forest {done['keys']['forest']}\n"}
    assert json.loads((run.path / "forest.json").read_text()) == {**result, "key": done["keys"]["forest"]}
    assert (run.path / "forest.json").stat().st_mode & 0o777 == 0o644

    again = run()
    assert (again["changed"], again["outdated"]) == (False, ["boosting"])
    assert again["summaries"]["forest"] == {"lab": "forest", "values": {"n": 1}, "key": done["keys"]["forest"]}
    assert again["published"]["forest"]["plots"] == ["a plot"]


@pytest.mark.parametrize(
    ("changes", "outdated"),
    [
        ({"scripts": {"forest.R": "a2"}}, ["forest"]),
        ({"data": {"wine.csv": "c2"}}, ["forest"]),
        ({"packages": {"randomForest": "4.8"}}, ["forest"]),
        ({"packages": {"tictoc": "1.3"}}, ["forest"]),
        ({"packages": {"gbm": "2.2"}}, ["boosting"]),
        ({"packages": {"R": "4.6.0"}}, ["forest", "boosting"]),
        ({"packages": {"other": "1.0"}, "scripts": {"other.R": "d1"}}, []),
    ],
)
def test_a_result_is_outdated_when_something_that_it_depends_on_changed(
    published: Runner, changes: dict[str, dict[str, str]], outdated: list[str]
) -> None:
    assert published(inputs=inputs(**changes))["outdated"] == outdated


def test_settings_count_and_a_suggested_package_that_appears(published: Runner) -> None:
    assert published(labs={**LABS, "boosting": {**LABS["boosting"], "settings": [3]}})["outdated"] == ["boosting"]
    assert published(inputs=without("tictoc"))["outdated"] == ["forest"]


def test_what_is_missing_is_named(published: Runner) -> None:
    found = published(inputs={**without("randomForest", "gbm", "tictoc"), "package_hint": "{} is missing"})
    assert found["available"] == found["outdated"] == ["boosting"]
    assert found["unavailable"] == {name: f"{name} is missing" for name in ("gbm", "tictoc")} | {
        "forest": "randomForest is missing"
    }
    found = published(inputs=without("gbm", "xgboost"))
    assert found["unavailable"]["boosting"] == "R has no package gbm or xgboost."
    found = published(inputs={**INPUTS, "data": {}, "missing_data": {"wine.csv": "no such server"}})
    assert found["unavailable"] == {"forest": "no such server"}
    assert list(found["published"]) == ["boosting"]


def test_obsolete_results_are_removed(published: Runner) -> None:
    options: dict[str, Any] = {"labs": {"boosting": LABS["boosting"]}, "remove": list(LABS)}
    predicted = published(check=True, **options)
    assert predicted["changed"]
    assert (published.path / "forest.json").exists()
    assert published(**options)["diff"] == predicted["diff"]
    assert [path.name for path in published.path.iterdir()] == ["boosting.json"]
    assert not published(**options)["changed"]


def test_a_torn_or_foreign_file_is_no_result(published: Runner) -> None:
    (published.path / "forest.json").write_text('{"key": ')
    (published.path / "boosting.json").write_text("[]")
    assert published()["outdated"] == ["forest", "boosting"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "forest", "result": "Killed"}, ["forest", "no JSON"]),
        ({"name": "forest", "result": "[1]"}, ["forest", "no JSON object"]),
        ({"name": "other", "result": "{}"}, ["other", "labs"]),
        ({"name": "forest"}, ["result"]),
        ({"labs": {"forest": {"needs": []}}}, ["forest", "requires"]),
        ({"labs": {"forest": {"data": "wine.csv"}}}, ["forest", "data", "list"]),
        ({"inputs": {**INPUTS, "scripts": {}}}, ["forest.R", "scripts"]),
    ],
)
def test_mistakes_are_named(run: Runner, options: dict[str, Any], words: list[str]) -> None:
    result = run(**options)
    assert result["failed"]
    for word in words:
        assert word in result["msg"]
    assert list(run.path.iterdir()) == []
