"""Check the vendor's signature inside a package: check_signature.py PACKAGE KEY FINGERPRINT.

Exit status 0: signed by the key of that fingerprint. 1: not so, wrong. 3: cannot be told here, with the reason.
A deb holds its signature as dpkg-sig makes them: a signed list of the checksums of its parts. Neither dpkg-sig is in
Debian any more, nor does dpkg look at these, so the list is read here and its signature left to gpgv or sqv.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WRONG = 1
UNKNOWN = 3


def run(*command: str) -> tuple[int, str]:
    """Run a program; return its exit status and all that it said."""
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=environment
    )
    return done.returncode, done.stdout


def deb_parts(deb: Path) -> dict[str, bytes]:
    """Read the parts of a deb, which is an ar archive."""
    content = deb.read_bytes()
    parts, at = {}, len(b"!<arch>\n")
    while at < len(content):
        name, size = content[at : at + 16].decode().strip().rstrip("/"), int(content[at + 48 : at + 58])
        parts[name] = content[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    return parts


def binary_key(key: Path, folder: Path) -> Path:
    """Return the key as gpgv reads it, without the armour."""
    text = key.read_bytes()
    if text.startswith(b"-----"):
        body = text.split(b"\n\n", 1)[1] if b"\n\n" in text else text.split(b"\r\n\r\n", 1)[1]
        text = base64.b64decode(re.split(rb"\r?\n[=-]", body)[0])
    binary = folder / "key.gpg"
    binary.write_bytes(text)
    return binary


def check_deb(deb: Path, key: Path, fingerprint: str, folder: Path) -> str:
    """Return what is wrong with the signature, empty when nothing is. Raises LookupError when it cannot be told."""
    parts = deb_parts(deb)
    lists = [name for name in parts if name.startswith("_gpg")]
    if not lists:
        raise LookupError("the package holds no signature")
    signed = folder / "list"
    signed.write_bytes(parts[lists[0]])
    keyring = str(binary_key(key, folder))
    if shutil.which("gpgv"):
        status, said = run("gpgv", "--homedir", str(folder), "--status-fd", "1", "--keyring", keyring, str(signed))
    elif shutil.which("sqv"):
        status, said = run(
            "sqv", "--verbose", "--keyring", keyring, "--output", str(folder / "x"), "--cleartext", str(signed)
        )
    else:
        raise LookupError("the host has neither gpgv nor sqv")
    if status != 0 or fingerprint not in said.replace(" ", ""):
        return f"not signed by {fingerprint}: {said}"
    listed = {}
    for md5, sha1, size, name in re.findall(rb"^\s+(\w{32}) (\w{40}) (\d+) (\S+)$", parts[lists[0]], re.MULTILINE):
        listed[name.decode()] = (md5.decode(), sha1.decode(), int(size))
    for name, part in parts.items():
        found = (hashlib.md5(part).hexdigest(), hashlib.sha1(part).hexdigest(), len(part))  # noqa: S324 what dpkg-sig signs
        if name not in lists and listed.get(name) != found:
            return f"its part {name} is not the one that was signed"
    return ""


def check_rpm(rpm: Path, key: Path, fingerprint: str, folder: Path) -> str:
    """Return what is wrong with the signature, empty when nothing is. Raises LookupError when it cannot be told."""
    database = ("--dbpath", str(folder))
    status, said = run("rpmkeys", *database, "--import", str(key))
    if status != 0 or fingerprint[-8:].lower() not in run("rpm", *database, "--query", "gpg-pubkey")[1]:
        return f"the key is not {fingerprint}: {said}"
    # Of a database with this key alone: what verifies was signed by it
    status, said = run("rpmkeys", *database, "--checksig", "--verbose", str(rpm))
    if "ignature" not in said:
        raise LookupError("the package holds no signature")
    return f"not signed by {fingerprint}: {said}" if status != 0 else ""


def main(package: Path, key: Path, fingerprint: str) -> int:
    """Check the package; print the outcome."""
    check = check_rpm if package.suffix == ".rpm" else check_deb
    with tempfile.TemporaryDirectory() as folder:
        try:
            wrong = check(package, key, fingerprint.replace(" ", "").upper(), Path(folder))
        except LookupError as error:
            print(error)
            return UNKNOWN
    print(wrong or "good")
    return WRONG if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
