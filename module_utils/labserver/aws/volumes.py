"""One EBS volume: created, attached to an instance, enlarged; or detached and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ClientError, error_code
from .resources import tag_specification

_WAIT = {"Delay": 3, "MaxAttempts": 100}


def ensure_volume(ec2: Any, options: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Create or update what the options of the module describe; return its result."""
    volume, size = options["id"] or "", options["size_gb"]
    found = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0] if volume else {}
    grow = bool(found) and found["Size"] < size
    attach = _instance(found) != options["instance"]
    if not check_mode:
        if grow:
            ec2.modify_volume(VolumeId=volume, Size=size)
        volume = volume or _create(ec2, options)
        if attach:
            _attach(ec2, options, volume)
    return {"changed": grow or attach, "id": volume}


def delete_volume(ec2: Any, volume: str, *, check_mode: bool) -> bool:
    """Detach and delete the volume; return whether it existed."""
    try:
        found = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
        if check_mode:
            return True
        if _instance(found):
            ec2.detach_volume(VolumeId=volume, InstanceId=_instance(found))
            ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=_WAIT)
        ec2.delete_volume(VolumeId=volume)
        ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume], WaiterConfig=_WAIT)
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
    ec2.get_waiter("volume_available").wait(VolumeIds=[created], WaiterConfig=_WAIT)
    return created


def _attach(ec2: Any, options: Mapping[str, Any], volume: str) -> None:
    try:
        ec2.attach_volume(VolumeId=volume, InstanceId=options["instance"], Device=options["device"])
    except ClientError as error:
        # The request was repeated, for its first answer was lost
        found = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0] if error_code(error) == "VolumeInUse" else {}
        if _instance(found) != options["instance"]:
            raise
    ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume], WaiterConfig=_WAIT)


def _instance(volume: Mapping[str, Any]) -> str:
    return next((str(one["InstanceId"]) for one in volume.get("Attachments", []) if one["State"] != "detached"), "")
