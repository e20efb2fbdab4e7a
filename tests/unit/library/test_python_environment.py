"""python_environment: what works and what is broken in an environment, and that it is made in any surroundings."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import python_environment
from ansible.module_utils.labserver.python_environment import (
    clean_environment,
    closed_folder,
    pip_environment,
    problem,
    uv_environment,
)

if TYPE_CHECKING:
    from tests.support.modules import RunModule

BASE = os.path.realpath(sys.executable)
# Stands in for uv: shows what it was called with, and installs nothing
UV = """#!/bin/sh
{ echo "$@"; env; umask; } > "${0%/bin/uv}/called"
cat >> "${0%/bin/uv}/called"
echo "Installed 1 package" >&2
"""


@pytest.fixture(autouse=True)
def _umask(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As an administrator's PAM sets it; the folders of the tests are their user's alone, too."""
    monkeypatch.setattr(python_environment, "closed_folder", lambda _: "")
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of ours with one package of one file."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    os.umask(0o022)
    path = tmp_path / "env"
    subprocess.run([BASE, "-m", "venv", "--without-pip", str(path)], check=True)
    site = next(path.glob("lib/python3*/site-packages"))
    info = site / "tiny-1.0.dist-info"
    info.mkdir()
    (path / ".labserver").write_text("")
    (site / "tiny.py").write_text("raise SystemExit('nobody imports me')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"tiny.py,,{(site / 'tiny.py').stat().st_size}\n")
    return path


def uv_wheel(folder: Path) -> str:
    """Write a wheel with a program `uv`; return its requirement."""
    files = {
        "uv-1.0.data/scripts/uv": UV,
        "uv-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: uv\nVersion: 1.0\n",
        "uv-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir()
    wheel = folder / "uv-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text)
        digests = {name: hashlib.sha256(text.encode()).digest() for name, text in files.items()}
        hashes = {name: base64.urlsafe_b64encode(digest).decode().rstrip("=") for name, digest in digests.items()}
        rows = [f"{name},sha256={digest}," for name, digest in hashes.items()]
        archive.writestr("uv-1.0.dist-info/RECORD", "\n".join([*rows, "uv-1.0.dist-info/RECORD,,", ""]))
    return f"uv==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def test_a_whole_environment_works(run_module: RunModule, environment: Path) -> None:
    options: dict[str, Any] = {"path": environment, "interpreter": BASE, "check": True}
    result = run_module("python_environment", imports=["tiny"], **options)
    assert (result["changed"], result["problem"]) == (False, "")
    lacking = run_module("python_environment", imports=["tiny", "absent"], **options)
    assert (lacking["changed"], lacking["problem"]) == (True, "it has no module absent")


def test_what_is_broken_is_named(environment: Path, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    assert "not with" in problem(environment, str(other), [])
    module = next(environment.glob("lib/python3*/site-packages/tiny.py"))
    module.chmod(0o600)
    assert "tiny.py can only be read by its owner" in problem(environment, BASE, [])
    module.chmod(0o644)
    module.parent.chmod(0o700)
    assert "site-packages can only be entered by its owner" in problem(environment, BASE, [])
    module.parent.chmod(0o755)
    module.write_text("torn")
    assert "tiny.py is damaged" in problem(environment, BASE, [])
    module.unlink()
    assert "tiny.py is damaged" in problem(environment, BASE, [])
    python = environment / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "gone")
    assert "does not exist" in problem(environment, BASE, [])
    python.unlink()
    python.write_text("#!/bin/sh\necho no such library >&2\nexit 127\n")
    python.chmod(0o755)
    assert "no such library" in problem(environment, BASE, [])
    assert problem(tmp_path / "none", BASE, [])


def test_a_python_that_cannot_be_used_is_an_error(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module("python_environment", path=tmp_path, interpreter="/no/python3")
    assert result["failed"]
    assert "give the path of a Python 3.10 or later" in result["msg"]


def test_what_was_not_made_here_is_refused_and_stays(run_module: RunModule, environment: Path) -> None:
    (environment / ".labserver").unlink()
    options: dict[str, Any] = {"path": environment, "interpreter": BASE, "imports": ["tiny"]}
    before = sorted(environment.rglob("*"))
    result = run_module("python_environment", **options)
    assert result["failed"]
    assert "is a virtual environment that was not made here" in result["msg"]
    assert "python_venv_path" in result["msg"]
    result = run_module("python_environment", path=environment, state="absent")
    assert not result["changed"]
    assert "not made here" in str(result["warnings"])
    assert sorted(environment.rglob("*")) == before
    # An earlier release recorded it
    assert run_module("python_environment", recorded=True, **options)["changed"]
    assert not run_module("python_environment", **options)["changed"]
    assert run_module("python_environment", path=environment, state="absent")["changed"]
    assert not environment.exists()


def test_it_is_made_whatever_the_surroundings_say(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    requirement = uv_wheel(wheels)
    settings = tmp_path / "pip.conf"
    settings.write_text(
        f"[global]\nuser = true\ntarget = {tmp_path}/target\nno-index = true\nfind-links = {wheels}\n"
        "[install]\nrequire-virtualenv = true\nconstraint = /no/constraints\n"
    )
    (tmp_path / "hostile").mkdir()
    (tmp_path / "hostile" / "pip.py").write_text("raise SystemExit('hostile')")
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "PIP_CONFIG_FILE": str(settings),
        "PIP_PREFIX": str(tmp_path / "prefix"),
        "PYTHONPATH": str(tmp_path / "hostile"),
        "TMPDIR": str(tmp_path / "no"),
        "UV_TARGET": str(tmp_path / "target"),
    }.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "opt" / "venv"
    options: dict[str, Any] = {"path": path, "interpreter": BASE, "imports": [], "installer": requirement}
    assert run_module("python_environment", check=True, requirements="lab==1", **options)["changed"]
    assert not path.exists()
    result = run_module("python_environment", requirements="lab==1", **options)
    assert not result["failed"], result["msg"]
    assert (result["changed"], problem(path, BASE, [])) == (True, "")
    called = (path / "called").read_text().splitlines()
    assert called[0].startswith("pip install --python=")
    assert "--no-index" in called[0]
    assert {f"UV_FIND_LINKS={wheels}", f"TMPDIR={path / 'tmp'}", "0022", "lab==1"} <= set(called)
    assert not [line for line in called if line.startswith(("UV_TARGET", "PYTHONPATH", "PIP_"))]
    assert path.stat().st_mode & 0o777 == path.parent.stat().st_mode & 0o777 == 0o755
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["hostile", "opt", "pip.conf", "wheels"]
    assert not (path / "tmp").exists()
    assert run_module("python_environment", path=path, state="absent")["changed"]
    assert not path.parent.exists()


def test_sources_are_built_with_what_has_a_hash(run_module: RunModule, environment: Path) -> None:
    uv = environment / "bin" / "uv"
    uv.write_text('#!/bin/sh\necho "$(cat): $*" >> "${0%/bin/uv}/calls"\n')
    uv.chmod(0o755)
    options: dict[str, Any] = {"path": environment, "interpreter": BASE}
    assert not run_module("python_environment", requirements="lab", build_requirements="tools", **options)["failed"]
    tools, lab = (environment / "calls").read_text().splitlines()
    assert tools.startswith("tools: ")
    assert "--no-build-isolation" not in tools
    assert lab.startswith("lab: ")
    assert "--no-build-isolation" in lab


def test_what_cannot_be_installed_is_told(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "first\nERROR: no such package\n")

    path = tmp_path / "env"
    monkeypatch.setattr("ansible.module_utils.labserver.python_environment.subprocess.run", fail)
    monkeypatch.setattr(python_environment, "problem", lambda *_: "it is broken")
    result = run_module("python_environment", path=path, interpreter=BASE)
    assert result["failed"]
    assert "-m venv" in result["msg"]
    assert "ERROR: no such package" in result["msg"]


def test_an_index_that_cannot_be_reached_is_told(
    run_module: RunModule, environment: Path, tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "1")  # it is the warning of a retry that says why
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    (environment / "bin" / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    lab = f"lab==1 --hash=sha256:{'0' * 64}"
    options: dict[str, Any] = {"interpreter": BASE, "index_url": f"http://127.0.0.1:{closed_port}/simple"}
    for result in (
        run_module("python_environment", path=tmp_path / "new", installer=lab, **options),
        run_module("python_environment", path=environment, requirements=lab, **options),
    ):
        assert result["failed"]
        assert "This host cannot reach the package index" in result["msg"]


def test_a_wrong_hash_is_no_missing_network(run_module: RunModule, environment: Path) -> None:
    """pip and uv warn of each try that failed, also where the next one went well."""
    uv = environment / "bin" / "uv"
    uv.write_text("#!/bin/sh\necho 'Retrying (NewConnectionError)' >&2\necho 'Hash mismatch for lab' >&2\nexit 1\n")
    uv.chmod(0o755)
    result = run_module("python_environment", path=environment, interpreter=BASE, requirements="lab")
    assert result["failed"]
    assert "Hash mismatch" in result["msg"]
    assert "cannot reach" not in result["msg"]


def test_a_folder_that_others_may_not_enter_is_told(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    tmp_path.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 1:
            assert closed_folder(tmp_path / "a" / "b")
    assert closed_folder(Path("/")) == closed_folder(Path("/usr/bin")) == ""


def test_of_pips_settings_the_way_to_the_packages_counts() -> None:
    settings = {
        "index-url": "https://user:secret@index.example.org/simple",
        "extra-index-url": "https://a.example.org\nhttps://b.example.org",
        "find-links": "/a /b",
        "trusted-host": "index.example.org",
        "proxy": "http://proxy.example.org",
        "cert": "/etc/ca.pem",
        "timeout": "30",
        "user": "true",
        "target": "/target",
    }
    for_pip = pip_environment(settings)
    assert for_pip["PIP_INDEX_URL"] == settings["index-url"]
    assert for_pip["PIP_EXTRA_INDEX_URL"] == settings["extra-index-url"]
    assert for_pip["PIP_CONFIG_FILE"] == os.devnull
    assert not {"PIP_USER", "PIP_TARGET"} & set(for_pip)
    for_uv = uv_environment(settings)
    assert for_uv["UV_DEFAULT_INDEX"] == settings["index-url"]
    assert for_uv["UV_INDEX"] == "https://a.example.org https://b.example.org"
    assert (for_uv["UV_FIND_LINKS"], for_uv["UV_INSECURE_HOST"]) == ("/a,/b", "index.example.org")
    assert (for_uv["HTTPS_PROXY"], for_uv["SSL_CERT_FILE"]) == ("http://proxy.example.org", "/etc/ca.pem")
    assert uv_environment({}) == {"UV_SYSTEM_CERTS": "1"}
    given = {"UV_INDEX_LAB_PASSWORD": "x", "UV_TARGET": "x", "HTTPS_PROXY": "x", "PYTHONHOME": "x", "PIP_USER": "1"}
    assert set(clean_environment(given)) == {"UV_INDEX_LAB_PASSWORD", "HTTPS_PROXY", "LC_ALL"}
