"""A budget of the account, which tells by e-mail what the account costs.

Of the account and not of a project's tag: AWS counts by a tag only once somebody has activated it for cost allocation,
and an alarm that never comes is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import LabError
from .errors import ClientError, error_code
from .resources import PROJECT, TAG, Resource, new_resource, tags_of

PREFIX = "labserver-"
REGION, EMAIL = TAG + "region", TAG + "email"
_HOME = "us-east-1"  # Budgets are of no region; they are called there
_GONE, _THERE = "NotFoundException", "DuplicateRecordException"
_THRESHOLDS = (("ACTUAL", 80.0), ("FORECASTED", 100.0))  # percent


class Budgets:
    """The budgets of the account of these clients."""

    def __init__(self, clients: Any) -> None:
        """Ask for the account."""
        self._client = clients.client("budgets", _HOME)
        self._account = str(clients.client("sts").get_caller_identity()["Account"])

    def ensure(self, name: str, usd: float, tags: Mapping[str, str], *, check_mode: bool) -> bool:
        """Create the budget, or replace one of another limit or address; return whether anything was done."""
        try:
            found = self._client.describe_budget(AccountId=self._account, BudgetName=name)["Budget"]
        except ClientError as error:
            if error_code(error) != _GONE:
                raise
        else:
            known = self._tags(name)
            if known.get(PROJECT) != tags[PROJECT]:
                raise LabError(
                    f"the budget {name} is not ours: it lacks our tags, and is left alone. Remove it, or set"
                    " LABSERVER_PROJECT to another name"
                )
            if float(found["BudgetLimit"]["Amount"]) == usd and known.get(EMAIL) == tags[EMAIL]:
                return False
            if not check_mode:
                self.delete(name)
        if not check_mode:
            self._create(name, usd, tags)
        return True

    def _create(self, name: str, usd: float, tags: Mapping[str, str]) -> None:
        budget = {
            "BudgetName": name,
            "BudgetLimit": {"Amount": f"{usd:g}", "Unit": "USD"},
            "TimeUnit": "MONTHLY",
            "BudgetType": "COST",
        }
        notifications = [
            {
                "Notification": {
                    "NotificationType": kind,
                    "ComparisonOperator": "GREATER_THAN",
                    "Threshold": threshold,
                    "ThresholdType": "PERCENTAGE",
                },
                "Subscribers": [{"SubscriptionType": "EMAIL", "Address": tags[EMAIL]}],
            }
            for kind, threshold in _THRESHOLDS
        ]
        try:
            self._client.create_budget(
                AccountId=self._account,
                Budget=budget,
                NotificationsWithSubscribers=notifications,
                ResourceTags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        except ClientError as error:
            # The request was repeated, for its first answer was lost
            if error_code(error) != _THERE:
                raise

    def delete(self, name: str) -> None:
        """Delete a budget, if it is there."""
        try:
            self._client.delete_budget(AccountId=self._account, BudgetName=name)
        except ClientError as error:
            if error_code(error) != _GONE:
                raise

    def list(self, regions: Sequence[str], project: str | None, now: datetime) -> Iterator[Resource]:
        """Yield ours, that were made with machines of these regions."""
        for page in self._client.get_paginator("describe_budgets").paginate(AccountId=self._account):
            for budget in page.get("Budgets", []):
                name = budget["BudgetName"]
                tags = self._tags(name) if name.startswith(PREFIX) else {}
                if tags.get(REGION) in regions and tags.get(PROJECT, "") in (project or tags.get(PROJECT),):
                    yield new_resource("budget", name, tags[REGION], {**tags, "Name": name}, now)

    def _tags(self, name: str) -> dict[str, str]:
        arn = f"arn:aws:budgets::{self._account}:budget/{name}"
        answer = self._client.list_tags_for_resource(ResourceARN=arn)
        return tags_of({"Tags": answer.get("ResourceTags")})
