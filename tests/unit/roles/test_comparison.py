"""The filters of role comparison: who has a result, who has none and why, and when all is compared anew."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from tests.support.plugins import load_plugin

KEY = "0123456789abcdef" * 4
RESULT = f"/srv/vec2pca/{KEY}.json"


@pytest.fixture(scope="module")
def filters() -> ModuleType:
    return load_plugin("comparison/filter_plugins/comparison.py")


def facts(**details: Any) -> dict[str, Any]:
    given = {"command": "/bin/vec2pca", "input": "/srv/sample.txt", "result": RESULT, "seed": 1, **details}
    return {"labserver_vec2pca": {"details": {name: value for name, value in given.items() if value is not None}}}


def test_a_host_with_a_result_has_one_for_each_other_seed(filters: ModuleType) -> None:
    found = filters.comparison_analyses(facts(seed=2), [RESULT], "/srv/comparison", [2, 3, 3, 4])
    others = {seed: f"/srv/comparison/{KEY}.{seed}.json" for seed in ("3", "4")}
    assert found == {
        "command": "/bin/vec2pca",
        "input": "/srv/sample.txt",
        "results": [RESULT, *others.values()],
        "seeds": others,
    }
    assert filters.comparison_analyses(facts(), [RESULT], "/srv/comparison", [])["results"] == [RESULT]


@pytest.mark.parametrize(
    ("local_facts", "reason"),
    [
        ({}, "has no analysis: run playbooks/analysis.yml"),
        ({"labserver_review_data": {"state": "ready", "reason": ""}}, "has no analysis"),
        ({"labserver_review_data": {"state": "unavailable", "reason": "refused"}}, "no data set is available: refused"),
        (facts(input=None), "was analysed by an earlier version"),
        (facts(result="/srv/../etc/x.json"), "was analysed by an earlier version"),
        (facts(result=f"/srv/other/{KEY}.json"), f"its result /srv/other/{KEY}.json is not there any more"),
    ],
)
def test_a_host_without_one_has_a_reason(filters: ModuleType, local_facts: dict[str, Any], reason: str) -> None:
    found = filters.comparison_analyses(local_facts, [RESULT], "/srv/comparison", [2])
    assert found.keys() == {"missing"}
    assert reason in found["missing"]


def host(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "address": f"http://{name}/",
        "files": [],
        "results": [RESULT, f"/srv/c/{KEY}.2.json"],
        **more,
    }


def without(name: str) -> dict[str, Any]:
    return {"name": name, "address": "", "files": [], "missing": "has no analysis"}


def test_the_first_host_with_a_result_compares_all(filters: ModuleType) -> None:
    names = ["none", "a", "b", "down", "limited", "more"]
    plan = filters.comparison_plan(names, [without("none"), host("a"), host("b")], ["none", "a", "b", "down"], [])
    assert (plan["host"], plan["compared"], plan["outdated"]) == ("a", ["a", "b"], True)
    assert list(plan["hosts"]) == ["a", "b", "down", "limited", "more", "none"]
    assert plan["hosts"]["b"] == {"address": "http://b/", "results": [f"b/{KEY}.json", f"b/{KEY}.2.json"]}
    assert plan["hosts"]["down"] == {"address": "", "missing": "could not be reached, or failed in this run"}
    assert plan["notice"] == [
        "Not compared: down: could not be reached, or failed in this run",
        "Not compared: limited, more: left out of this run (--limit)",
        "Not compared: none: has no analysis",
    ]


def test_hosts_are_in_the_order_of_their_numbers_whatever_that_of_the_inventory(filters: ModuleType) -> None:
    plans = [
        filters.comparison_plan(names, [host(name) for name in names], names, [])
        for names in (["lab-10", "lab-2", "9"], ["9", "lab-2", "lab-10"])
    ]
    assert plans[0]["compared"] == ["9", "lab-2", "lab-10"]
    assert plans[0]["key"] == plans[1]["key"]


def test_what_is_made_is_not_made_again_until_something_changes(filters: ModuleType) -> None:
    key = filters.comparison_plan(["a", "b"], [host("a"), host("b")], ["a", "b"], ["--title=x"])["key"]
    made = [host("a", files=[f"{key}.html"]), host("b")]

    refused = filters.comparison_plan(
        ["a", "b"], [host("a", files=[f"{key}.txt"]), host("b")], ["a", "b"], ["--title=x"]
    )
    assert (refused["outdated"], refused["refused"]) == (False, True)

    def outdated(names: list[str], known: list[dict[str, Any]], arguments: list[str]) -> bool:
        return bool(filters.comparison_plan(names, known, ["a", "b", "c"], arguments)["outdated"])

    assert not outdated(["a", "b"], made, ["--title=x"])
    assert outdated(["a", "b"], made, ["--title=y"])
    assert outdated(["a", "b", "c"], made, ["--title=x"])
    assert outdated(["a", "b"], [made[0], host("b", address="http://new/")], ["--title=x"])
    assert outdated(["a", "b"], [made[0], host("b", results=["/srv/" + "f" * 64 + ".json"])], ["--title=x"])


@pytest.mark.parametrize(
    ("known", "notice"),
    [
        ([], "Nothing is compared: no host has a result"),
        ([host("b")], "Nothing is compared: only b has a result"),
    ],
)
def test_fewer_than_two_are_not_compared(filters: ModuleType, known: list[dict[str, Any]], notice: str) -> None:
    plan = filters.comparison_plan(["a", "b"], known, ["a", "b"], [])
    assert (plan["host"], plan["outdated"]) == ("", False)
    assert plan["notice"][0] == notice
    assert plan["notice"][1].startswith("Not compared: a")


def test_what_is_left_out_is_told_with_what_has_no_result(filters: ModuleType) -> None:
    plan = filters.comparison_plan(["a", "b", "c", "d"], [host("a"), host("b"), host("c"), without("d")], ["d"], [])
    left_out = [{"name": name, "reason": "other epochs"} for name in ("b", "c")] + [{"name": "d", "reason": "none"}]
    outcome = filters.comparison_outcome(json.dumps({"hosts": [{"name": "a"}], "left_out": left_out}), plan)
    assert outcome == {"compared": ["a"], "notice": ["Not compared: b, c: other epochs"]}
    assert filters.comparison_outcome("", plan) == {"compared": ["a", "b", "c"], "notice": []}
