"""The packages of R that a distribution offers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible.module_utils.labserver.r.distribution import Dnf, find_distribution, upstream
from ansible.module_utils.labserver.r.metadata import version_of


@pytest.fixture
def dnf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the log of a stand-in for dnf and rpm, the only programs there are besides the shell."""
    (tmp_path / "bin").mkdir()
    script = f"""#!/bin/sh
echo "$(basename "$0") $*" >>{tmp_path}/log
case "$*" in
  *repoquery*) printf 'R-doMC 1.3.7\\nR-doMC 1.3.8\\n\\nR-MASS 7.3.58.2\\n' ;;
  *R-broken*) echo "Error: Unable to find a match: R-broken" >&2; exit 1 ;;
  --query*R-doMC*) echo "R-doMC" ;;
  --query*) echo "not owned" >&2; exit 1 ;;
esac
"""
    for name in ("dnf", "rpm", "basename"):
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    shutil.copy("/usr/bin/basename", tmp_path / "bin/basename")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "log"


def test_dnf(dnf: Path) -> None:
    tool = find_distribution()
    assert isinstance(tool, Dnf)
    assert tool.candidates(["doMC", "MASS", "tictoc"]) == {"doMC": "1.3.8", "MASS": "7.3.58.2"}
    assert version_of("7.3.58.2") == version_of("7.3-58.2")
    dnf.unlink()
    problems = tool.install(["doMC", "broken"])
    assert list(problems) == ["broken"]
    assert "Unable to find a match" in problems["broken"].reason
    together, *alone = dnf.read_text().splitlines()
    assert together.endswith("install R-doMC R-broken")
    assert "install_weak_deps=False" in together
    assert len(alone) == 2, "one by one after the transaction failed"
    ours, theirs = Path("/usr/lib64/R/library/R-doMC/DESCRIPTION"), Path("/usr/local/lib/R/tictoc/DESCRIPTION")
    assert tool.owners([ours, theirs]) == {ours: "R-doMC"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("1.5.2-1", "1.5.2"),
        ("7.3-58.2-1", "7.3-58.2"),
        ("1:4.7-1.1-1+b2", "4.7-1.1"),
        ("1.14.8+dfsg-1", "1.14.8"),
        ("2.1.8.1", "2.1.8.1"),
    ],
)
def test_versions_of_debian(theirs: str, ours: str) -> None:
    assert upstream(theirs) == ours
