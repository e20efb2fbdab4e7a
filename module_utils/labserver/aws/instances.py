"""Wait until instances that were launched or started run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import LabError
from .waiting import wait_until, with_retries

_NOT_YET = ("InvalidInstanceID.NotFound",)
_IN_TRANSITION = ("pending", "stopping")


def running_instances(ec2: Any, identities: Sequence[str], seconds: int) -> list[dict[str, Any]]:
    """Return these instances as AWS describes them, once all of them run. Raises LabError where one never will."""

    def describe() -> dict[str, dict[str, Any]]:
        pages = with_retries(lambda: ec2.describe_instances(InstanceIds=list(identities)), _NOT_YET)["Reservations"]
        return {instance["InstanceId"]: instance for page in pages for instance in page["Instances"]}

    def missing(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
        states = {one: found[one]["State"]["Name"] if one in found else "not shown" for one in identities}
        return [f"{one} is {state}" for one, state in states.items() if state in ("not shown", *_IN_TRANSITION)]

    found = wait_until(describe, missing, seconds) if identities else {}
    gone = [one for one, instance in found.items() if instance["State"]["Name"] != "running"]
    if gone:
        raise LabError(
            f"these instances do not run: {', '.join(_why(found[one]) for one in gone)}. Run this again: an instance"
            " that is gone is launched anew"
        )
    return [found[one] for one in identities]


def _why(instance: Mapping[str, Any]) -> str:
    """Name an instance and why it does not run, where AWS says so."""
    reason = instance.get("StateReason", {}).get("Message")
    return f"{instance['InstanceId']} ({reason or instance['State']['Name']})"
