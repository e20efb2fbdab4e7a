"""Check a vendor's signature inside a deb or an rpm against one key, by the key's whole fingerprint.

Neither system does so by itself: dpkg checks no signature of a package, and rpm takes a key for all packages, and shows
of it the last eight digits only.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import LabError

Run = Callable[..., tuple[int, str]]  # runs a program; returns its exit status and its output
PUBLIC_KEY = 6  # OpenPGP's packet tag
AR_HEADER = 60


class UncheckedError(Exception):
    """The signature cannot be checked here, for this reason. That says nothing against the package."""


def unarmor(text: bytes) -> bytes:
    """Return a key in its binary form."""
    if not text.startswith(b"-----"):
        return text
    found = re.search(rb"-----BEGIN [^\n]*\n(?:[^\n]+\n)*\r?\n(.*?)\r?\n[=-]", text, re.DOTALL)
    return base64.b64decode(found[1]) if found else b""


def armor(key: bytes) -> str:
    """Return a key in the form that rpmkeys imports."""
    crc = 0xB704CE
    for byte in key:
        crc ^= byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    lines = base64.encodebytes(key).decode()
    checksum = base64.b64encode(crc.to_bytes(3, "big")).decode()
    return f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{lines}={checksum}\n-----END PGP PUBLIC KEY BLOCK-----\n"


def packets(content: bytes) -> list[tuple[int, bytes, bytes]]:
    """Split OpenPGP data into packets: tag, body, and the whole packet."""
    found, at = [], 0
    while at < len(content):
        first = content[at]
        if first & 0x40:  # the newer format
            tag, length = first & 0x3F, content[at + 1]
            size, start = length, at + 2
            if 192 <= length < 224:
                size, start = ((length - 192) << 8) + content[at + 2] + 192, at + 3
            elif length == 255:
                size, start = int.from_bytes(content[at + 2 : at + 6], "big"), at + 6
        else:
            tag, octets = (first >> 2) & 0x0F, 1 << (first & 3)
            size, start = int.from_bytes(content[at + 1 : at + 1 + octets], "big"), at + 1 + octets
        if not first & 0x80 or start + size > len(content):
            raise ValueError("not OpenPGP")
        found.append((tag, content[start : start + size], content[at : start + size]))
        at = start + size
    return found


def select_key(content: bytes, fingerprint: str) -> bytes:
    """Return the key with this fingerprint, out of all that a file holds. Raises a LabError where there is none."""
    selected, fingerprints = b"", []
    try:
        for tag, body, packet in packets(unarmor(content)):
            if tag == PUBLIC_KEY:
                hashed = b"\x99" + len(body).to_bytes(2, "big") + body
                fingerprints.append(hashlib.sha1(hashed, usedforsecurity=False).hexdigest().upper())
            if fingerprints and fingerprints[-1] == fingerprint:
                selected += packet
    except (ValueError, IndexError, OverflowError):
        fingerprints = []
    if not selected:
        raise LabError(f"the key file holds not {fingerprint}, but {', '.join(fingerprints) or 'no OpenPGP key'}")
    return selected


def deb_members(deb: Path) -> dict[str, bytes]:
    """Read the members of a deb, which is an ar archive."""
    content = deb.read_bytes()
    members: dict[str, bytes] = {}
    at = len(b"!<arch>\n")
    while at < len(content):
        name, size = content[at : at + 16].decode().strip().rstrip("/"), int(content[at + 48 : at + 58])
        if name in members:
            raise LabError(f"the package holds {name} twice")
        members[name] = content[at + AR_HEADER : at + AR_HEADER + size]
        at += AR_HEADER + size + size % 2
    return members


def check_deb(deb: Path, key: bytes, folder: Path, run: Run) -> str:
    """Return what is wrong with a deb's signature, empty when nothing is.

    It holds its signature as dpkg-sig makes them: a signed list of the checksums of its members.
    """
    members = deb_members(deb)
    signatures = [name for name in members if name.startswith("_gpg")]
    if not signatures:
        raise UncheckedError("the package holds no signature")
    keyring, signature, signed = folder / "key.gpg", folder / "signature", folder / "signed"
    keyring.write_bytes(key)
    signature.write_bytes(members[signatures[0]])
    arguments = ("--keyring", str(keyring), "--output", str(signed))
    if shutil.which("gpgv"):
        status, output = run("gpgv", "--homedir", str(folder), *arguments, str(signature))
    elif shutil.which("sqv"):
        status, output = run("sqv", *arguments, "--cleartext", str(signature))
    else:
        raise UncheckedError("the host has neither gpgv nor sqv")
    if status != 0:
        return output
    # Only what is signed counts, and not what stands around it
    text = signed.read_bytes().decode(errors="replace")
    lines = re.findall(r"^\s+(\w{32}) (\w{40}) (\d+) (\S+)$", text, re.MULTILINE | re.ASCII)
    listed = {name: (md5, sha1, int(size)) for md5, sha1, size, name in lines}
    for name, member in members.items():
        md5 = hashlib.md5(member, usedforsecurity=False).hexdigest()
        sha1 = hashlib.sha1(member, usedforsecurity=False).hexdigest()
        if name not in signatures and listed.get(name) != (md5, sha1, len(member)):
            return f"its member {name} is not the one that was signed"
    return ""


def check_rpm(rpm: Path, key: bytes, folder: Path, run: Run) -> str:
    """Return what is wrong with an rpm's signature, empty when nothing is."""
    key_file = folder / "key.asc"
    key_file.write_text(armor(key), encoding="ascii")
    # A database with this key alone: what verifies was signed by it
    database = ("--dbpath", str(folder))
    status, output = run("rpmkeys", *database, "--import", str(key_file))
    if status != 0:
        return f"rpmkeys does not import the key: {output}"
    status, output = run("rpmkeys", *database, "--checksig", "--verbose", str(rpm))
    if status != 0:
        return output
    if "ignature" not in output:
        raise UncheckedError("the package holds no signature")
    return ""


def check_signature(package: Path, key_file: Path, fingerprint: str, run: Run) -> None:
    """Check the package. Raises a LabError for a wrong signature, an UncheckedError where there is no telling."""
    fingerprint = fingerprint.replace(" ", "").upper()
    if not re.fullmatch(r"[0-9A-F]{40}", fingerprint):
        raise LabError(f"{fingerprint} is no fingerprint of a key: give all its 40 digits")
    key = select_key(key_file.read_bytes(), fingerprint)
    check = check_rpm if package.suffix == ".rpm" else check_deb
    with tempfile.TemporaryDirectory() as folder:
        wrong = check(package, key, Path(folder), run)
    if wrong:
        raise LabError(f"not signed by {fingerprint}: {wrong}")
