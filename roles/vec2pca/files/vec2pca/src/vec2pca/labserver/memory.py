"""How much memory a host may use: a container sees that of its machine, and its control group may have less."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_LARGEST = 1 << 50  # bytes; a larger limit is none


def usable_mb(root: Path = Path("/")) -> int:
    """Return the MiB of memory: the machine's, or the least limit of the control groups that this process is in."""
    fields = (root / "proc/meminfo").read_text(encoding="utf-8").split()
    total = int(fields[fields.index("MemTotal:") + 1]) << 10
    return min([total, *limits(root)]) >> 20


def limits(root: Path = Path("/")) -> Iterator[int]:
    """Yield the limits in bytes of this process's control groups: of version 2 (one tree), of 1 (a tree for memory)."""
    for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        tree = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        group = tree / path.lstrip("/")
        for folder in (group, *group.parents):
            text = (folder / name).read_text(encoding="utf-8").strip() if (folder / name).is_file() else ""
            if text.isdecimal() and int(text) < _LARGEST:
                yield int(text)
            if folder == tree:
                break
