"""How a machine is doing at this moment: load, memory, swap and disks."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .memory import usable_mb


def measure(paths: Iterable[str], root: Path = Path("/")) -> dict[str, Any]:
    """Return the measurements, sizes in MiB; of the paths those that exist, and one of each file system."""
    fields = (root / "proc/meminfo").read_text(encoding="utf-8").split()

    def mib(name: str) -> int:
        return int(fields[fields.index(f"{name}:") + 1]) >> 10

    memory = usable_mb(root)
    load = (root / "proc/loadavg").read_text(encoding="utf-8").split()[:3]
    return {
        "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "load": [float(number) for number in load],
        "cores": len(os.sched_getaffinity(0)),
        # A control group may have less than the machine has free
        "memory_mb": {"total": memory, "free": min(memory, mib("MemAvailable"))},
        "swap_mb": {"total": mib("SwapTotal"), "free": mib("SwapFree")},
        "disks": _disks(paths, root),
    }


def _disks(paths: Iterable[str], root: Path) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for path in paths:
        place = root / path.lstrip("/")
        if place.is_dir() and (device := place.stat().st_dev) not in found:
            room = os.statvfs(place)
            size, free = (number * room.f_frsize >> 20 for number in (room.f_blocks, room.f_bavail))
            found[device] = {"path": path, "total_mb": size, "free_mb": free}
    return list(found.values())
