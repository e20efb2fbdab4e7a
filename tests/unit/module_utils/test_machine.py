"""What is measured of a machine."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.labserver.machine import measure


def test_a_container_has_what_its_control_group_leaves(tmp_path: Path) -> None:
    for name, text in {
        "proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\nSwapTotal: 1048576 kB\nSwapFree: 524288 kB\n",
        "proc/loadavg": "0.50 1.25 2.00 3/200 4242\n",
        "proc/self/cgroup": "0::/lab\n",
        "sys/fs/cgroup/lab/memory.max": f"{1 << 30}\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "srv").mkdir()
    found = measure(["/", "/srv", "/missing"], tmp_path)
    assert found["load"] == [0.5, 1.25, 2.0]
    assert found["memory_mb"] == {"total": 1024, "free": 1024}
    assert found["swap_mb"] == {"total": 1024, "free": 512}
    assert [disk["path"] for disk in found["disks"]] == ["/"]
    assert found["cores"] == len(os.sched_getaffinity(0))


def test_this_machine_is_measured() -> None:
    found = measure(["/", "/proc"])
    assert 0 < found["memory_mb"]["free"] <= found["memory_mb"]["total"]
    assert 0 < found["disks"][0]["free_mb"] <= found["disks"][0]["total_mb"]
    assert [disk["path"] for disk in found["disks"]] == ["/", "/proc"]
