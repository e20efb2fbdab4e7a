"""AWS is consistent after a while: what was just made is not found yet, what was just let go of is still in use."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any, Callable, TypeVar

from ..errors import LabError
from .errors import ClientError, error_code, still

_PAUSE = 3  # seconds
_PATIENCE = 60

_Answer = TypeVar("_Answer")


def patiently(call: Callable[[], _Answer], codes: Collection[str]) -> _Answer:
    """Return what a call returns, which is made again for a minute while AWS refuses it with one of these codes."""
    for _ in range(_PATIENCE // _PAUSE - 1):
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
        raise still(error, _PATIENCE) from error


def wait_until(look: Callable[[], _Answer], missing: Callable[[_Answer], Sequence[str]], seconds: int) -> _Answer:
    """Look until nothing is missing, and return what was seen then.

    Raises LabError with what was waited for, and how long.
    """
    for attempt in range(seconds // _PAUSE + 1):
        if attempt:
            time.sleep(_PAUSE)
        seen = look()
        lacking = missing(seen)
        if not lacking:
            return seen
    raise LabError(
        f"AWS did not get there in {seconds} seconds: {', '.join(lacking)}; wait a minute and run this again, it goes"
        " on where it stopped"
    )


def the_only(found: Sequence[dict[str, Any]], code: str, identity: str) -> dict[str, Any]:
    """Return the one that was asked for; an empty answer is as good as the error that AWS gives a moment earlier."""
    if not found:
        message = f"The ID '{identity}' does not exist"
        raise ClientError({"Error": {"Code": code, "Message": message}}, "Describe")
    return found[0]
