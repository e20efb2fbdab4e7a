"""One Elastic IP: allocated with its tags, associated by its allocation, disassociated and released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from .errors import ClientError, error_code
from .resources import tag_specification
from .waiting import only_one, wait_until, with_retries

_GONE = ("InvalidAllocationID.NotFound", "InvalidAddress.NotFound")
# Just after the call that made it
_NO_INTERFACE = "InvalidNetworkInterfaceID.NotFound"
_NOT_YET = (*_GONE, _NO_INTERFACE, "InvalidInstanceID")
_WAIT = 120  # seconds
# Just after the address was disassociated, or its instance terminated
_STILL = ("AuthFailure", "InvalidIPAddress.InUse")


def ensure_address(ec2: Any, options: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Allocate an address unless one is given, and associate it; return the module's result.

    By its allocation: one that AWS does not find by its public address yet would be allocated again.
    """
    identity, private = options["id"] or "", options["private_ip"]
    allocate = not identity
    if allocate and not check_mode:
        tags = tag_specification("elastic-ip", options["tags"])
        identity = ec2.allocate_address(Domain="vpc", TagSpecifications=tags)["AllocationId"]
    found = with_retries(lambda: _find(ec2, identity), _NOT_YET) if identity else {}
    wanted = {"NetworkInterfaceId": options["interface"], "PrivateIpAddress": private}
    associate = bool(private) and any(found.get(key) != value for key, value in wanted.items())
    if associate and not check_mode:
        # From an instance of ours that is gone, if need be
        _assign(ec2, options["interface"], private)
        target = {**wanted, "AllocationId": identity, "AllowReassociation": options["reassociate"]}
        try:
            with_retries(lambda: ec2.associate_address(**target), _NOT_YET)
        except ClientError as error:
            # The request was repeated, for its first answer was lost
            found = _find(ec2, identity) if error_code(error) == "Resource.AlreadyAssociated" else {}
            if any(found.get(key) != value for key, value in wanted.items()):
                raise
        found = wait_until(
            lambda: with_retries(lambda: _find(ec2, identity), _NOT_YET),
            lambda seen: (
                [f"{identity} is not on {private}"] if any(seen.get(k) != v for k, v in wanted.items()) else []
            ),
            _WAIT,
        )
    return {"changed": allocate or associate, "id": identity, "public_ip": found.get("PublicIp", "")}


def _assign(ec2: Any, interface: str, private: str) -> None:
    """Assign a further private address to an interface, unless it has it, and wait until AWS lists it there."""

    def find() -> dict[str, Any]:
        interfaces = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
        return only_one(interfaces, _NO_INTERFACE, interface)

    def missing(seen: Mapping[str, Any]) -> list[str]:
        there = [one["PrivateIpAddress"] for one in seen["PrivateIpAddresses"]]
        return [] if private in there else [f"{private} is not on {interface}"]

    def describe() -> dict[str, Any]:
        return with_retries(find, _NOT_YET)

    if not missing(describe()):
        return
    try:
        ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=[private])
    except ClientError:
        # The request was repeated, for its first answer was lost
        if missing(describe()):
            raise
    wait_until(describe, missing, _WAIT)


def delete_address(ec2: Any, identity: str, *, check_mode: bool) -> bool:
    """Disassociate and release the address; return whether it existed."""
    try:
        association = _find(ec2, identity).get("AssociationId")
    except ClientError as error:
        if error_code(error) not in _GONE:
            raise
        return False
    if not check_mode:
        if association:
            # It may go with its instance meanwhile, or the answer to a first call was lost
            _unless_gone(lambda: ec2.disassociate_address(AssociationId=association))
        _unless_gone(lambda: with_retries(lambda: ec2.release_address(AllocationId=identity), _STILL))
    return True


def _unless_gone(call: Callable[[], object]) -> None:
    try:
        call()
    except ClientError as error:
        if error_code(error) not in (*_GONE, "InvalidAssociationID.NotFound"):
            raise


def _find(ec2: Any, identity: str) -> dict[str, Any]:
    return only_one(ec2.describe_addresses(AllocationIds=[identity])["Addresses"], _GONE[0], identity)
