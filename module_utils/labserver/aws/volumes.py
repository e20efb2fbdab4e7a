"""One EBS volume: created, attached to an instance, enlarged; or detached and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ClientError, error_code
from .resources import tag_specification

_WAIT = {"Delay": 3, "MaxAttempts": 100}


@dataclass(frozen=True)
class VolumeRequest:
    """What the volume has to be, and where; without an id a new one is created."""

    instance: str
    device: str
    size_gb: int
    volume_type: str
    zone: str = ""
    volume: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def ensure_volume(ec2: Any, request: VolumeRequest, *, dry_run: bool = False) -> tuple[bool, str]:
    """Return whether anything changed (in a dry run: would change), and the id of the volume."""
    found = ec2.describe_volumes(VolumeIds=[request.volume])["Volumes"][0] if request.volume else {}
    grow = bool(found) and found["Size"] < request.size_gb
    attach = _instance(found) != request.instance
    if dry_run or not (grow or attach):
        return grow or attach, request.volume
    if grow:
        ec2.modify_volume(VolumeId=request.volume, Size=request.size_gb)
    identity: str = request.volume or _create(ec2, request)
    if attach:
        _attach(ec2, request, identity)
    return True, identity


def delete_volume(ec2: Any, volume: str, *, dry_run: bool = False) -> bool:
    """Detach the volume from whatever has it and delete it; return whether it was there."""
    try:
        found = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
        if not dry_run and _instance(found):
            ec2.detach_volume(VolumeId=volume, InstanceId=_instance(found))
            ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=_WAIT)
        if not dry_run:
            ec2.delete_volume(VolumeId=volume)
            ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume], WaiterConfig=_WAIT)
    except ClientError as error:
        if error_code(error) != "InvalidVolume.NotFound":
            raise
        return False
    return True


def _create(ec2: Any, request: VolumeRequest) -> str:
    """Create it. botocore sends a token along: a request that is repeated creates no second one."""
    created: str = ec2.create_volume(
        AvailabilityZone=request.zone,
        Size=request.size_gb,
        VolumeType=request.volume_type,
        Encrypted=True,
        TagSpecifications=tag_specification("volume", request.tags),
    )["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[created], WaiterConfig=_WAIT)
    return created


def _attach(ec2: Any, request: VolumeRequest, volume: str) -> None:
    try:
        ec2.attach_volume(VolumeId=volume, InstanceId=request.instance, Device=request.device)
    except ClientError as error:
        # The request was repeated, for its first answer was lost
        found = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0] if error_code(error) == "VolumeInUse" else {}
        if _instance(found) != request.instance:
            raise
    ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume], WaiterConfig=_WAIT)


def _instance(volume: Mapping[str, Any]) -> str:
    return next((str(one["InstanceId"]) for one in volume.get("Attachments", []) if one["State"] != "detached"), "")
