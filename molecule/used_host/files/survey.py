"""Write what is on this host, as JSON: its files with type, mode, owner and content, accounts, and packages."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

# The kernel's, logs, the system's caches, and what the test itself keeps
SKIPPED = {f"/{name}" for name in ("dev", "proc", "run", "sys", "tmp", "srv/standin", "root/survey")}
SKIPPED |= {f"/var/{name}" for name in ("tmp", "log", "lib/apt")}
SKIPPED |= {f"/var/cache/{name}" for name in ("apt", "debconf", "fontconfig", "ldconfig", "man", "apache2")}
ACCOUNTS = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")


def describe(path: Path) -> list[object]:
    """Return type and mode, owner and group, and the digest of the content or where it points."""
    about = path.lstat()
    content = ""
    if stat.S_ISLNK(about.st_mode):
        content = str(path.readlink())
    elif stat.S_ISREG(about.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    return [stat.filemode(about.st_mode), about.st_uid, about.st_gid, content]


def files() -> dict[str, list[object]]:
    """Return all files but those of the kernel, logs, caches and the test itself."""
    found = {}
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if str(Path(folder, name)) not in SKIPPED and name != "__pycache__"]
        found.update({str(path): describe(path) for path in (Path(folder, name) for name in [*folders, *names])})
    return found


survey = {
    "files": files(),
    "accounts": {name: Path("/etc", name).read_text(encoding="utf-8").splitlines() for name in ACCOUNTS},
    "packages": subprocess.check_output(["dpkg-query", "--show"], text=True).splitlines(),
    "owned": sorted(
        line.strip() for file in Path("/var/lib/dpkg/info").glob("*.list") for line in file.read_text().splitlines()
    ),
}
Path(sys.argv[1]).parent.mkdir(exist_ok=True)
Path(sys.argv[1]).write_text(json.dumps(survey), encoding="utf-8")
