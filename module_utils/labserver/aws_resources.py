"""What carries our tags on AWS, in one region or many, with what it costs and until when it is wanted."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Callable, Protocol, TypeVar

from .aws_prices import HOURS, NOT_COUNTED, Prices
from .errors import LabError

try:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError as error:  # told by whoever imports us: Ansible imports a module to document it, too
    IMPORT_ERROR: ImportError | None = error
    BotoCoreError = ClientError = Exception
else:
    IMPORT_ERROR = None

if TYPE_CHECKING:
    from collections.abc import Iterator

TAG = "labserver:"
PROJECT = TAG + "project"
TYPES = ("instance", "volume", "address", "interface", "snapshot", "security_group", "key_pair", "bucket")

ATTEMPTS = 6
_ALIVE = ["pending", "running", "shutting-down", "stopping", "stopped"]
_AT_ONCE = 8  # calls
_FILTER_VALUES = 200  # AWS takes no more in one filter
_BUCKET_PAGES = 10  # of 1,000 objects: a larger bucket is not counted, for that would cost time and requests
_FIRST_REGION = "us-east-1"  # always there: it tells which others are

Resource = dict[str, Any]
_Seen = TypeVar("_Seen")


class Session(Protocol):
    """What we need of a boto3 session."""

    def client(self, service_name: str, *, region_name: str, config: Any) -> Any:
        """Make a client."""


def no_warning(text: str) -> None:
    """Pass over a warning."""


# --- what AWS answered, in words ---

_DENIED = ("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "OptInRequired", "UnauthorizedOperation")

# Codes of AWS and names of botocore's exceptions, and what to say of them
_ANSWERS: list[tuple[tuple[str, ...], str]] = [
    (
        ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
        (
            "no AWS credentials ({text}): run `aws configure`, or set AWS_PROFILE, or export AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY"
        ),
    ),
    (
        ("ProfileNotFound",),
        "{text}: set AWS_PROFILE to a profile of ~/.aws/config, or make it with `aws configure`",
    ),
    (
        ("LoginRefreshRequired", "SSOTokenLoadError", "TokenRetrievalError", "UnauthorizedSSOTokenError"),
        "not logged in at AWS ({text}): run `aws sso login` and then this again",
    ),
    (
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        (
            "the AWS credentials have expired ({code}): run `aws sso login` or export new ones, and then this again;"
            " where they are new, set this machine's clock"
        ),
    ),
    (
        (
            "AuthFailure",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        (
            "AWS does not take these credentials in {region} ({code}): check the key, this machine's clock, and whether"
            " the account has {region} enabled (`aws account list-regions`)"
        ),
    ),
    (
        ("OptInRequired",),
        "the account may not use {region} ({code}): enable the region in the AWS console, or set another region",
    ),
    (
        _DENIED,
        "these credentials may not do {action} in {region} ({code}): allow it in the policy of their user or role",
    ),
    (
        ("RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"),
        "AWS refused {action} in {region} {attempts} times for too many requests ({code}): try again later",
    ),
    (("InvalidRegionError",), "'{region}' is no region: set one such as us-west-2"),
    (
        (
            "ConnectTimeoutError",
            "ConnectionClosedError",
            "ConnectionError",
            "EndpointConnectionError",
            "HTTPClientError",
            "ProxyConnectionError",
            "ReadTimeoutError",
            "SSLError",
        ),
        (
            "AWS is out of reach ({text}): check that {region} is a region, the network, HTTPS_PROXY, AWS_CA_BUNDLE and"
            " AWS_ENDPOINT_URL"
        ),
    ),
]


class AwsError(LabError):
    """What AWS refused, with its code."""

    def __init__(self, message: str, code: str) -> None:
        """Keep the code, by which callers decide."""
        super().__init__(message)
        self.code = code

    @property
    def denied(self) -> bool:
        """Whether the credentials are good, but not for this."""
        return self.code in _DENIED


def error_code(error: Exception) -> str:
    """Return AWS's code for an error, or botocore's name for it."""
    if isinstance(error, ClientError):
        return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    return type(error).__name__


def explain_aws(error: Exception, region: str) -> str:
    """One line for what AWS or botocore answered, with its fix."""
    code = error_code(error)
    action = getattr(error, "operation_name", "the call")
    text = " ".join(str(error).split()).rstrip(".")
    for codes, answer in _ANSWERS:
        if code in codes:
            return answer.format(code=code, region=region, action=action, text=text, attempts=ATTEMPTS)
    return f"AWS refused {action} in {region}: {text}"


@contextmanager
def explained(region: str) -> Iterator[None]:
    """Turn what botocore raises into a LabError."""
    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:
        raise AwsError(explain_aws(error, region), error_code(error)) from error


def client(session: Session, service: str, region: str) -> Any:
    """Make a client that tries again, later each time, where AWS is busy or a connection breaks."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=10,
        max_pool_connections=_AT_ONCE,
    )
    with explained(region):
        return session.client(service, region_name=region, config=config)


def enabled_regions(session: Session) -> list[str]:
    """Every region that the account may use."""
    ec2 = client(session, "ec2", _FIRST_REGION)
    with explained(_FIRST_REGION):
        return sorted(region["RegionName"] for region in ec2.describe_regions()["Regions"])


# --- what is there ---


def _tags(thing: Mapping[str, Any]) -> dict[str, str]:
    """Its tags, which network interfaces and buckets call a set."""
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags") or thing.get("TagSet") or []}


def is_ours(tags: Mapping[str, str], project: str | None) -> bool:
    """Tell whether a thing belongs to a project; to any, where none is named."""
    return PROJECT in tags and project in (None, tags[PROJECT])


def _time(moment: datetime | str | None) -> str | None:
    if isinstance(moment, datetime):
        return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return moment


def _expiry(text: str | None) -> datetime | None:
    """Read the tag; a time without a zone is UTC. Raises ValueError where it is no time."""
    if not text:
        return None
    # Python 3.9 and 3.10 do not know the Z
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def describe(
    kind: str, identity: str, region: str, tags: Mapping[str, str], now: datetime, **facts: object
) -> Resource:
    """Put a thing of AWS into our words; the price comes later."""
    index = tags.get(TAG + "index", "")
    expires = tags.get(TAG + "expires") or None
    try:
        moment = _expiry(expires)
        readable = True
    except ValueError:
        moment, readable = None, False
    return {
        "type": kind,
        "id": identity,
        "name": tags.get("Name", ""),
        "region": region,
        "project": tags.get(PROJECT, ""),
        "owner": tags.get(TAG + "owner", ""),
        "expires": expires,
        "expires_readable": readable,
        "expired": moment is not None and moment <= now,
        "index": int(index) if index.isdecimal() else None,
        "part": tags.get(TAG + "part", ""),
        "tagged": PROJECT in tags,
        "state": "",
        "size_gb": None,
        "instance_type": None,
        "volume_type": None,
        "attached_to": None,
        "public_ip": None,
        "created": None,
        **facts,
    }


def _pages(ec2: Any, action: str, key: str, **asked: object) -> Iterator[dict[str, Any]]:
    """Every thing that a describe_ call answers, over all its pages."""
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
        for thing in _pages(self._ec2, action, key, Filters=[wanted, *filters], **asked):
            tags = _tags(thing)
            if is_ours(tags, self._project):
                yield thing, tags

    def _describe(self, kind: str, identity: str, tags: Mapping[str, str], **facts: object) -> Resource:
        return describe(kind, identity, self.name, tags, self._now, **facts)

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
            created=_time(instance.get("LaunchTime")),
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
            created=_time(volume.get("CreateTime")),
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
                created=_time(snapshot.get("StartTime")),
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
                "key_pair", key["KeyPairId"], {**tags, "Name": key["KeyName"]}, created=_time(key.get("CreateTime"))
            )
            for key, tags in self._ours("describe_key_pairs", "KeyPairs")
        ]

    def untagged(self, found: Sequence[Resource]) -> list[Resource]:
        """Volumes and addresses without our tag that hang on our instances and cost for them."""
        ours = (thing for thing in found if thing["type"] == "instance" and thing["region"] == self.name)
        machines = {thing["id"]: thing for thing in ours}
        known = {thing["id"] for thing in found}
        extra = []
        for some in _chunks(list(machines), _FILTER_VALUES):
            disks = [{"Name": "attachment.instance-id", "Values": some}]
            volumes = _pages(self._ec2, "describe_volumes", "Volumes", Filters=disks)
            extra += [self._volume(volume, _tags(volume)) for volume in volumes]
            hosts = [{"Name": "instance-id", "Values": some}]
            addresses = _pages(self._ec2, "describe_addresses", "Addresses", Filters=hosts)
            extra += [self._address(address, _tags(address)) for address in addresses]
        return [
            {**thing, **{key: machines[thing["attached_to"]][key] for key in ("project", "owner")}}
            for thing in extra
            if thing["id"] not in known and thing["attached_to"] in machines and not thing["tagged"]
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
        if error_code(error) in _DENIED:
            return None
        raise
    return round(size / (1 << 30), 6)


def _bucket(s3: Any, bucket: Mapping[str, Any], project: str | None, now: datetime) -> Resource | None:
    """Describe a bucket where it is ours; None where it is not."""
    name = bucket["Name"]
    try:
        tags = _tags(s3.get_bucket_tagging(Bucket=name))
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
    facts = {"size_gb": size, "created": _time(bucket.get("CreationDate"))}
    return describe("bucket", name, region, {**tags, "Name": name}, now, **facts)


class _Look:
    """Runs calls in threads; remembers where the credentials are not allowed to look."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.denied: dict[str, AwsError] = {}

    def _one(self, job: tuple[str, Callable[[], _Seen]]) -> _Seen | None:
        place, call = job
        try:
            with explained(place):
                return call()
        except AwsError as error:
            if not error.denied:
                raise
            self.denied.setdefault(place, error)
            return None

    def at(self, jobs: Iterable[tuple[str, Callable[[], _Seen]]]) -> list[_Seen]:
        """Return what the calls found, in their order; a job is a place and its call."""
        return [seen for seen in self._pool.map(self._one, jobs) if seen]


def survey(
    session: Session,
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
    if IMPORT_ERROR:
        raise LabError(f"{IMPORT_ERROR}: install boto3 for {sys.executable}, or use the Python that scripts/up made")
    now = now or datetime.now(timezone.utc)
    asked = [regions] if isinstance(regions, str) else list(dict.fromkeys(regions))
    everywhere = "all" in asked
    names = enabled_regions(session) if everywhere else asked
    if not names or not all(names):
        raise LabError("no region is given: set one such as us-west-2, or `all`")
    # Clients first: they are made for threads, a session is not
    places = [_Region(client(session, "ec2", name), name, project, now) for name in names]
    s3 = client(session, "s3", names[0])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        look = _Look(pool)
        found = list(chain.from_iterable(look.at((place.name, kind) for place in places for kind in place.kinds)))
        # An organisation may forbid some regions: they are passed over where all were asked for
        if look.denied and (not everywhere or len(look.denied) == len(places)):
            raise next(iter(look.denied.values()))
        if untagged:
            extra = look.at((place.name, partial(place.untagged, found)) for place in places)
            found += chain.from_iterable(extra)
        found += _buckets(look, s3, names, project, now)
    for text in look.denied.values():
        warn(f"not looked at: {text}")
    return sorted(priced(found, prices or Prices()), key=_order)


def _buckets(look: _Look, s3: Any, regions: Sequence[str], project: str | None, now: datetime) -> list[Resource]:
    """Find the buckets of the account in these regions; S3 has no filter, so each is asked for its tags."""
    listed = look.at([("S3", s3.list_buckets)])
    names = [bucket for answer in listed for bucket in answer["Buckets"]]
    near = [bucket for bucket in names if bucket.get("BucketRegion", regions[0]) in regions]
    ours = look.at(("some buckets", partial(_bucket, s3, bucket, project, now)) for bucket in near)
    return [bucket for bucket in ours if bucket and bucket["region"] in regions]


def _order(thing: Resource) -> tuple[object, ...]:
    return (
        thing["project"],
        thing["region"],
        TYPES.index(thing["type"]),
        thing["index"] or 0,
        thing["name"],
        thing["id"],
    )


# --- what it comes to ---


def priced(things: Iterable[Resource], prices: Prices) -> list[Resource]:
    """Return the things with their price per hour and month; None where it is not known."""
    result = []
    for thing in things:
        hourly = prices.hourly(thing)
        monthly = None if hourly is None else round(hourly * HOURS, 4)
        result.append({**thing, "hourly_usd": None if hourly is None else round(hourly, 6), "monthly_usd": monthly})
    return result


def total(things: Iterable[Resource], key: str) -> float:
    """Sum of the known prices."""
    return round(sum(thing[key] or 0 for thing in things), 4)


def unpriced(things: Iterable[Resource]) -> list[str]:
    """Tell what has no known price, in words."""
    return list(dict.fromkeys(_words(thing) for thing in things if thing["monthly_usd"] is None))


def overdue(things: Iterable[Resource]) -> list[Resource]:
    """Return what costs money, or may, beyond its expiry; an expiry that nobody can read counts as one that is past."""
    late = (thing for thing in things if thing["expired"] or not thing["expires_readable"])
    return [thing for thing in late if thing["monthly_usd"] != 0]


_WISH = ("type", "name", "region", "count", "size_gb", "instance_type", "volume_type")
_NEEDS = {"instance": "instance_type", "volume": "size_gb", "snapshot": "size_gb"}


def plan(wishes: Iterable[Mapping[str, Any]], region: str, prices: Prices) -> list[Resource]:
    """Return what a run would make: each wish with the price of all of its `count` things together."""
    things = []
    for number, wish in enumerate(wishes, start=1):
        _check_wish(f"planned: entry {number}", wish)
        kind, count = wish["type"], int(wish.get("count", 1))
        size = wish.get("size_gb", 0 if kind == "bucket" else None)  # a new bucket is empty
        thing = {
            "type": kind,
            "name": str(wish.get("name") or ""),
            "region": wish.get("region") or region,
            "count": count,
            "size_gb": None if size is None else float(size),
            "instance_type": wish.get("instance_type"),
            "volume_type": wish.get("volume_type") or ("gp3" if kind == "volume" else None),
        }
        [thing] = priced([thing], prices)
        for key in ("hourly_usd", "monthly_usd"):
            thing[key] = thing[key] if thing[key] is None else round(thing[key] * count, 6)
        things.append(thing)
    return things


def _check_wish(where: str, wish: Mapping[str, Any]) -> None:
    unknown = sorted(set(wish) - set(_WISH))
    if unknown:
        raise LabError(f"{where}: unknown key '{unknown[0]}': use {', '.join(_WISH)}")
    kind = wish.get("type")
    if kind not in TYPES:
        raise LabError(f"{where}: type is {kind!r}: set it to one of {', '.join(TYPES)}")
    needed = _NEEDS.get(kind)
    if needed and not wish.get(needed):
        raise LabError(f"{where}: a planned {kind} needs {needed}: set it")
    for key, least in (("count", 0), ("size_gb", 0)):
        try:
            right = float(wish.get(key) or 0) >= least and (key != "count" or int(wish.get(key, 1)) >= 0)
        except (TypeError, ValueError):
            right = False
        if not right:
            raise LabError(f"{where}: {key} is {wish[key]!r}: set it to a number that is not below {least}")


# --- for people ---


def _words(thing: Mapping[str, Any]) -> str:
    """Tell what a price depends on."""
    kind = thing["type"]
    if kind == "instance":
        automatic = thing.get("automatic_addresses") or 0
        return f"{thing['instance_type']}{f' + {automatic} public IPv4' if automatic else ''}"
    size = f"{thing['size_gb']:g} GB" if thing.get("size_gb") is not None else ""
    if kind == "volume":
        return f"{size} {thing['volume_type']}"
    if kind == "address":
        return thing.get("public_ip") or "public IPv4"
    return size or ("size not counted" if kind == "bucket" else "")


def _until(thing: Mapping[str, Any]) -> str:
    if not thing["tagged"]:
        return "no tag of ours"
    if not thing["expires_readable"]:
        return f"unreadable: {thing['expires']}"
    return f"{thing['expires'] or 'never'}{' PAST' if thing['expired'] else ''}"


def _dollars(amount: float | None, digits: int) -> str:
    return "unknown" if amount is None else f"{amount:.{digits}f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns side by side, the last two, which are numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    left = len(widths) - 2
    return [
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths))
        )
        for row in rows
    ]


def table(things: Sequence[Resource], prices: Prices) -> list[str]:
    """Lines that show what there is, what it costs and until when it is wanted, by project and region."""
    if not things:
        return ["Nothing carries our tags."]
    rows = [("TYPE", "NAME", "ID", "WHAT", "STATE", "EXPIRES", "$/HOUR", "$/MONTH")]
    rows += [
        (
            thing["type"],
            thing["name"],
            thing["id"],
            _words(thing),
            thing["state"],
            _until(thing),
            _dollars(thing["hourly_usd"], 4),
            _dollars(thing["monthly_usd"], 2),
        )
        for thing in things
    ]
    head, *lines = _aligned([*rows, _sum_row(things, len(rows[0]))])
    shown, last = [head], lines.pop()
    group = None
    for thing, line in zip(things, lines):
        if group != (thing["project"], thing["region"]):
            group = (thing["project"], thing["region"])
            shown.append(f"{group[0] or '(no project)'} in {group[1]}")
        shown.append(line)
    return [*shown, last, *_notes(things, prices)]


def plan_table(things: Sequence[Resource], prices: Prices) -> list[str]:
    """Lines that show what would be made, and what it would cost."""
    if not things:
        return []
    rows = [("TYPE", "NAME", "COUNT", "WHAT", "REGION", "$/HOUR", "$/MONTH")]
    rows += [
        (
            thing["type"],
            thing["name"],
            str(thing["count"]),
            _words(thing),
            thing["region"],
            _dollars(thing["hourly_usd"], 4),
            _dollars(thing["monthly_usd"], 2),
        )
        for thing in things
    ]
    return [*_aligned([*rows, _sum_row(things, len(rows[0]))]), *_notes(things, prices)]


def _sum_row(things: Sequence[Resource], columns: int) -> tuple[str, ...]:
    sums = _dollars(total(things, "hourly_usd"), 4), _dollars(total(things, "monthly_usd"), 2)
    return "total", *[""] * (columns - 3), *sums


def _notes(things: Sequence[Resource], prices: Prices) -> list[str]:
    notes = [f"Estimated from prices of {prices.date}; {NOT_COUNTED}."]
    without = unpriced(things)
    if without:
        notes.insert(0, f"The total lacks what has no known price: {', '.join(without)}. Tell it in `prices`.")
    return notes
