"""A resource of AWS in our words, and its tags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

TAG = "labserver:"
PROJECT = TAG + "project"
TYPES = (
    "spot_request",
    "instance",
    "volume",
    "address",
    "interface",
    "snapshot",
    "security_group",
    "key_pair",
    "instance_profile",
    "bucket",
    "budget",
)

Resource = dict[str, Any]


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Its tags, which network interfaces and buckets call a set."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or resource.get("TagSet") or []}


def utc(moment: datetime | str | None) -> str | None:
    """Write a time as our tags do."""
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


def new_resource(
    kind: str, identity: str, region: str, tags: Mapping[str, str], now: datetime, **facts: object
) -> Resource:
    """Describe a resource; the price comes later."""
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
        "spot": False,
        "profile": None,
        "volume_type": None,
        "attached_to": None,
        "public_ip": None,
        "created": None,
        **facts,
    }


def tag_specification(kind: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tags in the form in which the call that creates something takes them."""
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
