"""What lsblk, wipefs and findmnt report about a block device and the folder that it is to be mounted at."""

from __future__ import annotations

import json
from typing import Any

from .fstab import entries


def _rows(output: str, key: str) -> list[dict[str, Any]]:
    """Return a table of the JSON that the programs of util-linux print; nothing prints nothing."""
    return list(json.loads(output or "{}").get(key, []))


def first_device(lsblk: str) -> dict[str, Any]:
    """Name and partitions of the first device in ``lsblk --json --paths --output=NAME,TYPE``."""
    for row in _rows(lsblk, "blockdevices"):
        return {"name": row["name"], "partitions": [child["name"] for child in row.get("children", [])]}
    return {}


def signatures(wipefs: str) -> dict[str, Any]:
    """Return what is on a device, from ``wipefs --json --output=TYPE,UUID``."""
    rows = _rows(wipefs, "signatures")
    return {
        "signatures": list(dict.fromkeys(row["type"] for row in rows)),
        "uuid": next((row["uuid"] for row in rows if row.get("uuid")), ""),
    }


def mounts(findmnt: str, device: str, path: str) -> dict[str, Any]:
    """Return where a device is mounted and what is mounted at a folder, from ``findmnt --json --list``."""
    rows = [(row["source"], row["target"]) for row in _rows(findmnt, "filesystems")]
    return {
        "mounted": (device, path) in rows,
        "other_targets": [target for source, target in rows if device and source == device and target != path],
        "other_sources": [source for source, target in rows if source != device and target == path],
    }


def lines_of(fstab: str, path: str, findmnt: str) -> dict[str, Any]:
    """Return whose lines fstab has about a folder, where else ours mount, and whether ours is what is mounted."""
    found = [entry for entry in entries(fstab) if entry.kind != "swap"]
    here = [entry for entry in found if entry.target.rstrip("/") == path.rstrip("/")]
    ours = {entry.source for entry in here if entry.ours}
    uuids = [f"UUID={row.get('uuid')}" for row in _rows(findmnt, "filesystems") if row["target"] == path]
    return {
        "recorded": bool(ours),
        "recorded_mounted": bool(uuids) and uuids[-1] in ours,
        "recorded_elsewhere": [entry.target for entry in found if entry.ours and entry not in here],
        "foreign_lines": [entry.line.strip() for entry in here if not entry.ours],
    }
