"""A CRAN of two small packages, stand-ins for real ones: repository.py FOLDER write VERSION, or FOLDER serve PORT.

And one of a source package of Debian with a package of R in it: repository.py FOLDER debian.

`standin` is good, `standin.compiled` has a mistake in its C code in version 1.0 and none in later ones.
It is served to an R that names its platform as Posit wants it for its binaries, and to nobody else.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

DESCRIPTION = """Package: {name}
Version: {version}
Title: Stand-In for a Package
Description: Made by a test.
Author: The Test
Maintainer: The Test <test@example.org>
License: GPL-3
NeedsCompilation: yes
"""


class Repository(SimpleHTTPRequestHandler):
    """Files for R."""

    def do_GET(self) -> None:
        """Send a file."""
        agent = self.headers.get("User-Agent", "")
        if re.fullmatch(r"R/([0-9.]+) R \(\1 \S+ \S+ linux-gnu\)", agent):
            super().do_GET()
        else:
            self.send_error(403, f"not for {agent}")


def pack(archive: Path, files: dict[str, str]) -> None:
    """Write the files into a compressed tar archive."""
    with tarfile.open(archive, "w:gz") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))


def write(folder: Path, version: str) -> None:
    """Write packages and index."""
    contrib = folder / "src" / "contrib"
    contrib.mkdir(parents=True, exist_ok=True)
    packages = {
        "standin": {"NAMESPACE": "export(seven)\n", "R/seven.R": "seven <- function() 7\n"},
        "standin.compiled": {
            "NAMESPACE": "useDynLib(standin.compiled)\nexport(seven)\n",
            "R/seven.R": 'seven <- function() .C("seven", 0L, PACKAGE = "standin.compiled")[[1]]\n',
            "src/seven.c": f"void seven(int *x) {{ *x = {'seven_is_missing' if version == '1.0' else '7'}; }}\n",
        },
    }
    for name, files in packages.items():
        files["DESCRIPTION"] = DESCRIPTION.format(name=name, version=version)
        pack(contrib / f"{name}_{version}.tar.gz", {f"{name}/{path}": text for path, text in files.items()})
    index = "\n".join(files["DESCRIPTION"] for files in packages.values())
    (contrib / "PACKAGES").write_text(index, encoding="utf-8")


def write_debian(folder: Path) -> None:
    """Write a source package, whose package of R compiles what is beside it, and its index."""
    tree = folder / "standin-engine-1.0"
    name = "standin.source"
    files = {
        "debian/changelog": "standin-engine (1.0) stable; urgency=low\n\n  * First.\n\n"
        " -- The Test <test@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n",
        "debian/control": "Source: standin-engine\nMaintainer: The Test <test@example.org>\n\n"
        "Package: standin-engine\nArchitecture: any\nDescription: made by a test\n",
        "debian/source/format": "3.0 (native)\n",
        "engine/seven.c": "void seven(int *x) { *x = 7; }\n",
        "R-package/DESCRIPTION": DESCRIPTION.format(name=name, version="1.0.1"),
        "R-package/NAMESPACE": f"useDynLib({name})\nexport(seven)\n",
        "R-package/R/seven.R": f'seven <- function() .C("seven", 0L, PACKAGE = "{name}")[[1]]\n',
        "R-package/src/Makevars.in": "",
    }
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    subprocess.run(["dpkg-source", "--build", tree.name], cwd=folder, check=True)
    for index, tool in (("Sources", "dpkg-scansources"), ("Packages", "dpkg-scanpackages")):
        with (folder / index).open("wb") as output:
            subprocess.run([tool, "."], cwd=folder, stdout=output, check=True)


if __name__ == "__main__":
    if sys.argv[2] == "debian":
        write_debian(Path(sys.argv[1]))
    elif sys.argv[2] == "write":
        write(Path(sys.argv[1]), sys.argv[3])
    else:
        HTTPServer(("127.0.0.1", int(sys.argv[3])), partial(Repository, directory=sys.argv[1])).serve_forever()
