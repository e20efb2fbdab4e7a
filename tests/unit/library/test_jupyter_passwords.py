"""The hashes that Jupyter's servers read. No test prints a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from tests.support.modules import RunModule


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "passwords"
    folder.mkdir(mode=0o700)
    return folder


def verify(file: Path, password: str) -> bool:
    kind, _, rest = file.read_text().strip().partition(":")
    return kind == "argon2" and PasswordHasher().verify(rest, password)


def test_a_hash_is_made_that_root_alone_can_read(run_module: RunModule, folder: Path) -> None:
    result = run_module("jupyter_passwords", path=str(folder), users=["anna"], passwords={"anna": "secret-1"})
    assert (result["changed"], result["unknown"]) == (True, [])
    assert verify(folder / "anna", "secret-1")
    assert (folder / "anna").stat().st_mode & 0o777 == 0o600
    assert "secret-1" not in str(result)


def test_a_hash_that_fits_stays_and_another_is_replaced(run_module: RunModule, folder: Path) -> None:
    def run(password: str, *, check: bool = False) -> bool:
        passwords = {"anna": password}
        result = run_module("jupyter_passwords", check=check, path=str(folder), users=["anna"], passwords=passwords)
        return bool(result["changed"])

    assert run("one")
    before = (folder / "anna").read_text()
    assert not run("one")
    assert run("two", check=True)
    assert (folder / "anna").read_text() == before
    assert run("two")
    assert verify(folder / "anna", "two")


def test_the_folder_is_roots_alone(run_module: RunModule, tmp_path: Path) -> None:
    folder = tmp_path / "new"

    def run(*, check: bool = False) -> bool:
        return bool(run_module("jupyter_passwords", check=check, path=str(folder), users=[], passwords={})["changed"])

    assert run(check=True)
    assert not folder.exists()
    assert run()
    assert not run()
    folder.chmod(0o755)
    assert run()
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "argon2:nonsense", "sha1:a:b"])
def test_what_is_no_such_hash_is_replaced(run_module: RunModule, folder: Path, text: str) -> None:
    (folder / "anna").write_text(text)
    assert run_module("jupyter_passwords", path=str(folder), users=["anna"], passwords={"anna": "x"})["changed"]
    assert verify(folder / "anna", "x")


def test_without_a_password_the_hash_stays_and_who_has_none_is_named(run_module: RunModule, folder: Path) -> None:
    (folder / "anna").write_text("argon2:kept")
    result = run_module("jupyter_passwords", path=str(folder), users=["anna", "ben"], passwords={})
    assert (result["changed"], result["unknown"]) == (False, ["ben"])
    assert (folder / "anna").read_text() == "argon2:kept"


def test_files_of_others_go(run_module: RunModule, folder: Path) -> None:
    for name in ("anna", "carl", ".anna"):
        (folder / name).write_text("argon2:old")
    assert run_module("jupyter_passwords", path=str(folder), users=["anna"], passwords={})["changed"]
    assert [file.name for file in folder.iterdir()] == ["anna"]


def test_a_folder_that_is_not_there_yet_is_for_later(run_module: RunModule, tmp_path: Path) -> None:
    folder, passwords = tmp_path / "later", {"anna": "x"}
    result = run_module("jupyter_passwords", check=True, path=str(folder), users=["anna"], passwords=passwords)
    assert result["changed"]
