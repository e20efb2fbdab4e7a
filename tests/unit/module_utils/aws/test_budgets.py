"""The budget of the account: made once, replaced, and found by name and tags."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible.module_utils.labserver.aws.budgets import Budgets
from ansible.module_utils.labserver.errors import LabError
from botocore.exceptions import ClientError

HERE, NAME = "us-west-2", "labserver-lab-us-west-2"
TAGS = {"labserver:project": "lab", "labserver:region": HERE, "labserver:email": "ada@example.org"}


class Account:
    """Stands for the clients and for AWS behind them: budgets by name, each with its limit and tags."""

    def __init__(self) -> None:
        self.budgets: dict[str, tuple[str, list[dict[str, str]]]] = {}
        self.lose_answer = False

    def client(self, _service: str, _region: str = "") -> Account:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012"}

    def get_paginator(self, _name: str) -> Account:
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Budgets": [{"BudgetName": name} for name in self.budgets]}, {}]

    def _known(self, name: str) -> tuple[str, list[dict[str, str]]]:
        if name not in self.budgets:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": name}}, "DescribeBudget")
        return self.budgets[name]

    def describe_budget(self, BudgetName: str, **_: str) -> dict[str, Any]:  # noqa: N803
        return {"Budget": {"BudgetLimit": {"Amount": self._known(BudgetName)[0]}}}

    def list_tags_for_resource(self, ResourceARN: str) -> dict[str, Any]:  # noqa: N803
        return {"ResourceTags": self._known(ResourceARN.rpartition("/")[2])[1]}

    def create_budget(self, Budget: dict[str, Any], ResourceTags: list[dict[str, str]], **_: Any) -> None:  # noqa: N803
        there = Budget["BudgetName"] in self.budgets
        self.budgets[Budget["BudgetName"]] = (Budget["BudgetLimit"]["Amount"], ResourceTags)
        if there or self.lose_answer:  # the request is repeated by botocore, and then refused
            raise ClientError({"Error": {"Code": "DuplicateRecordException", "Message": "there"}}, "CreateBudget")

    def delete_budget(self, BudgetName: str, **_: str) -> None:  # noqa: N803
        self._known(BudgetName)
        del self.budgets[BudgetName]


def names(account: Account, project: str | None = None, regions: tuple[str, ...] = (HERE,)) -> list[str]:
    return [one["id"] for one in Budgets(account).list(regions, project, datetime.now(UTC))]


def test_it_is_made_once_and_replaced_where_it_differs() -> None:
    account = Account()
    assert Budgets(account).ensure(NAME, 20, TAGS, check_mode=True)
    assert account.budgets == {}
    assert Budgets(account).ensure(NAME, 20, TAGS, check_mode=False)
    assert not Budgets(account).ensure(NAME, 20, TAGS, check_mode=False)
    other = {**TAGS, "labserver:email": "bob@example.org"}
    for usd, tags in ((30.5, TAGS), (30.5, other)):
        assert Budgets(account).ensure(NAME, usd, tags, check_mode=True)
        assert Budgets(account).ensure(NAME, usd, tags, check_mode=False)
        assert not Budgets(account).ensure(NAME, usd, tags, check_mode=False)
    assert account.budgets[NAME][0] == "30.5"
    for _ in "12":
        Budgets(account).delete(NAME)
    assert account.budgets == {}


def test_an_answer_that_was_lost_is_no_failure() -> None:
    account = Account()
    account.lose_answer = True
    assert Budgets(account).ensure(NAME, 20, TAGS, check_mode=False)
    assert NAME in account.budgets


def test_ours_are_found_by_name_and_tags() -> None:
    account = Account()
    Budgets(account).ensure(NAME, 20, TAGS, check_mode=False)
    account.budgets["theirs"] = account.budgets["labserver-theirs"] = ("1", [])
    assert names(account) == names(account, "lab") == [NAME]
    assert names(account, "lab2") == names(account, regions=("eu-west-1",)) == []


def test_one_of_the_name_that_is_not_ours_is_left_alone() -> None:
    account = Account()
    account.budgets[NAME] = ("1", [])
    with pytest.raises(LabError, match="is not ours"):
        Budgets(account).ensure(NAME, 20, TAGS, check_mode=False)
    assert account.budgets[NAME] == ("1", [])
