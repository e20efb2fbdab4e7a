"""What the kernel and df report is read as they write it."""

from __future__ import annotations

import pytest
from ansible.module_utils.labserver.swap import file_system_of, swap_size_mb

HEADER = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


@pytest.mark.parametrize(("kib", "page_size"), [(65532, 4096), (65472, 65536)])
def test_the_page_of_the_signature_counts(kib: int, page_size: int) -> None:
    swaps = f"{HEADER}/dev/sda2                               partition\t999\t0\t-2\n/srv/a.swap file\t{kib}\t0\t-3\n"
    assert swap_size_mb(swaps, "/srv/a.swap", page_size) == 64


def test_only_the_path_itself_is_found() -> None:
    swaps = f"{HEADER}/srv/a.swap.old file\t65532\t0\t-3\n"
    assert swap_size_mb(swaps, "/srv/a.swap", 4096) is None
    assert swap_size_mb(HEADER, "/srv/a.swap", 4096) is None


def test_a_path_with_a_space_is_found() -> None:
    assert swap_size_mb(f"{HEADER}/srv/a\\040b file\t65532\t0\t-3\n", "/srv/a b", 4096) == 64


def test_df_is_read() -> None:
    assert file_system_of("Type     Avail\next4     13954\n") == ("ext4", 13954)
