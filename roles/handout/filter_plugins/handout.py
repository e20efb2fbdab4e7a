"""What the sheets of role handout say of a host."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

KINDS = ("ed25519", "ecdsa", "rsa")


def ssh_fingerprints(facts: Mapping[str, Any]) -> list[str]:
    """Return the fingerprints of a host's SSH keys as ssh shows them, from its facts; none where it has no keys."""
    keys = {kind.upper(): facts.get(f"ssh_host_key_{kind}_public") for kind in KINDS}
    digests = {kind: hashlib.sha256(base64.b64decode(key)).digest() for kind, key in keys.items() if key}
    return [f"SHA256:{base64.b64encode(digest).decode().rstrip('=')} ({kind})" for kind, digest in digests.items()]


def active_users(users: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of those who may log in."""
    return [user["name"] for user in users if user.get("state", "present") == "present"]


class FilterModule:
    """What Ansible asks this file for."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names templates use."""
        return {"ssh_fingerprints": ssh_fingerprints, "active_users": active_users}
