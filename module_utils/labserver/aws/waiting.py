"""AWS is eventually consistent: what was just created is not found yet, what was just detached is still in use."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any, Callable, TypeVar

from ..errors import LabError
from .errors import ClientError, error_code, with_duration

_PAUSE = 3  # seconds
_RETRY_SECONDS = 60

_Answer = TypeVar("_Answer")


def with_retries(call: Callable[[], _Answer], codes: Collection[str]) -> _Answer:
    """Return the result of a call, repeated for up to a minute while AWS answers with one of these error codes."""
    for _ in range(_RETRY_SECONDS // _PAUSE - 1):
        try:
            return call()
        except ClientError as error:
            if error_code(error) not in codes:
                raise
        time.sleep(_PAUSE)
    try:
        return call()
    except ClientError as error:
        if error_code(error) not in codes:
            raise
        raise with_duration(error, _RETRY_SECONDS) from error


def wait_until(read: Callable[[], _Answer], missing: Callable[[_Answer], Sequence[str]], seconds: int) -> _Answer:
    """Read the state until nothing is missing from it, and return it.

    Raises LabError with what was waited for, and how long.
    """
    for attempt in range(seconds // _PAUSE + 1):
        if attempt:
            time.sleep(_PAUSE)
        state = read()
        still_missing = missing(state)
        if not still_missing:
            return state
    raise LabError(
        f"AWS was not ready in {seconds} seconds: {', '.join(still_missing)}; wait a minute and run this again, it"
        " continues where it stopped"
    )


def only_one(found: Sequence[dict[str, Any]], code: str, identity: str) -> dict[str, Any]:
    """Return the only resource found; AWS may answer with nothing where it otherwise answers with the error `code`."""
    if not found:
        message = f"The ID '{identity}' does not exist"
        raise ClientError({"Error": {"Code": code, "Message": message}}, "Describe")
    return found[0]
