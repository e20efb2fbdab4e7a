"""A host that an older version of the project configured, and then this one: what its users have stays.

The older versions are those of the CHANGELOG, which names the commit of each; they are taken from git's history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import ROOT, run, set_container

NAME = "integration-upgrade"
HOST = f"{NAME}-1"
VERSIONS = re.findall(
    r"^## (\d\S+) - \S+ \(commit ([0-9a-f]{40})\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
)
PLAYBOOKS = [f"playbooks/{name}.yml" for name in ("server", "analysis", "rlab", "report")]
QUICK = "swap,httpd,rstudio_server"  # roles whose upgrade takes seconds
# What users have: accounts with their passwords, swap (the machine shows that of every container), data, the R library
OWNED = """
getent passwd student; getent shadow student; awk '$3 == "swap" { print $1 }' /etc/fstab
swapon --show=NAME --noheadings | grep "$(hostname)"
sha256sum /srv/labserver/sample.json /srv/labserver/movie_reviews.json; stat -c '%n %U %a' /home/student
ls /usr/local/lib/R/site-library 2>/dev/null; exit 0
"""
# The analysis's result is no user's: it is named after program and input, and another program computes it again
RESULTS = "ls /srv/labserver/vec2pca 2>/dev/null; exit 0"
# What is of the project, apart from packages, whose files stay with them, and the system's backups (/etc/passwd-)
FILES = """
cd /; find opt srv usr/local/bin usr/local/sbin var/www var/lib/labserver var/cache/labserver -not -type d | sort
grep --recursive --files-with-matches labserver etc | grep -v -e -$; exit 0
"""


class Host:
    """The host, and the inventory that names it for both versions."""

    def __init__(self, folder: Path, tags: str) -> None:
        """Write the inventory; the passwords lie beside it."""
        self._options: list[str | Path] = ["--inventory", folder / "hosts.json", *(["--tags", tags] if tags else [])]
        variables = {
            "ansible_host": HOST,
            "ansible_connection": "community.docker.docker",
            "labserver_strict": False,
            "swap_path": f"/srv/{HOST}.swap",
            "swap_size_mb": 64,
            "r_labs_trees": 100,
            "report_folder": str(folder / "reports"),
            "rstudio_server_secrets": str(folder / "secrets"),
        }
        (folder / "hosts.json").write_text(json.dumps({"labserver": {"hosts": {NAME: variables}}}))

    def play(self, *playbooks: str, cwd: Path = ROOT) -> str:
        """Run playbooks of this version, or of the one in another folder."""
        return run("ansible-playbook", *self._options, *playbooks, cwd=cwd).stdout

    @staticmethod
    def shell(commands: str) -> list[str]:
        """Return the lines that commands on the host print."""
        return run("docker", "exec", HOST, "sh", "-c", commands).stdout.splitlines()


@pytest.fixture
def _host() -> Iterator[None]:
    """Boot a host."""
    set_container(NAME, "absent")  # what a killed run left
    try:
        set_container(NAME, "present")
        yield
    finally:
        set_container(NAME, "absent")


@pytest.mark.usefixtures("_host")
@pytest.mark.parametrize(
    ("version", "commit", "tags"),
    [
        pytest.param(*VERSIONS[0], QUICK, id=f"{VERSIONS[0][0]}-quick"),
        *(pytest.param(*version, "", id=version[0], marks=pytest.mark.full) for version in VERSIONS),
    ],
)
def test_an_upgrade_keeps_what_users_have_and_leaves_nothing_of_the_old_layout(
    version: str, commit: str, tags: str, tmp_path: Path
) -> None:
    if run("git", "cat-file", "-e", commit, check=False).returncode:
        pytest.skip(f"version {version} is not in this checkout's history (git fetch --unshallow)")
    old = tmp_path / "old"
    old.mkdir()
    run("git", "archive", "--output", tmp_path / "old.tar", commit)
    run("tar", "--extract", "--file", tmp_path / "old.tar", cwd=old)
    host = Host(tmp_path, tags)
    fresh = host.shell(FILES)
    host.play(*PLAYBOOKS, cwd=old)
    before = host.shell(OWNED)
    assert any(line.startswith("student:") for line in before)

    host.play(*PLAYBOOKS)
    assert host.shell(OWNED) == before
    kinds = sorted(name.partition(".")[2] for name in host.shell(RESULTS))
    assert kinds == ([] if tags else ["about.json", "html", "json"])
    assert "changed=0" in host.play(*PLAYBOOKS)

    host.play("playbooks/remove.yml")
    assert set(host.shell(FILES)) - set(fresh) == set()
