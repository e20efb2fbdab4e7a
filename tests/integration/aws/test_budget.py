"""A budget of the account on request.

What moto cannot show: what an account costs, and the e-mails.
"""

from __future__ import annotations

import pytest

from tests.integration.aws.cloud import ACCOUNT, Cloud, Project


# Made, changed and removed at every change by test_policy.py, with all the rest
@pytest.mark.full
def test_a_budget_lives_as_long_as_the_project(cloud: Cloud, project: Project) -> None:
    theirs = {"BudgetName": "theirs", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    limit = {"Amount": "5", "Unit": "USD"}
    cloud.budgets.create_budget(AccountId=ACCOUNT, Budget={**theirs, "BudgetLimit": limit})
    cloud.faults()
    project.variables = {"ec2_budget_usd": 20}
    assert "set ec2_budget_email" in project.make().text
    assert cloud.mutating() == []

    project.variables["ec2_budget_email"] = "ada@example.org"
    # Stopped before anything costs
    cloud.faults({"kind": "error-before", "action": "CreateBudget", "times": 1000})
    run = project.make()
    assert run.code != 0
    assert set(cloud.holdings()) == {"theirs"}
    cloud.faults({"kind": "drop", "action": "CreateBudget"})
    run = project.make()
    assert run.code == 0, run.output
    name = "labserver-lab-us-west-2"
    assert float(cloud.holdings()[name]["BudgetLimit"]["Amount"]) == 20
    told = cloud.budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name)["Notifications"]
    assert {(one["NotificationType"], one["Threshold"]) for one in told} == {("ACTUAL", 80), ("FORECASTED", 100)}
    cloud.faults()
    run = project.make()
    assert (run.code, run.changed, cloud.mutating()) == (0, 0, []), run.output
    assert project.make("-e", "ec2_budget_usd=30").code == 0
    assert float(cloud.holdings()[name]["BudgetLimit"]["Amount"]) == 30

    run = project.remove()
    assert run.code == 0, run.output
    assert name in run.output
    assert set(cloud.holdings()) == {"theirs"}
