"""Several text files: written once, mended, and nothing of others replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import RunModule

FILES = {"two": "2\n", "a/b/one": "1\n"}
MODES = {"a": 0o755, "a/b": 0o755, "a/b/one": 0o644, "two": 0o644}


def modes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mode & 0o7777 for name in MODES}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that has a file of others, and that nobody else may enter."""
    folder = tmp_path / "root"
    folder.mkdir(0o700)
    (folder / "theirs").write_text("theirs")
    return folder


@pytest.fixture
def write(folder: Path, run_module: RunModule) -> Any:
    def written(**options: Any) -> dict[str, Any]:
        return run_module("text_files", **{"path": str(folder), "files": FILES, **options})

    return written


def test_they_are_written_once(folder: Path, write: Any) -> None:
    result = write()
    assert result["written"] == [str(folder / name) for name in ("a", "a/b", "two", "a/b/one")]
    assert [(folder / name).read_text() for name in FILES] == ["2\n", "1\n"]
    assert modes(folder) == MODES
    assert (write()["changed"], write()["diff"]) == (False, [])
    assert (folder.stat().st_mode & 0o777, (folder / "theirs").read_text()) == (0o700, "theirs")
    assert sorted(path.name for path in folder.iterdir()) == ["a", "theirs", "two"]


def test_check_mode_writes_nothing(folder: Path, write: Any) -> None:
    assert write(check=True)["written"] == [str(folder / name) for name in ("a", "a/b", "two", "a/b/one")]
    assert [path.name for path in folder.iterdir()] == ["theirs"]
    result = write(check=True, path=str(folder / "later"))  # which another task would make
    assert (result["failed"], result["changed"]) == (False, True)


def test_what_is_not_right_is_mended(folder: Path, write: Any) -> None:
    write()
    (folder / "a/b").chmod(0o700)  # as a run with umask 077 leaves it that was killed
    (folder / "a/b/one").chmod(0o600)
    (folder / "two").write_text("3\n")
    for check in (True, False):
        result = write(check=check)
        assert result["written"] == [str(folder / name) for name in ("a/b", "two", "a/b/one")]
        differences = {Path(part["before_header"]).name: (part["before"], part["after"]) for part in result["diff"]}
        assert differences["two"] == ("3\n", "2\n")
        assert differences["one"] == ("mode 0600\n", "mode 0644\n")
    assert modes(folder) == MODES
    assert not write()["changed"]


def test_a_file_of_others_stays_and_nothing_is_written(folder: Path, write: Any) -> None:
    result = write(files={**FILES, "theirs": "ours"}, marks={"theirs": "made here"}, variable="lab_root")
    assert result["failed"]
    assert f"{folder}/theirs was not made here, and is left as it is" in result["msg"]
    assert "set lab_root to another folder" in result["msg"]
    assert [path.name for path in folder.iterdir()] == ["theirs"]
    (folder / "theirs").write_text("made here, long ago")
    assert not write(files={"theirs": "made here"}, marks={"theirs": "made here"})["failed"]


@pytest.mark.parametrize("taken", ["a", "a/b", "two"])
def test_what_is_no_file_or_folder_is_not_replaced(folder: Path, write: Any, taken: str) -> None:
    (folder / taken).parent.mkdir(exist_ok=True)
    (folder / taken).symlink_to(folder / "theirs")
    result = write()
    assert f"{folder / taken} is no " in result["msg"]
    assert (folder / taken).is_symlink()
    assert (folder / "theirs").read_text() == "theirs"
    assert not (folder / "a/b/one").exists()


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "."])
def test_a_name_stays_in_the_folder(write: Any, name: str) -> None:
    assert "leads out of the folder" in write(files={name: "x"})["msg"]


def test_a_folder_that_is_missing_is_named(folder: Path, write: Any) -> None:
    assert str(folder / "gone") in write(path=str(folder / "gone"))["msg"]
