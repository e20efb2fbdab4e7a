"""The vendor's signature of a package: right, wrong, forged, and where there is no telling."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.rstudio.signature import armor, packets, select_key, unarmor

from tests.support.modules import RunModule

OTHER = "0123456789ABCDEF0123456789ABCDEF01234567"
needs_gpg = pytest.mark.skipif(not (shutil.which("gpg") and shutil.which("gpgv")), reason="needs gpg and gpgv")


@dataclass
class Keys:
    """A folder of GnuPG with two keys."""

    home: Path
    vendor: str
    forger: str

    def gpg(self, *arguments: str, text: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", *arguments]
        return subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    # Below /tmp itself, for the path of the agent's socket may have some hundred characters only
    made = Keys(tmp_path_factory.mktemp("gnupg"), "", "")
    made.home.chmod(0o700)

    def generate(name: str) -> str:
        made.gpg("--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "1d")
        listed = made.gpg("--with-colons", "--list-keys", f"={name}").decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    made.vendor = generate("Vendor <vendor@example.org>")
    # Whoever looks for the fingerprint in the output of gpgv finds it
    made.forger = generate(f"{made.vendor} <vendor@example.org>")
    return made


def member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)


def write_deb(path: Path, **extra: bytes) -> Path:
    path.write_bytes(b"!<arch>\n" + member("debian-binary", b"2.0\n") + member("data.tar", b"programs"))
    with path.open("ab") as archive:
        for name, content in extra.items():
            archive.write(member(name, content))
    return path


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def checksums(**members: bytes) -> str:
    lines = [
        f"\t{md5(content)} {hashlib.sha1(content, usedforsecurity=False).hexdigest()} {len(content)} {name}"
        for name, content in members.items()
    ]
    return "\n".join(["Version: 4", "Files: ", *lines, ""])


MORE: dict[str, Any] = {"more.tar": b"x"}
TWICE: dict[str, Any] = {"data.tar": b"programs"}
LIST = checksums(**{"debian-binary": b"2.0\n", "data.tar": b"programs"})


class Package:
    """A deb, its key file and the module."""

    def __init__(self, folder: Path, keys: Keys, run_module: RunModule) -> None:
        self.folder, self.keys, self.run = folder, keys, run_module

    def check(self, signature: bytes, *key: str, fingerprint: str = "", **extra: Any) -> dict[str, Any]:
        deb = write_deb(self.folder / "x.deb", **extra, **({"_gpgbuilder": signature} if signature else {}))
        key_file = self.folder / "x.key"
        key_file.write_bytes(self.keys.gpg("--armor", "--export", *(key or (self.keys.vendor,))))
        options: dict[str, Any] = {
            "path": str(deb),
            "key": str(key_file),
            "fingerprint": fingerprint or self.keys.vendor,
        }
        return self.run("package_signature", **options, fix="Set the key.")

    def sign(self, text: str, key: str) -> bytes:
        return self.keys.gpg("--local-user", key, "--clearsign", text=text.encode())


@pytest.fixture
def package(tmp_path: Path, keys: Keys, run_module: RunModule) -> Package:
    return Package(tmp_path, keys, run_module)


@needs_gpg
def test_the_vendors_signature_is_right(package: Package) -> None:
    result = package.check(package.sign(LIST, package.keys.vendor))
    assert not result["failed"]
    assert (result["changed"], result["checked"], result["reason"]) == (False, True, "")


@needs_gpg
def test_a_fingerprint_may_have_spaces_and_small_letters(package: Package) -> None:
    vendor = package.keys.vendor
    spaced = " ".join(vendor[at : at + 4] for at in range(0, 40, 4)).lower()
    assert package.check(package.sign(LIST, vendor), fingerprint=spaced)["checked"]


@needs_gpg
def test_a_key_file_with_another_key_too_trusts_the_named_one_only(package: Package) -> None:
    vendor, forger = package.keys.vendor, package.keys.forger
    assert package.check(package.sign(LIST, vendor), vendor, forger)["checked"]
    assert package.check(package.sign(LIST, forger), vendor, forger)["failed"]


@needs_gpg
def test_a_forged_key_does_not_pass(package: Package) -> None:
    """Neither by a user ID that holds the fingerprint, nor by its last digits."""
    signature = package.sign(LIST, package.keys.forger)
    result = package.check(signature, package.keys.forger)
    assert result["failed"]
    assert f"the key file holds not {package.keys.vendor}" in result["msg"]
    assert result["msg"].endswith(". Set the key.")
    alike = OTHER[:-16] + package.keys.forger[-16:]
    assert package.check(signature, package.keys.forger, fingerprint=alike)["failed"]


@needs_gpg
def test_a_signature_by_another_is_wrong(package: Package) -> None:
    result = package.check(package.sign(LIST, package.keys.forger))
    assert result["failed"]
    assert f"not signed by {package.keys.vendor}" in result["msg"]


@needs_gpg
def test_a_changed_or_an_added_member_is_wrong(package: Package) -> None:
    changed = LIST.replace(md5(b"programs"), "0" * 32)
    for text, extra in ((changed, {}), (LIST, MORE)):
        result = package.check(package.sign(text, package.keys.vendor), **extra)
        assert "is not the one that was signed" in result["msg"]


@needs_gpg
def test_what_stands_beside_the_signed_text_does_not_count(package: Package) -> None:
    more = checksums(**{"more.tar": b"x"}).encode()
    for signature in (
        more + b"\n" + package.sign(LIST, package.keys.vendor),
        package.sign(LIST, package.keys.vendor) + more,
    ):
        assert package.check(signature, **MORE)["failed"]


@needs_gpg
def test_a_member_that_is_there_twice_is_wrong(package: Package) -> None:
    result = package.check(package.sign(LIST, package.keys.vendor), **TWICE)
    assert "holds data.tar twice" in result["msg"]


@needs_gpg
def test_a_package_without_a_signature_is_not_checked(package: Package) -> None:
    result = package.check(b"")
    assert not result["failed"]
    assert (result["checked"], result["reason"]) == (False, "the package holds no signature")


@needs_gpg
def test_a_host_without_a_program_that_checks_is_told(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    signature = package.sign(LIST, package.keys.vendor)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    result = package.check(signature)
    assert (result["checked"], result["reason"]) == (False, "the host has neither gpgv nor sqv")


@needs_gpg
def test_a_short_fingerprint_is_refused(package: Package) -> None:
    result = package.check(b"", fingerprint=package.keys.vendor[-16:])
    assert "all its 40 digits" in result["msg"]


def test_a_file_that_is_no_key_is_refused(tmp_path: Path, run_module: RunModule) -> None:
    deb, key = write_deb(tmp_path / "x.deb"), tmp_path / "x.key"
    for content in (b"", b"<html>not found</html>", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n\n"):
        key.write_bytes(content)
        result = run_module("package_signature", path=str(deb), key=str(key), fingerprint=OTHER)
        assert "no OpenPGP key" in result["msg"]


def test_a_missing_file_is_explained(tmp_path: Path, run_module: RunModule) -> None:
    result = run_module("package_signature", path=str(tmp_path / "x.deb"), key=str(tmp_path / "no"), fingerprint=OTHER)
    assert result["failed"]
    assert str(tmp_path / "no") in result["msg"]


@needs_gpg
def test_the_key_is_armored_again_as_gpg_does(keys: Keys) -> None:
    content = keys.gpg("--armor", "--export", keys.vendor, keys.forger)
    assert [tag for tag, _body, _packet in packets(unarmor(content))].count(6) == 2
    key = select_key(content, keys.vendor)
    assert key == keys.gpg("--export", keys.vendor)
    assert unarmor(armor(key).encode()) == key
    checksum = armor(key).splitlines()[-2]
    assert checksum in keys.gpg("--armor", "--export", keys.vendor).decode().splitlines()


def write_program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@needs_gpg
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo '    Header V4 RSA/SHA256 Signature, key ID 51c0b5bb: OK'", {"checked": True}),
        ("echo '    Header SHA256 digest: OK'", {"checked": False, "reason": "the package holds no signature"}),
        ("echo '    Header V4 RSA/SHA256 Signature, key ID 01234567: NOKEY'; exit 1", {"failed": True}),
    ],
)
def test_of_an_rpm_the_verdict_of_rpmkeys_counts(
    tmp_path: Path,
    keys: Keys,
    run_module: RunModule,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    expected: dict[str, object],
) -> None:
    """With a database that holds the one key; a forged one is not even imported."""
    write_program(tmp_path, "rpmkeys", f'case "$*" in *--import*) cp "$4" {tmp_path}/imported ;; *) {script} ;; esac')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    rpm, key = tmp_path / "x.rpm", tmp_path / "x.key"
    rpm.write_bytes(b"")
    key.write_bytes(keys.gpg("--armor", "--export", keys.vendor, keys.forger))
    result = run_module("package_signature", path=str(rpm), key=str(key), fingerprint=keys.vendor)
    assert {name: result[name] for name in expected} == expected
    assert unarmor((tmp_path / "imported").read_bytes()) == keys.gpg("--export", keys.vendor)
    (tmp_path / "imported").unlink()
    alike = OTHER[:-8] + keys.vendor[-8:]
    assert run_module("package_signature", path=str(rpm), key=str(key), fingerprint=alike)["failed"]
    assert not (tmp_path / "imported").exists()
