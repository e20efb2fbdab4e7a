"""Whole files or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.labserver import files
from ansible.module_utils.labserver.errors import LabError


def test_a_file_that_vanishes_while_it_is_looked_at_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "part"
    path.write_bytes(b"")
    # that it exists is old news: another run has just renamed it
    monkeypatch.setattr(Path, "exists", lambda _: True)
    with path.open("rb") as opened:
        assert files.has_name(opened.fileno(), path)
        path.unlink()
        assert not files.has_name(opened.fileno(), path)


def test_an_old_file_keeps_its_mode(tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_text("old")
    dest.chmod(0o600)
    with files.replacing(dest) as part:
        part.write(b"new")
    assert dest.read_text() == "new"
    assert dest.stat().st_mode & 0o777 == 0o600


def test_a_link_is_not_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with pytest.raises(LabError, match="set `dest` to"), files.replacing(link) as part:
        part.write(b"new")
    assert link.is_symlink()
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]
