"""What carries our tags on AWS, in one region or many, with what it costs and until when it is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from itertools import chain
from typing import Any, Callable, TypeVar

from ..errors import LabError
from .client import AT_ONCE, AwsClients
from .errors import DENIED, AwsError, ClientError, error_code, explained
from .prices import Prices, priced
from .resources import PROJECT, TYPES, Resource, is_ours, new_resource, tags_of, utc

_ALIVE = ["pending", "running", "shutting-down", "stopping", "stopped"]
_FILTER_VALUES = 200  # AWS takes no more in one filter
_BUCKET_PAGES = 10  # of 1,000 objects: a larger bucket is not counted, for that would cost time and requests
_FIRST_REGION = "us-east-1"  # always there: it tells which others are

_Found = TypeVar("_Found")


def no_warning(text: str) -> None:
    """Pass over a warning."""


def enabled_regions(clients: AwsClients) -> list[str]:
    """Every region that the account may use."""
    ec2 = clients.client("ec2", _FIRST_REGION)
    with explained(_FIRST_REGION):
        return sorted(region["RegionName"] for region in ec2.describe_regions()["Regions"])


def _pages(ec2: Any, action: str, key: str, **asked: object) -> Iterator[dict[str, Any]]:
    """Every resource that a describe_ call answers, over all its pages."""
    pages = ec2.get_paginator(action).paginate(**asked) if ec2.can_paginate(action) else [getattr(ec2, action)(**asked)]
    for page in pages:
        if key == "Instances":
            for reservation in page["Reservations"]:
                yield from reservation[key]
        else:
            yield from page[key]


class _Region:
    """One region: a method for each type, each of one call and its further pages."""

    def __init__(self, ec2: Any, name: str, project: str | None, now: datetime) -> None:
        self._ec2 = ec2
        self.name = name
        self._project = project
        self._now = now
        self.kinds: list[Callable[[], list[Resource]]] = [
            self._instances,
            self._volumes,
            self._addresses,
            self._interfaces,
            self._snapshots,
            self._groups,
            self._keys,
        ]

    def _ours(
        self, action: str, key: str, *filters: Mapping[str, Any], **asked: object
    ) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
        """Find what carries our tag; AWS takes * and ? in a filter as wild cards, so the project is compared again."""
        wanted = (
            {"Name": "tag-key", "Values": [PROJECT]}
            if self._project is None
            else {"Name": f"tag:{PROJECT}", "Values": [self._project]}
        )
        for resource in _pages(self._ec2, action, key, Filters=[wanted, *filters], **asked):
            tags = tags_of(resource)
            if is_ours(tags, self._project):
                yield resource, tags

    def _describe(self, kind: str, identity: str, tags: Mapping[str, str], **facts: object) -> Resource:
        return new_resource(kind, identity, self.name, tags, self._now, **facts)

    def _instances(self) -> list[Resource]:
        alive = {"Name": "instance-state-name", "Values": _ALIVE}
        return [self._instance(*one) for one in self._ours("describe_instances", "Instances", alive)]

    def _instance(self, instance: Mapping[str, Any], tags: Mapping[str, str]) -> Resource:
        return self._describe(
            "instance",
            instance["InstanceId"],
            tags,
            state=instance["State"]["Name"],
            instance_type=instance["InstanceType"],
            public_ip=instance.get("PublicIpAddress"),
            automatic_addresses=sum(
                address.get("Association", {}).get("IpOwnerId") == "amazon"
                for interface in instance.get("NetworkInterfaces", [])
                for address in interface.get("PrivateIpAddresses", [])
            ),
            created=utc(instance.get("LaunchTime")),
        )

    def _volumes(self) -> list[Resource]:
        return [self._volume(*volume) for volume in self._ours("describe_volumes", "Volumes")]

    def _volume(self, volume: Mapping[str, Any], tags: Mapping[str, str]) -> Resource:
        return self._describe(
            "volume",
            volume["VolumeId"],
            tags,
            state=volume["State"],
            size_gb=volume["Size"],
            volume_type=volume["VolumeType"],
            iops=volume.get("Iops"),
            throughput=volume.get("Throughput"),
            attached_to=next((disk["InstanceId"] for disk in volume.get("Attachments", [])), None),
            created=utc(volume.get("CreateTime")),
        )

    def _addresses(self) -> list[Resource]:
        return [self._address(*address) for address in self._ours("describe_addresses", "Addresses")]

    def _address(self, address: Mapping[str, Any], tags: Mapping[str, str]) -> Resource:
        attached_to = address.get("InstanceId") or address.get("NetworkInterfaceId") or None
        return self._describe(
            "address",
            address["AllocationId"],
            tags,
            state="associated" if attached_to else "idle",
            public_ip=address["PublicIp"],
            attached_to=attached_to,
        )

    def _interfaces(self) -> list[Resource]:
        """Those that outlive their instance; the others go with it."""
        return [
            self._describe(
                "interface",
                interface["NetworkInterfaceId"],
                tags,
                state=interface["Status"],
                attached_to=interface.get("Attachment", {}).get("InstanceId"),
            )
            for interface, tags in self._ours("describe_network_interfaces", "NetworkInterfaces")
            if not interface.get("Attachment", {}).get("DeleteOnTermination")
        ]

    def _snapshots(self) -> list[Resource]:
        return [
            self._describe(
                "snapshot",
                snapshot["SnapshotId"],
                tags,
                state=snapshot["State"],
                size_gb=snapshot["VolumeSize"],
                created=utc(snapshot.get("StartTime")),
            )
            for snapshot, tags in self._ours("describe_snapshots", "Snapshots", OwnerIds=["self"])
        ]

    # Groups and keys go by their own name, which other calls take; the tag `Name` is for people

    def _groups(self) -> list[Resource]:
        return [
            self._describe("security_group", group["GroupId"], {**tags, "Name": group["GroupName"]})
            for group, tags in self._ours("describe_security_groups", "SecurityGroups")
        ]

    def _keys(self) -> list[Resource]:
        return [
            self._describe(
                "key_pair", key["KeyPairId"], {**tags, "Name": key["KeyName"]}, created=utc(key.get("CreateTime"))
            )
            for key, tags in self._ours("describe_key_pairs", "KeyPairs")
        ]

    def untagged(self, found: Sequence[Resource]) -> list[Resource]:
        """Volumes and addresses without our tag that hang on our instances and cost for them."""
        ours = (resource for resource in found if resource["type"] == "instance" and resource["region"] == self.name)
        machines = {resource["id"]: resource for resource in ours}
        known = {resource["id"] for resource in found}
        extra = []
        for some in _chunks(list(machines), _FILTER_VALUES):
            disks = [{"Name": "attachment.instance-id", "Values": some}]
            volumes = _pages(self._ec2, "describe_volumes", "Volumes", Filters=disks)
            extra += [self._volume(volume, tags_of(volume)) for volume in volumes]
            hosts = [{"Name": "instance-id", "Values": some}]
            addresses = _pages(self._ec2, "describe_addresses", "Addresses", Filters=hosts)
            extra += [self._address(address, tags_of(address)) for address in addresses]
        return [
            {**resource, **{key: machines[resource["attached_to"]][key] for key in ("project", "owner")}}
            for resource in extra
            if resource["id"] not in known and resource["attached_to"] in machines and not resource["tagged"]
        ]


def _chunks(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for begin in range(0, len(names), size):
        yield names[begin : begin + size]


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
        if not is_ours(tags, project):
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
    warn: Callable[[str], None] = no_warning,
) -> list[Resource]:
    """Everything with our tags in these regions (`all`: every one the account may use), with price and expiry.

    With `project` only what belongs to it. With `untagged` also volumes and addresses that hang on our instances
    without a tag of their own: they cost, but are not ours to remove. How many calls it takes does not depend on the
    number of machines. `warn` is told of what could not be looked at.
    """
    now = now or datetime.now(timezone.utc)
    asked = [regions] if isinstance(regions, str) else list(dict.fromkeys(regions))
    everywhere = "all" in asked
    names = enabled_regions(clients) if everywhere else asked
    if not names or not all(names):
        raise LabError("no region is given: set one such as us-west-2, or `all`")
    # Clients first: they are made for threads, a session is not
    places = [_Region(clients.client("ec2", name), name, project, now) for name in names]
    s3 = clients.client("s3", names[0])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = _Calls(pool)
        found = list(chain.from_iterable(calls.run((place.name, kind) for place in places for kind in place.kinds)))
        # An organisation may forbid some regions: they are passed over where all were asked for
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
    """Find the buckets of the account in these regions; S3 has no filter, so each is asked for its tags."""
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
