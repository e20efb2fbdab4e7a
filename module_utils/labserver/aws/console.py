"""The keys by which SSH knows a machine: read from what it wrote on its console, kept in a known_hosts file."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Callable

from .errors import ClientError, error_code

_BLOCK = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL)
# The console may put a time or the name of a program before each line, and a comment follows the key
_KEY = re.compile(r"\b((?:ssh|ecdsa)-[a-z0-9-]+) ([A-Za-z0-9+/]{40,}={0,2})(?=\s|$)")
_PAUSE = 5  # seconds between two requests for the console output


def keys_on_console(text: str) -> list[str]:
    """Return the public host keys, as `type base64`, that cloud-init wrote last; none where it has not yet."""
    blocks = _BLOCK.findall(text)
    if not blocks:
        return []
    return [f"{kind} {key}" for kind, key in _KEY.findall(blocks[-1]) if _is_key(kind, key)]


def _is_key(kind: str, key: str) -> bool:
    """Whether the key is whole: fields, each with its length before it, of which the first is the type."""
    try:
        blob = base64.b64decode(key, validate=True)
    except binascii.Error:
        return False
    end = 0
    while end < len(blob):
        end += 4 + int.from_bytes(blob[end : end + 4], "big")
    return end == len(blob) and blob[4:].startswith(kind.encode()) and int.from_bytes(blob[:4], "big") == len(kind)


def is_about(line: str, address: str) -> bool:
    """Whether a line of known_hosts is about an address, also where ssh has hashed it."""
    words = line.split()
    if not words or line.startswith("#"):
        return False
    hosts = words[1] if words[0].startswith("@") and len(words) > 1 else words[0]
    if hosts.startswith("|1|"):
        _, _, salt, digest = hosts.split("|", 3)
        try:
            made = hmac.new(base64.b64decode(salt), address.encode(), hashlib.sha1).digest()
            return hmac.compare_digest(made, base64.b64decode(digest))
        except binascii.Error:
            return False
    return address in (re.sub(r"^\[(.*)\]:\d+$", r"\1", host) for host in hosts.split(","))


def is_known(text: str, address: str) -> bool:
    """Whether known_hosts has a key for an address."""
    return any(is_about(line, address) for line in text.splitlines())


def known_instances(text: str, address: str) -> set[str]:
    """Return which instances the keys of an address are of, as `add_keys` notes it behind them; SSH notes nothing."""
    lines = (line for line in text.splitlines() if is_about(line, address))
    return {instance for line in lines for instance in re.findall(r" (i-\w+)$", line)}


def remove_keys(text: str, addresses: Collection[str]) -> str:
    """Return the text without the lines about these addresses."""
    kept = (line for line in text.splitlines() if not any(is_about(line, address) for address in addresses))
    return "".join(f"{line}\n" for line in kept)


def keys_of(text: str, instance: str) -> list[str]:
    """Return the keys noted as those of an instance, at whatever address."""
    lines = (line.split() for line in text.splitlines() if line.endswith(f" {instance}"))
    return list(dict.fromkeys(" ".join(words[1:3]) for words in lines))


def add_keys(text: str, keys: Mapping[str, Iterable[str]], instances: Mapping[str, str]) -> str:
    """Return the text with these keys of addresses, and their instances, in place of earlier keys.

    An address that such an instance had before is forgotten: another machine may have it by now.
    """
    lines = [f"{address} {key} {instances[address]}\n" for address in keys for key in keys[address]]
    moved = tuple(f" {instances[address]}" for address in keys)
    kept = (line for line in remove_keys(text, list(keys)).splitlines() if not line.endswith(moved))
    return "".join([*(f"{line}\n" for line in kept), *lines])


def wait_for_keys(
    machines: Sequence[Mapping[str, str]],
    console: Callable[[str], str],
    wait: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, list[str]]:
    """Return the keys of the machines by address, as far as their consoles show them within `wait` seconds."""
    end = clock() + wait
    found: dict[str, list[str]] = {}
    while True:
        for machine in machines:
            if machine["address"] not in found and (keys := keys_on_console(console(machine["id"]))):
                found[machine["address"]] = keys
        if len(found) == len(machines) or clock() >= end:
            return found
        sleep(min(_PAUSE, max(0.0, end - clock())))


def console_output(ec2: Any, instance: str) -> str:
    """Return what a machine wrote on its console: the latest if its type supports that, else what AWS kept."""
    try:
        answer = ec2.get_console_output(InstanceId=instance, Latest=True)
    except ClientError as error:
        if error_code(error) not in ("UnsupportedOperation", "InvalidParameterCombination"):
            raise
        answer = ec2.get_console_output(InstanceId=instance)
    return str(answer.get("Output") or "")
