"""Build the stand-in's packages, sign them, and say their checksums: build_standin.py SOURCES DEST."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

FILES = {
    "rserver.py": "usr/lib/rstudio-server/bin/rserver",
    "rsession.py": "usr/lib/rstudio-server/bin/rsession",
    "rstudio-server": "usr/lib/rstudio-server/bin/rstudio-server",
    "rstudio-server.service": "usr/lib/rstudio-server/extras/systemd/rstudio-server.service",
    "pam": "etc/pam.d/rstudio",
    "control": "DEBIAN/control",
    "postinst": "DEBIAN/postinst",
    "postrm": "DEBIAN/postrm",
}


def define(macros: Mapping[str, object]) -> list[str]:
    """Return the options of rpm's programs that define macros."""
    return [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]


def build(sources: Path, dest: Path, version: str) -> Path:
    """Build one version, an rpm where there is what builds it."""
    tree, name = dest / f"tree-{version}", f"rstudio-server-{version}"
    for part, place in FILES.items():
        content, target = (sources / part).read_text(encoding="utf-8"), tree / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content.replace("@VERSION@", version), encoding="utf-8")
        target.chmod(0o755 if content.startswith("#!") else 0o644)
    if shutil.which("rpmbuild"):
        built = dest / f"{name}.rpm"
        macros = {"standin": version, "tree": tree, "_builddir": sources, "_rpmdir": dest, "_rpmfilename": built.name}
        rpmbuild = ["rpmbuild", "-bb", "--quiet", *define(macros)]
        subprocess.run([*rpmbuild, str(sources / "rstudio-server.spec")], check=True)
    else:
        built = dest / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(built)], check=True)
    shutil.rmtree(tree)
    return built


def parts(deb: Path) -> dict[str, bytes]:
    """Read the parts of a deb."""
    content, found, at = deb.read_bytes(), {}, 8
    while at < len(content):
        size = int(content[at + 48 : at + 58])
        found[content[at : at + 16].decode().strip().rstrip("/")] = content[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    return found


def sign_rpm(rpm: Path, home: Path, key: str) -> None:
    """Add a signature."""
    rpmsign = ["rpmsign", *define({"_gpg_path": home, "_gpg_name": key, "__gpg": shutil.which("gpg")})]
    subprocess.run([*rpmsign, "--addsign", str(rpm)], check=True)


def sign_deb(deb: Path, home: Path, key: str) -> None:
    """Add a signature, as dpkg-sig does: a signed list of the checksums of the parts."""
    lines = [
        f"\t{hashlib.md5(part).hexdigest()} {hashlib.sha1(part).hexdigest()} {len(part)} {name}"  # noqa: S324 so it does
        for name, part in parts(deb).items()
    ]
    text = "\n".join(["Version: 4", "Signer: stand-in", "Role: builder", "Files: ", *lines, ""])
    command = ["gpg", "--homedir", str(home), "--batch", "--local-user", key, "--clearsign"]
    signed = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    with deb.open("ab") as archive:
        archive.write(f"{'_gpgbuilder':<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(signed):<10}`\n".encode())
        archive.write(signed + b"\n" * (len(signed) % 2))


def make_key(home: Path, dest: Path, name: str) -> str:
    """Make a key and export it; return its fingerprint."""
    gpg = ["gpg", "--homedir", str(home), "--batch"]
    quick = [*gpg, "--passphrase", "", "--quick-generate-key", f"{name} <{name}@example.org>", "rsa2048", "sign", "1d"]
    subprocess.run(quick, check=True)
    listed = subprocess.run([*gpg, "--with-colons", "--list-keys", name], stdout=subprocess.PIPE, check=True, text=True)
    exported = subprocess.run([*gpg, "--armor", "--export", name], stdout=subprocess.PIPE, check=True)
    (dest / f"{name}.key").write_bytes(exported.stdout)
    return next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr"))


def main(sources: Path, dest: Path) -> None:
    """Build two signed versions, and one whose signature is of other contents."""
    home = dest / "gnupg"
    home.mkdir(mode=0o700, parents=True)
    vendor = make_key(home, dest, "vendor")
    other = make_key(home, dest, "other")
    packages = {}
    for version in ("0.0.1+standin", "0.0.2+standin", "0.0.3+standin"):
        package = build(sources, dest, version)
        sign = sign_rpm if package.suffix == ".rpm" else sign_deb
        sign(package, home, other if version.startswith("0.0.3") else vendor)
        packages[version[:5]] = hashlib.sha256(package.read_bytes()).hexdigest()
    shutil.rmtree(home, ignore_errors=True)  # its agent removes its sockets at the same time
    (dest / "vendor.json").write_text(json.dumps({"packages": packages, "vendor": vendor}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
