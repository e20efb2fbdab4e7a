"""Removal of what a survey found: in the order that AWS allows, each as far as it goes, whatever is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Callable

from .addresses import delete_address
from .budgets import Budgets
from .client import AwsClients
from .errors import BotoCoreError, ClientError, error_code, explain_aws
from .profiles import delete_profile
from .resources import PROJECT, Resource, tags_of
from .security_groups import delete_group
from .volumes import delete_volume
from .waiting import with_retries

# A Spot request would launch another machine in the place of one that ends. Machines let go of what they use
ORDER = (
    "spot_request",
    "instance",
    "address",
    "volume",
    "snapshot",
    "interface",
    "bucket",
    "security_group",
    "key_pair",
    "instance_profile",
    "budget",
)
_WAIT = {"Delay": 5, "MaxAttempts": 60}


class Removal:
    """Removes resources of one region; `removed` are their ids, `failures` why the others are still there."""

    def __init__(self, clients: AwsClients, *, bucket_content: bool) -> None:
        """No call is made. With `bucket_content`, buckets go with all that is in them."""
        self._clients = clients
        self._ec2 = clients.client("ec2")
        self._s3 = clients.client("s3")
        self._iam = clients.client("iam")
        self._region = clients.region
        self._bucket_content = bucket_content
        self.removed: list[str] = []
        self.failures: list[dict[str, str]] = []

    def remove(self, resources: Sequence[Resource]) -> None:
        """Try to remove each."""
        ways: Mapping[str, Callable[[Resource], object]] = {
            "address": lambda one: delete_address(self._ec2, one["id"], check_mode=False),
            "volume": self._remove_volume,
            "snapshot": lambda one: self._ec2.delete_snapshot(SnapshotId=one["id"]),
            "interface": self._remove_interface,
            "bucket": self._remove_bucket,
            "security_group": self._remove_group,
            "instance_profile": lambda one: delete_profile(self._iam, one["id"]),
            "budget": lambda one: Budgets(self._clients).delete(one["id"]),
            "key_pair": lambda one: self._ec2.delete_key_pair(KeyName=one["name"]),
        }
        by_type = {kind: [one for one in resources if one["type"] == kind] for kind in ORDER}
        for one in by_type["spot_request"]:
            self._try(one, partial(self._cancel, one))
        self._terminate(by_type["instance"])
        staying = {failure["id"] for failure in self.failures}
        for kind, remove in ways.items():
            for one in by_type[kind]:
                if one["attached_to"] in staying:  # that machine is protected, say: what it works with stays with it
                    self._fail(one, f"{one['id']} stays with {one['attached_to']}, which could not be terminated")
                else:
                    self._try(one, partial(remove, one))

    def _try(self, resource: Resource, call: Callable[[], object]) -> bool:
        try:
            call()
        except (BotoCoreError, ClientError) as error:
            # A waiter keeps what AWS answered
            answer = getattr(error, "last_response", None) or {}
            code = answer.get("Error", {}).get("Code") or error_code(error)
            if not code.endswith(("NotFound", "NoSuchBucket")):
                self._fail(resource, explain_aws(error, self._region))
                return False
        self.removed.append(resource["id"])
        return True

    def _fail(self, resource: Resource, reason: str) -> None:
        self.failures.append({"type": resource["type"], "id": resource["id"], "reason": reason})

    def _cancel(self, request: Resource) -> None:
        """Cancel it, and end what it launched: an instance in the place of the first one has none of our tags."""
        self._ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request["id"]])
        found = self._ec2.describe_instances(Filters=[{"Name": "spot-instance-request-id", "Values": [request["id"]]}])[
            "Reservations"
        ]
        launched = [one for each in found for one in each["Instances"]]
        ours = [one["InstanceId"] for one in launched if PROJECT not in tags_of(one)]
        if ours:
            self._ec2.terminate_instances(InstanceIds=ours)

    def _terminate(self, instances: Sequence[Resource]) -> None:
        """Terminate them one by one, for one that is protected must not keep the others; then wait for all."""
        ended = [one for one in instances if one["state"] == "shutting-down" or self._try(one, self._ending(one))]
        waiter = self._ec2.get_waiter("instance_terminated")
        for one in ended:
            self._try(one, partial(waiter.wait, InstanceIds=[one["id"]], WaiterConfig=_WAIT))

    def _ending(self, instance: Resource) -> Callable[[], object]:
        return partial(self._ec2.terminate_instances, InstanceIds=[instance["id"]])

    def _remove_volume(self, volume: Resource) -> None:
        """Delete a volume, but for the root of an instance, which goes with that."""
        if volume["part"] == "data" or not volume["attached_to"]:
            with_retries(lambda: delete_volume(self._ec2, volume["id"], check_mode=False), ["VolumeInUse"])

    def _remove_interface(self, interface: Resource) -> None:
        call = partial(self._ec2.delete_network_interface, NetworkInterfaceId=interface["id"])
        with_retries(call, ["InvalidNetworkInterface.InUse", "InvalidParameterValue"])

    def _remove_group(self, group: Resource) -> None:
        """Delete a group, whose last interface goes a little after its instance, unless that stays."""
        call = partial(delete_group, self._ec2, group["id"], check_mode=False)
        stays = any(failure["type"] == "instance" for failure in self.failures)
        with_retries(call, [] if stays else ["DependencyViolation"])

    def _remove_bucket(self, bucket: Resource) -> None:
        if self._bucket_content:
            for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket["id"]):
                listed = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in listed]
                if objects:
                    answer = self._s3.delete_objects(Bucket=bucket["id"], Delete={"Objects": objects, "Quiet": True})
                    for error in answer.get("Errors", [])[:1]:
                        raise ClientError({"Error": {"Code": error["Code"], "Message": error["Key"]}}, "DeleteObjects")
        self._s3.delete_bucket(Bucket=bucket["id"])
