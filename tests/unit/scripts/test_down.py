"""What scripts/down --all removes of the checkout, and what it says where it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from down import remove
from machine import ScriptError


def test_a_folder_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    remove(tmp_path / "venv")
    remove(tmp_path / "venv")
    assert not (tmp_path / "venv").exists()


def test_what_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied", "cache.pyc")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(ScriptError, match=f"cache.pyc could not be removed: .*sudo rm -r {tmp_path}"):
        remove(tmp_path)
