"""Fixtures for the tests of this scenario."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def servers() -> dict[str, Any]:
    """Read the addresses of the scenario's servers, as files/servers.py has written them."""
    address_file = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "servers.json")
    return dict(json.loads(address_file.read_text(encoding="utf-8")))
