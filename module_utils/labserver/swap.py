"""What the kernel and df report about a swap file."""

from __future__ import annotations

import re

# File systems on whose files the kernel does not swap
UNSUPPORTED = ("aufs", "nfs", "nfs4", "overlay", "ramfs", "squashfs", "tmpfs", "zfs")
MIB = 1024  # KiB


def swap_size_mb(proc_swaps: str, path: str, page_size: int) -> int | None:
    """Return the size of a swap file in use in MiB, as /proc/swaps lists it; None when it is not in use."""
    for line in proc_swaps.splitlines()[1:]:
        name, _, kib = line.split()[:3]
        if re.sub(r"\\([0-7]{3})", lambda escape: chr(int(escape[1], 8)), name) == path:
            return (int(kib) + page_size // 1024) // MIB  # the kernel leaves out the page of the signature
    return None


def file_system_of(df: str) -> tuple[str, int]:
    """Return type and free MiB from the output of ``df --output=fstype,avail --block-size=1M``."""
    kind, available = df.splitlines()[-1].split()
    return kind, int(available)
