"""Fixtures for the tests of this scenario."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

SECRETS = "/srv/standin/secrets"


@pytest.fixture
def sign_in(host: Host) -> Callable[..., list[dict[str, Any]]]:
    """Sign in with the password in a file on the host; return the answers to that, and to each path asked for then."""

    def browse(
        user: str, *paths: str, url: str = "http://127.0.0.1:8787", password: str = "", cookie: str = "cookie"
    ) -> list[dict[str, Any]]:
        host.run("rm -f /srv/standin/cookie")
        command = "python3 /srv/standin/client.py %s %s %s %s" + " %s" * len(paths)
        arguments = (url, user, f"{SECRETS}/{password or user}", f"/srv/standin/{cookie}", *paths)
        return list(json.loads(host.check_output(command, *arguments)))

    return browse
