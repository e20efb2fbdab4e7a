"""scripts/lib.sh and the scripts that source it: which Python they find, and what they answer before all else."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import parts
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]


def bash(commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run commands after those of scripts/lib.sh."""
    return subprocess.run(
        ["bash", "-c", f". {ROOT}/scripts/lib.sh; {commands}"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, text: str) -> None:
    """Write a shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_python_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "python3", "exit 1")
    program(tmp_path / "bin" / "python3.14", "exit 0")
    result = bash("find_python", PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert result.stdout.strip() == f"{tmp_path}/bin/python3.14"


def test_the_python_that_is_named_comes_first(tmp_path: Path) -> None:
    program(tmp_path / "mine", "exit 0")
    assert bash("find_python", PYTHON=f"{tmp_path}/mine").stdout.strip() == f"{tmp_path}/mine"


def test_no_python_tells_where_to_get_one() -> None:
    result = bash("PATH=/nowhere; find_python")
    assert result.returncode == 1
    assert "apt-get install" in result.stderr
    assert "PYTHON=/path/to/python3.11" in result.stderr


@pytest.mark.parametrize("whole", [True, False])
def test_the_environments_python_is_used_once_it_is_whole(tmp_path: Path, *, whole: bool) -> None:
    program(tmp_path / ".venv" / "bin" / "python", '[ "$1" = -c ] || echo ours "$@"')
    program(tmp_path / "found", '[ "$1" = -c ] || echo found "$@"')
    if whole:
        (tmp_path / ".venv" / "labserver.stamp").touch()
    result = bash(f"root={tmp_path}; run_program up.py 'a b'", PYTHON=f"{tmp_path}/found")
    assert result.stdout.strip() == f"{'ours' if whole else 'found'} {tmp_path}/scripts/up.py a b"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the scripts: the lock of this checkout may be held by the run that runs this test."""
    copy = tmp_path / "my lab"
    shutil.copytree(ROOT / "scripts", copy / "scripts")
    for name in ("module_utils", "molecule", "requirements", "roles", ".venv"):
        (copy / name).symlink_to(ROOT / name)
    return copy


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (["scripts/up", "--help"], 0, "ansible-playbook"),
        (["scripts/down", "--everything"], 2, "usage: scripts/down"),
        (["scripts/down", "--help"], 0, "--all"),
        (["scripts/lock", "--help"], 0, "--upgrade"),
        (["scripts/test", "--help"], 0, "molecule"),
        (["scripts/test", "no-such-scenario"], 1, "no molecule scenario 'no-such-scenario'"),
    ],
)
def test_usage(command: list[str], code: int, text: str, checkout: Path) -> None:
    result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stderr
    assert text in result.stdout + result.stderr
    assert not (checkout / ".state").exists()


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_each_python_that_is_accepted_has_its_ansible(minor: int) -> None:
    environment = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.1", "sys_platform": "linux"}
    pins = re.findall(r"^(\S+ *(?:;[^\\\n]+)?)", (ROOT / "requirements/controller.txt").read_text(), re.MULTILINE)
    pinned = [Requirement(pin) for pin in pins if "==" in pin]
    names = [pin.name for pin in pinned if not pin.marker or pin.marker.evaluate({**environment, "extra": ""})]
    assert len(names) == len(set(names)) > 50
    assert {"ansible", "ansible-core", "molecule"} <= set(names)


# What bash got after 3.2, the one of macOS: no linter knows that version
NEWER_THAN_BASH_3_2 = re.compile(
    r"\$\{\w+(\[[^]]*\])?(,,?|\^\^?|@[QEPAaUuLK])[^}]*\}"  # ${x,,} ${x^^} ${x@Q}
    r"|\$\{\w+(\[[^]]*\])?:[^:}]*:\s*-"  # ${x:0:-1}
    r"|\b(declare|local|typeset)\s+-\w*[Angul]"  # associative arrays, references
    r"|\b(mapfile|readarray|coproc|wait\s+-n)\b"
    r"|\[\[?\s+-[vR]\s|&>>|\|&|;;&|;&|\$\{\w+\[-\d|\$EPOCH|\$BASHPID|\bprintf\s+'?%\("
    r"|\bshopt\s+-s\s+(globstar|lastpipe)|\bread\s+-\w*N|\binherit_errexit"
    r"|(?<!\+)\"\$\{\w+\[@\]\}\""  # unbound where it is empty; ${a[@]+"${a[@]}"} is not
)
# Neither does macOS have these programs of Linux
NOT_ON_MACOS = re.compile(r"(^|[\s;&|(`$])(flock|sha256sum|md5sum|setsid|nproc|timeout|tac|readlink\s+-f|getent)\s")


@pytest.mark.parametrize("script", sorted(parts.shell_scripts()))
def test_bash_of_macos_is_enough(script: str) -> None:
    code = re.sub(r"(?m)(^|\s)#.*$", "", (ROOT / script).read_text())
    assert not (found := NEWER_THAN_BASH_3_2.search(code)), found[0]
    assert not (found := NOT_ON_MACOS.search(code)), found[0]


@pytest.mark.parametrize(
    "code",
    [
        "${x,,}", "${x^}", "${x@Q}", "${x:0:-1}", "local -n a=b", "declare -A m", "mapfile -t a <f", "[[ -v x ]]",
        "a &>>f", "a |& b", "x) y ;;&", "wait -n", '"${a[@]}"', "${a[-1]}", "shopt -s globstar",
    ],
)  # fmt: skip
def test_what_bash_3_2_does_not_know_is_found(code: str) -> None:
    assert NEWER_THAN_BASH_3_2.search(code)


@pytest.mark.parametrize(
    "code", ["${x%,}", "${x:-}", "${x:1:2}", '${a[@]+"${a[@]}"}', "local a=b", "a >f 2>&1", "a || b"]
)
def test_what_bash_3_2_knows_is_not(code: str) -> None:
    assert not NEWER_THAN_BASH_3_2.search(code)


# In the checkout of the fixture, whose path has a space; the programs that macOS has, and no others
MACOS = ("bash", "cat", "chmod", "dirname", "env", "locale", "mkdir", "pwd", "rm", "sh", "sleep", "uname")
SURROUNDINGS = {
    "a locale that is not UTF-8, no HOME, a CDPATH": {"LC_ALL": "C", "HOME": "", "CDPATH": "/usr"},
    "a locale that is not installed": {"LC_ALL": "xx_YY.UTF-8"},
    "another Python's settings": {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "PYTHONSAFEPATH": "1"},
    "one category that is not installed": {"LANG": "C.UTF-8", "LC_MESSAGES": "xx_YY.UTF-8"},
}


@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_scripts_inherit_nothing_that_harms(surroundings: dict[str, str], checkout: Path, tmp_path: Path) -> None:
    programs = tmp_path / "macos"
    programs.mkdir()
    for name in MACOS:
        (programs / name).symlink_to(str(shutil.which(name)))
    # Stands for the environment's Python: Ansible starts only with a locale that it accepts
    (checkout / "scripts" / "up.py").write_text(
        "import os, subprocess, sys\n"
        "ansible = os.path.dirname(sys.executable) + '/ansible'\n"
        "command = [ansible, 'localhost', '-m', 'command', '-a', 'pwd']\n"
        "answer = subprocess.run(command, text=True, capture_output=True)\n"
        "print(os.environ['HOME'], os.environ['PATH'], answer.stdout, answer.stderr, __file__)\n"
    )
    result = subprocess.run(
        ["/bin/sh", "-c", 'umask 077; exec "$0"', "scripts/up"],
        cwd=checkout,
        env={"PATH": str(programs), "PYTHON": sys.executable, **surroundings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    home, path, *_ = result.stdout.split()
    assert home == pwd.getpwuid(os.getuid()).pw_dir
    assert {"/usr/sbin", "/sbin", "/usr/local/sbin"} <= set(path.split(":"))
    assert not any(shutil.which(name, path=path) for name in ("flock", "nproc", "setsid", "sha256sum"))
    assert f"{checkout}\n" in result.stdout, result.stdout
    assert f"{checkout}/scripts/up.py" in result.stdout
