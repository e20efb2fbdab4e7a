"""One EBS volume: created, attached to an instance, enlarged; or detached and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ClientError, error_code
from .resources import tag_specification
from .waiting import only_one, wait_until, with_retries

_WAIT = 300  # seconds
_DELETED = {"Delay": 3, "MaxAttempts": 100}
_NOT_YET = ("InvalidVolume.NotFound",)
# Just after the volume was made, or the instance launched or started
_NOT_READY = (*_NOT_YET, "InvalidInstanceID.NotFound", "IncorrectState", "IncorrectInstanceState")


def ensure_volume(ec2: Any, options: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Create or update what the options of the module describe; return its result."""
    volume, size = options["id"] or "", options["size_gb"]
    found = with_retries(lambda: _find(ec2, volume), _NOT_YET) if volume else {}
    grow = bool(found) and found["Size"] < size
    attach = _instance(found) != options["instance"]
    if not check_mode:
        if grow:
            ec2.modify_volume(VolumeId=volume, Size=size)
            wait_until(
                lambda: with_retries(lambda: _find(ec2, volume), _NOT_YET),
                lambda seen: [] if seen["Size"] >= size else [f"{volume} has {seen['Size']} GiB, not {size}"],
                _WAIT,
            )
        volume = volume or _create(ec2, options)
        if attach:
            _attach(ec2, options, volume)
    return {"changed": grow or attach, "id": volume}


def delete_volume(ec2: Any, volume: str, *, check_mode: bool) -> bool:
    """Detach and delete the volume; return whether it existed."""
    try:
        found = _find(ec2, volume)
        if check_mode:
            return True
        if _instance(found):
            ec2.detach_volume(VolumeId=volume, InstanceId=_instance(found))
            _await(ec2, volume, "available")
        ec2.delete_volume(VolumeId=volume)
        ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume], WaiterConfig=_DELETED)
    except ClientError as error:
        if error_code(error) != "InvalidVolume.NotFound":
            raise
        return False
    return True


def _create(ec2: Any, options: Mapping[str, Any]) -> str:
    """Create it. botocore sends a token along: a request that is repeated creates no second one."""
    created: str = ec2.create_volume(
        AvailabilityZone=options["zone"],
        Size=options["size_gb"],
        VolumeType=options["volume_type"],
        Encrypted=True,
        TagSpecifications=tag_specification("volume", options["tags"]),
    )["VolumeId"]
    _await(ec2, created, "available")
    return created


def _attach(ec2: Any, options: Mapping[str, Any], volume: str) -> None:
    target = {"VolumeId": volume, "InstanceId": options["instance"], "Device": options["device"]}
    try:
        with_retries(lambda: ec2.attach_volume(**target), _NOT_READY)
    except ClientError as error:
        # The request was repeated, for its first answer was lost
        if error_code(error) != "VolumeInUse" or _instance(_find(ec2, volume)) != options["instance"]:
            raise
    _await(ec2, volume, "in-use")


def _await(ec2: Any, volume: str, state: str) -> None:
    """Wait until the volume is in this state, and so are its attachments."""

    def missing(seen: Mapping[str, Any]) -> list[str]:
        moving = [one["State"] for one in seen.get("Attachments", []) if one["State"] in ("attaching", "detaching")]
        now = moving[0] if moving else seen["State"]
        return [] if now == state else [f"{volume} is {now}, not {state}"]

    wait_until(lambda: with_retries(lambda: _find(ec2, volume), _NOT_YET), missing, _WAIT)


def _find(ec2: Any, volume: str) -> dict[str, Any]:
    return only_one(ec2.describe_volumes(VolumeIds=[volume])["Volumes"], _NOT_YET[0], volume)


def _instance(volume: Mapping[str, Any]) -> str:
    return next((str(one["InstanceId"]) for one in volume.get("Attachments", []) if one["State"] != "detached"), "")
