"""Instances that were launched or started, until they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import LabError
from .waiting import patiently, wait_until

_NOT_YET = ("InvalidInstanceID.NotFound",)
_ON_THE_WAY = ("pending", "stopping")


def running_instances(ec2: Any, identities: Sequence[str], seconds: int) -> list[dict[str, Any]]:
    """Return these instances as AWS describes them, once all of them run. Raises LabError where one never will."""

    def look() -> dict[str, dict[str, Any]]:
        pages = patiently(lambda: ec2.describe_instances(InstanceIds=list(identities)), _NOT_YET)["Reservations"]
        return {instance["InstanceId"]: instance for page in pages for instance in page["Instances"]}

    def missing(seen: Mapping[str, Mapping[str, Any]]) -> list[str]:
        states = {one: seen[one]["State"]["Name"] if one in seen else "not shown" for one in identities}
        return [f"{one} is {state}" for one, state in states.items() if state in ("not shown", *_ON_THE_WAY)]

    seen = wait_until(look, missing, seconds) if identities else {}
    gone = [one for one, instance in seen.items() if instance["State"]["Name"] != "running"]
    if gone:
        raise LabError(
            f"these instances do not run: {', '.join(_why(seen[one]) for one in gone)}. Run this again: an instance"
            " that is gone is launched anew"
        )
    return [seen[one] for one in identities]


def _why(instance: Mapping[str, Any]) -> str:
    """Name an instance and why it does not run, where AWS says so."""
    reason = instance.get("StateReason", {}).get("Message")
    return f"{instance['InstanceId']} ({reason or instance['State']['Name']})"
