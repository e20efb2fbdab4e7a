"""A sheet for each user who may log in to each host."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest


@pytest.fixture
def handout() -> Path:
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "secrets", "handout.html")


def test_only_its_owner_may_read_it(handout: Path) -> None:
    assert stat.S_IMODE(handout.stat().st_mode) == 0o600


def test_each_user_of_each_host_has_a_sheet(handout: Path) -> None:
    sheets = handout.read_text(encoding="utf-8").split("<section>")[1:]
    assert len(sheets) == 8  # four hosts, two users
    for name in ("lab-1/ada", "lab-1/ben", "lab-2/ada"):
        host, user = name.split("/")
        (sheet,) = [sheet for sheet in sheets if f"secret of {name}<" in sheet]
        assert f"<code>{user}</code>" in sheet
        assert f'href="http://{host}.example.org/"' in sheet
        assert f'href="http://{host}.example.org/class/"' in sheet
        assert "not available on this server" in sheet
    assert "carl" not in handout.read_text(encoding="utf-8")
