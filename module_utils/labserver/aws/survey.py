"""What carries our tags on AWS, in one region or many, with its cost and its expiry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from itertools import chain
from typing import Any, Callable, TypeVar

from ..errors import LabError
from .client import AT_ONCE, AwsClients
from .errors import DENIED, AwsError, ClientError, error_code, explained
from .prices import Prices, priced
from .resources import PROJECT, TYPES, Resource, new_resource, tags_of, utc

_FILTER_VALUES = 200  # AWS takes no more in one filter
_BUCKET_PAGES = 10  # of 1,000 objects: a larger bucket is not counted, for that would cost time and requests
_FIRST_REGION = "us-east-1"  # always enabled: it lists the others

_Found = TypeVar("_Found")


def enabled_regions(clients: AwsClients) -> list[str]:
    """Every region that the account may use."""
    ec2 = clients.client("ec2", _FIRST_REGION)
    with explained(_FIRST_REGION):
        return sorted(region["RegionName"] for region in ec2.describe_regions()["Regions"])


def _instance(instance: Mapping[str, Any]) -> Resource | None:
    """One that is terminated is shown for another hour."""
    if instance["State"]["Name"] == "terminated":
        return None
    return {
        "state": instance["State"]["Name"],
        "instance_type": instance["InstanceType"],
        "public_ip": instance.get("PublicIpAddress"),
        "automatic_addresses": sum(
            address.get("Association", {}).get("IpOwnerId") == "amazon"
            for interface in instance.get("NetworkInterfaces", [])
            for address in interface.get("PrivateIpAddresses", [])
        ),
        "created": utc(instance.get("LaunchTime")),
    }


def _volume(volume: Mapping[str, Any]) -> Resource:
    return {
        "state": volume["State"],
        "size_gb": volume["Size"],
        "volume_type": volume["VolumeType"],
        "iops": volume.get("Iops"),
        "throughput": volume.get("Throughput"),
        "attached_to": next((disk["InstanceId"] for disk in volume.get("Attachments", [])), None),
        "created": utc(volume.get("CreateTime")),
    }


def _address(address: Mapping[str, Any]) -> Resource:
    attached_to = address.get("InstanceId") or address.get("NetworkInterfaceId") or None
    state = "associated" if attached_to else "idle"
    return {"state": state, "public_ip": address["PublicIp"], "attached_to": attached_to}


def _interface(interface: Mapping[str, Any]) -> Resource | None:
    """One that is deleted with its instance is no resource of its own."""
    attachment = interface.get("Attachment", {})
    if attachment.get("DeleteOnTermination"):
        return None
    return {"state": interface["Status"], "attached_to": attachment.get("InstanceId")}


def _snapshot(snapshot: Mapping[str, Any]) -> Resource:
    created = utc(snapshot.get("StartTime"))
    return {"state": snapshot["State"], "size_gb": snapshot["VolumeSize"], "created": created}


# Groups and keys go by their own name, which other calls take; the tag `Name` is for people


def _group(group: Mapping[str, Any]) -> Resource:
    return {"name": group["GroupName"]}


def _key(key: Mapping[str, Any]) -> Resource:
    return {"name": key["KeyName"], "created": utc(key.get("CreateTime"))}


@dataclass(frozen=True)
class _Listing:
    """The call that lists the resources of a type, where they are in its answer, and what is of interest of each."""

    action: str
    key: str
    identity: str
    describe: Callable[[Mapping[str, Any]], Resource | None]
    parameters: Mapping[str, Any] = field(default_factory=dict)


_LISTINGS = {
    "instance": _Listing("describe_instances", "Instances", "InstanceId", _instance),
    "volume": _Listing("describe_volumes", "Volumes", "VolumeId", _volume),
    "address": _Listing("describe_addresses", "Addresses", "AllocationId", _address),
    "interface": _Listing("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", _interface),
    "snapshot": _Listing("describe_snapshots", "Snapshots", "SnapshotId", _snapshot, parameters={"OwnerIds": ["self"]}),
    "security_group": _Listing("describe_security_groups", "SecurityGroups", "GroupId", _group),
    "key_pair": _Listing("describe_key_pairs", "KeyPairs", "KeyPairId", _key),
}


def _pages(ec2: Any, listing: _Listing, filters: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every resource that the call returns, over all its pages."""
    action, parameters = listing.action, {"Filters": filters, **listing.parameters}
    pages = (
        ec2.get_paginator(action).paginate(**parameters)
        if ec2.can_paginate(action)
        else [getattr(ec2, action)(**parameters)]
    )
    for page in pages:
        for part in page["Reservations"] if action == "describe_instances" else [page]:
            yield from part[listing.key]


class _Region:
    """One region; each type takes one call and its further pages."""

    def __init__(self, ec2: Any, name: str, project: str | None, now: datetime) -> None:
        self._ec2 = ec2
        self.name = name
        self._project = project
        self._now = now

    def _list(self, kind: str, *filters: Mapping[str, Any]) -> Iterator[Resource]:
        listing = _LISTINGS[kind]
        for found in _pages(self._ec2, listing, filters):
            facts = listing.describe(found)
            if facts is not None:
                yield new_resource(kind, found[listing.identity], self.name, tags_of(found), self._now, **facts)

    def tagged(self, kind: str) -> list[Resource]:
        """List what carries our tag; * and ? in a filter are wild cards, so the project is compared again."""
        by_tag = (
            {"Name": "tag-key", "Values": [PROJECT]}
            if self._project is None
            else {"Name": f"tag:{PROJECT}", "Values": [self._project]}
        )
        ours = (resource for resource in self._list(kind, by_tag) if resource["tagged"])
        return [resource for resource in ours if self._project in (None, resource["project"])]

    def untagged(self, found: Sequence[Resource]) -> list[Resource]:
        """Volumes and addresses without our tag that hang on our instances and cost for them."""
        ours = (resource for resource in found if resource["type"] == "instance" and resource["region"] == self.name)
        machines = {resource["id"]: resource for resource in ours}
        known = {resource["id"] for resource in found}
        extra: list[Resource] = []
        names = list(machines)
        for begin in range(0, len(names), _FILTER_VALUES):
            some = names[begin : begin + _FILTER_VALUES]
            extra += self._list("volume", {"Name": "attachment.instance-id", "Values": some})
            extra += self._list("address", {"Name": "instance-id", "Values": some})
        return [
            {**resource, **{key: machines[resource["attached_to"]][key] for key in ("project", "owner")}}
            for resource in extra
            if resource["id"] not in known and resource["attached_to"] in machines and not resource["tagged"]
        ]


def _size_gb(s3: Any, bucket: str) -> float | None:
    """Gigabytes of all versions of all objects; None where they are too many to count or may not be read."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    size = 0
    try:
        for number, page in enumerate(pages, start=1):
            size += sum(version["Size"] for version in page.get("Versions", []))
            if number == _BUCKET_PAGES and page["IsTruncated"]:
                return None
    except ClientError as error:
        if error_code(error) in DENIED:
            return None
        raise
    return round(size / (1 << 30), 6)


def _bucket(s3: Any, bucket: Mapping[str, Any], project: str | None, now: datetime) -> Resource | None:
    """Describe a bucket where it is ours; None where it is not."""
    name = bucket["Name"]
    try:
        tags = tags_of(s3.get_bucket_tagging(Bucket=name))
        if PROJECT not in tags or project not in (None, tags[PROJECT]):
            return None
        place = bucket.get("BucketRegion") or s3.get_bucket_location(Bucket=name)["LocationConstraint"]
        size = _size_gb(s3, name)
    except ClientError as error:
        if error_code(error) in ("NoSuchTagSet", "NoSuchBucket"):  # has no tags; was deleted just now
            return None
        raise
    # S3's own names for its two oldest regions
    region = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(place, place)
    facts = {"size_gb": size, "created": utc(bucket.get("CreationDate"))}
    return new_resource("bucket", name, region, {**tags, "Name": name}, now, **facts)


class _Calls:
    """Runs calls in threads; remembers where the credentials are not allowed to look."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.denied: dict[str, AwsError] = {}

    def _one(self, job: tuple[str, Callable[[], _Found]]) -> _Found | None:
        place, call = job
        try:
            with explained(place):
                return call()
        except AwsError as error:
            if not error.denied:
                raise
            self.denied.setdefault(place, error)
            return None

    def run(self, jobs: Iterable[tuple[str, Callable[[], _Found]]]) -> list[_Found]:
        """Return what the calls found, in their order; a job is a place and its call."""
        return [seen for seen in self._pool.map(self._one, jobs) if seen]


def survey(
    clients: AwsClients,
    regions: str | Sequence[str],
    project: str | None = None,
    *,
    prices: Prices | None = None,
    untagged: bool = False,
    now: datetime | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> list[Resource]:
    """Everything with our tags in these regions (`all`: every one the account may use), with price and expiry.

    With `project` only what belongs to it. With `untagged` also volumes and addresses that hang on our instances
    without a tag of their own: they cost, but are not ours to remove. How many calls it takes does not depend on the
    number of machines. `warn` gets what could not be read.
    """
    now = now or datetime.now(timezone.utc)
    chosen = [regions] if isinstance(regions, str) else list(dict.fromkeys(regions))
    everywhere = "all" in chosen
    names = enabled_regions(clients) if everywhere else chosen
    if not names or not all(names):
        raise LabError("no region is given: set one such as us-west-2, or `all`")
    # Clients first: they are made for threads, a session is not
    places = [_Region(clients.client("ec2", name), name, project, now) for name in names]
    s3 = clients.client("s3", names[0])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = _Calls(pool)
        jobs = [(place.name, partial(place.tagged, kind)) for place in places for kind in _LISTINGS]
        found = list(chain.from_iterable(calls.run(jobs)))
        # An organisation may forbid some regions: they are passed over where all are surveyed
        if calls.denied and (not everywhere or len(calls.denied) == len(places)):
            raise next(iter(calls.denied.values()))
        if untagged:
            extra = calls.run((place.name, partial(place.untagged, found)) for place in places)
            found += chain.from_iterable(extra)
        found += _buckets(calls, s3, names, project, now)
    for text in calls.denied.values():
        warn(f"not looked at: {text}")
    return sorted(priced(found, prices or Prices()), key=_order)


def _buckets(calls: _Calls, s3: Any, regions: Sequence[str], project: str | None, now: datetime) -> list[Resource]:
    """Find the buckets of the account in these regions; S3 has no filter, so the tags of each are read."""
    listed = calls.run([("S3", s3.list_buckets)])
    names = [bucket for answer in listed for bucket in answer["Buckets"]]
    near = [bucket for bucket in names if bucket.get("BucketRegion", regions[0]) in regions]
    ours = calls.run(("some buckets", partial(_bucket, s3, bucket, project, now)) for bucket in near)
    return [bucket for bucket in ours if bucket and bucket["region"] in regions]


def _order(resource: Resource) -> tuple[object, ...]:
    return (
        resource["project"],
        resource["region"],
        TYPES.index(resource["type"]),
        resource["index"] or 0,
        resource["name"],
        resource["id"],
    )
