"""The memory of a host, from trees of files as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.labserver.memory import usable_mb

GROUPS = {
    "none": ("", {}),
    "v1, as a container of the machine's tree": (
        "5:memory:/docker/abc\n1:name=systemd:/docker/abc\n",
        {"memory/docker/abc/memory.limit_in_bytes": "2147483648"},
    ),
    "v1, no limit": ("5:memory:/docker/abc\n", {"memory/docker/abc/memory.limit_in_bytes": "9223372036854771712"}),
    "v2, own tree": ("0::/\n", {"memory.max": "1073741824"}),
    "v2, a limit above": (
        "0::/a/b\n",
        {"a/b/memory.max": "max", "a/memory.max": "536870912", "memory.max": "1073741824"},
    ),
}


@pytest.mark.parametrize(("name", "expected"), [*zip(GROUPS, [8000, 2048, 8000, 1024, 512], strict=True)])
def test_the_least_limit_counts(tmp_path: Path, name: str, expected: int) -> None:
    groups, limits = GROUPS[name]
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal:        8192000 kB\nMemFree:         100 kB\n")
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for path, limit in limits.items():
        file = tmp_path / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{limit}\n")
    assert usable_mb(tmp_path) == expected


def test_this_machine_has_some() -> None:
    assert usable_mb() > 100
