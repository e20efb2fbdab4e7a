"""After the removal the engine has nothing of the project but its images."""

from __future__ import annotations

import pytest
from testinfra.host import Host


@pytest.mark.parametrize("listing", ["ps --all --quiet", "volume ls --quiet", "network ls --quiet"])
def test_nothing_is_left(host: Host, listing: str) -> None:
    assert host.check_output(f"docker {listing} --filter label=labserver.project=molecule-sandbox") == ""
