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
from .budgets import Budgets
from .client import AT_ONCE, DEFAULT_REGION, AwsClients
from .errors import DENIED, AwsError, BotoCoreError, ClientError, error_code, explained
from .prices import Prices, priced
from .profiles import list_profiles
from .resources import PROJECT, TAG, TYPES, Resource, new_resource, tags_of, utc

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
        "profile": instance.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2] or None,
        "spot": instance.get("InstanceLifecycle") == "spot",
        "public_ip": instance.get("PublicIpAddress"),
        "interfaces": [interface["NetworkInterfaceId"] for interface in instance.get("NetworkInterfaces", [])],
        "automatic_addresses": sum(
            address.get("Association", {}).get("IpOwnerId") == "amazon"
            for interface in instance.get("NetworkInterfaces", [])
            for address in interface.get("PrivateIpAddresses", [])
        ),
        "created": utc(instance.get("LaunchTime")),
    }


def _spot_request(request: Mapping[str, Any]) -> Resource | None:
    """One that is over is shown for two days."""
    if request["State"] not in ("open", "active", "disabled"):
        return None
    created = utc(request.get("CreateTime"))
    return {"state": request["State"], "attached_to": request.get("InstanceId"), "created": created}


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
    return {"name": group["GroupName"], "bucket": tags_of(group).get(TAG + "bucket")}


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
    "spot_request": _Listing(
        "describe_spot_instance_requests", "SpotInstanceRequests", "SpotInstanceRequestId", _spot_request
    ),
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
        # An address may be on the interface of an instance and not name the instance
        machines |= {interface: one for one in machines.values() for interface in one["interfaces"]}
        known = {resource["id"] for resource in found}
        extra: list[Resource] = []
        names = list({one["id"]: None for one in machines.values()})
        interfaces = [name for name in machines if name not in names]
        for kind, filter_name, values in (
            ("volume", "attachment.instance-id", names),
            ("address", "network-interface-id", interfaces),
        ):
            for begin in range(0, len(values), _FILTER_VALUES):
                some = values[begin : begin + _FILTER_VALUES]
                extra += self._list(kind, {"Name": filter_name, "Values": some})
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


def _bucket(s3: Any, name: str, project: str | None, now: datetime) -> Resource | None:
    """Describe a bucket where it is ours; None where it is not."""
    try:
        tags = tags_of(s3.get_bucket_tagging(Bucket=name))
        if PROJECT not in tags or project not in (None, tags[PROJECT]):
            return None
        place = s3.get_bucket_location(Bucket=name)["LocationConstraint"]
        size = _size_gb(s3, name)
    except ClientError as error:
        if error_code(error) in ("NoSuchTagSet", "NoSuchBucket"):  # has no tags; was deleted just now
            return None
        raise
    # S3's own names for its two oldest regions
    region = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(place, place)
    return new_resource("bucket", name, region, {**tags, "Name": name}, now, size_gb=size)


class _Calls:
    """Runs calls in threads; remembers which places refused them."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.refused: dict[str, AwsError] = {}

    def _one(self, job: tuple[str, Callable[[], _Found]], *, forgiving: bool) -> _Found | None:
        place, call = job
        try:
            with explained(place):
                return call()
        except AwsError as error:
            if not (forgiving or error.denied):
                raise
            self.refused.setdefault(place, error)
            return None

    def run(self, jobs: Iterable[tuple[str, Callable[[], _Found]]], *, forgiving: bool = False) -> list[_Found]:
        """Return what the calls found, in their order; a job is a place and its call.

        Where the credentials may not look is passed over, and if `forgiving`, what else fails.
        """
        return [seen for seen in self._pool.map(partial(self._one, forgiving=forgiving), jobs) if seen]


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
        raise LabError(f"no region is given: set one such as {DEFAULT_REGION}, or `all`")
    # Clients first: they are made for threads, a session is not
    places = [_Region(clients.client("ec2", name), name, project, now) for name in names]
    stores = {name: _Store(clients, name, project) for name in names}
    iam = clients.client("iam", names[0])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = _Calls(pool)
        jobs = [(place.name, partial(place.tagged, kind)) for place in places for kind in _LISTINGS]
        found = list(chain.from_iterable(calls.run(jobs, forgiving=everywhere)))
        # An organisation forbids some regions, a token holds in some only: passed over where all are surveyed
        if calls.refused and (not everywhere or len(calls.refused) == len(places)):
            raise next(iter(calls.refused.values()))
        if untagged:
            extra = calls.run(((place.name, partial(place.untagged, found)) for place in places), forgiving=everywhere)
            found += chain.from_iterable(extra)
        found += _buckets(calls, {name: stores[name] for name in names if name not in calls.refused}, found, now)
    # Of the account, and not of a region; whoever does not use them need not be allowed to look
    listings: tuple[Callable[[], Iterable[Resource]], ...] = (
        lambda: list_profiles(iam, names, project, now),
        lambda: Budgets(clients).list(names, project, now),
    )
    for listing in listings:
        try:
            with explained(names[0]):
                found += listing()
        except AwsError as error:
            warn(f"not looked at: {error}")
    for text in calls.refused.values():
        warn(f"not looked at: {text}")
    return sorted(priced(found, prices or Prices()), key=_order)


def not_as_expected(
    found: Iterable[Resource], expected: Iterable[Mapping[str, Any]], unexpected: Iterable[str]
) -> list[str]:
    """Return which expected resources are missing or in another state, and which unexpected ones are still listed."""
    listed = {one["id"]: one for one in found}
    words = []
    for wanted in expected:
        seen = listed.get(wanted["id"])
        wrong = [f"{key} is {seen[key]}, not {wanted[key]}" for key in wanted if seen and seen[key] != wanted[key]]
        if wrong or not seen:
            words.append(f"{wanted['id']} ({', '.join(wrong) or 'not listed'})")
    return [*words, *(f"{one} (listed still)" for one in unexpected if one in listed)]


class _Store:
    """S3 in one region, and which of its buckets may be ours."""

    def __init__(self, clients: AwsClients, region: str, project: str | None) -> None:
        self.s3 = clients.client("s3", region)
        self._index = clients.client("resourcegroupstaggingapi", region)
        self._region = region
        self.project = project

    def candidates(self) -> list[str]:
        """Name the buckets with our tag; where AWS's index of tags may not be read, all buckets of the region.

        The index lags behind by a while, so what it says is looked at again.
        """
        ours = {"Key": PROJECT, "Values": [self.project] if self.project else []}
        try:
            pages = self._index.get_paginator("get_resources").paginate(ResourceTypeFilters=["s3"], TagFilters=[ours])
            arns = [one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"]]
            return [arn.rpartition(":")[2] for arn in arns]
        except (BotoCoreError, ClientError):
            pages = self.s3.get_paginator("list_buckets").paginate(BucketRegion=self._region)
            return [bucket["Name"] for page in pages for bucket in page["Buckets"]]


def _buckets(calls: _Calls, stores: Mapping[str, _Store], found: Sequence[Resource], now: datetime) -> list[Resource]:
    """Find the buckets in these regions: those with our tag, and those that our groups name, which AWS may not yet.

    What others have is neither asked one by one, nor a failure of ours.
    """
    listed = calls.run(("S3", partial(_named, region, store)) for region, store in stores.items())
    announced = {one["bucket"]: one["region"] for one in found if one["type"] == "security_group" and one["bucket"]}
    regions = {**dict(chain.from_iterable(listed)), **announced}
    jobs = (
        ("some buckets", partial(_bucket, stores[region].s3, name, stores[region].project, now))
        for name, region in regions.items()
    )
    return [bucket for bucket in calls.run(jobs, forgiving=True) if bucket and bucket["region"] in stores]


def _named(region: str, store: _Store) -> list[tuple[str, str]]:
    return [(name, region) for name in store.candidates()]


def _order(resource: Resource) -> tuple[object, ...]:
    return (
        resource["project"],
        resource["region"],
        TYPES.index(resource["type"]),
        resource["index"] or 0,
        resource["name"],
        resource["id"],
    )
