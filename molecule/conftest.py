"""Fixtures for the tests of all scenarios."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for tests.support

# The hosts have Python but no curl
ASK = """
import json, sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[1], method=sys.argv[2]), timeout=60)
except urllib.error.HTTPError as error:
    answer = error
print(json.dumps([answer.status, dict(answer.headers), answer.read().decode()]))
"""


@dataclass
class Answer:
    """What a web server answered."""

    status: int
    headers: dict[str, str]
    text: str

    def shows(self, page: str) -> bool:
        """Return whether it is this page, into which the server puts the header."""
        before, _, after = page.partition('<!--#include virtual="/header.html" -->')
        return self.text.startswith(before) and self.text.endswith(after)


@pytest.fixture
def fetch(host: Host) -> Callable[..., Answer]:
    """Ask the host's own web server."""

    def ask(path: str, method: str = "GET", port: int = 80) -> Answer:
        result = host.run("python3 -c %s %s %s", ASK, f"http://127.0.0.1:{port}{path}", method)
        assert result.succeeded, result.stderr
        return Answer(*json.loads(result.stdout))

    return ask


@pytest.fixture
def component(host: Host) -> Callable[[str], dict[str, Any]]:
    """Read what a role recorded on the host; an empty mapping where it recorded nothing."""

    def read(name: str) -> dict[str, Any]:
        fact = host.file(f"/etc/ansible/facts.d/labserver_{name}.fact")
        return dict(json.loads(fact.content_string)) if fact.exists else {}

    return read


@pytest.fixture
def swaps(host: Host) -> dict[str, int]:
    """Read the swap in use, path to MiB; the kernel leaves out the page of the signature."""
    lines = [line.split() for line in host.check_output("cat /proc/swaps").splitlines()[1:]]
    return {line[0]: (int(line[2]) + 4) // 1024 for line in lines}


@pytest.fixture
def sign_in(host: Host) -> Callable[..., list[dict[str, Any]]]:
    """Sign in to RStudio's stand-in with the password in a file on the host; return the answers.

    They are to that, and to each path asked for then.
    """

    def browse(
        user: str, *paths: str, url: str = "http://127.0.0.1:8787", password: str = "", cookie: str = "cookie"
    ) -> list[dict[str, Any]]:
        host.run("rm -f /srv/standin/cookie")
        command = "python3 /srv/standin/client.py %s %s %s %s" + " %s" * len(paths)
        arguments = (url, user, f"/srv/standin/secrets/{password or user}", f"/srv/standin/{cookie}", *paths)
        return list(json.loads(host.check_output(command, *arguments)))

    return browse
