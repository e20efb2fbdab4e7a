"""A swap file in use, one that is not, and one that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import swap_file_info
from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from tests.support.modules import RunModule

HEADER = "Filename\tType\tSize\tUsed\tPriority\n"


@pytest.fixture
def proc_swaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the kernel's list, and for a df that reports ext4."""
    swaps = tmp_path / "swaps"
    swaps.write_text(HEADER)
    monkeypatch.setattr(swap_file_info, "PROC_SWAPS", swaps)
    report_file_system(monkeypatch, "ext4")
    return swaps


def report_file_system(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def df(_module: AnsibleModule, command: list[str], **_: Any) -> tuple[int, str, str]:
        assert command[0] == "df"
        return 0, f"Type Avail\n{kind} 5000\n", ""

    monkeypatch.setattr(AnsibleModule, "run_command", df)


def test_a_swap_file_in_use_has_its_size(proc_swaps: Path, tmp_path: Path, run_module: RunModule) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "swap")
    proc_swaps.write_text(f"{HEADER}{(tmp_path / 'swap').resolve()} file\t{64 * 1024 - 4}\t0\t-2\n")
    for path in (tmp_path / "swap", link):  # the kernel lists the canonical path
        result = run_module("swap_file_info", path=path)
        assert (result["changed"], result["size_mb"], result["available"]) == (False, 64, True)


@pytest.mark.usefixtures("proc_swaps")
def test_one_that_is_not_in_use_has_none(tmp_path: Path, run_module: RunModule) -> None:
    result = run_module("swap_file_info", path=tmp_path / "swap", check=True)
    assert (result["size_mb"], result["file_system"], result["free_mb"]) == (0, "ext4", 5000)


@pytest.mark.usefixtures("proc_swaps")
def test_a_folder_that_is_not_there_has_no_file_system(tmp_path: Path, run_module: RunModule) -> None:
    result = run_module("swap_file_info", path=tmp_path / "missing" / "swap")
    assert (result["failed"], result["file_system"]) == (False, "")


@pytest.mark.usefixtures("proc_swaps")
def test_a_file_system_that_cannot_hold_swap_is_the_reason(
    tmp_path: Path, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_file_system(monkeypatch, "overlay")
    result = run_module("swap_file_info", path=tmp_path / "swap")
    assert not result["available"]
    assert "a file on overlay" in result["reason"]
    assert "set swap_path" in result["reason"]


def test_a_kernel_without_swap_is_the_reason(proc_swaps: Path, tmp_path: Path, run_module: RunModule) -> None:
    proc_swaps.unlink()
    assert "built without swap" in run_module("swap_file_info", path=tmp_path / "swap")["reason"]


def test_a_path_is_needed(run_module: RunModule) -> None:
    assert "missing required arguments: path" in run_module("swap_file_info")["msg"]
