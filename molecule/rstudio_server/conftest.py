"""What is the same on every distribution is done on Debian 13 only: the upgrade, and Apache in front."""

from __future__ import annotations

import pytest

ON_ONE_HOST = {"tests_upgraded", "tests_proxied"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the other host's tests."""
    items[:] = [item for item in items if item.path.parent.name not in ON_ONE_HOST or "debian13" in item.nodeid]
