"""What an output may be: a regular file or nothing, by itself, before any work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.files import check_outputs, part_path, replacing

from tests.support.modules import RunModule


def refused(tmp_path: Path, outputs: dict[str, Path], message: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(LabError) as caught:
        check_outputs(outputs, {"src": tmp_path / "src"})
    assert message in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").write_text("text")
    (tmp_path / "here").mkdir()
    (tmp_path / "there").symlink_to("here")
    return tmp_path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.symlink_to("src"), "is a link, and would be replaced by a file: set `dest` to"),
        (lambda path: path.symlink_to("nothing"), "is a link"),
        (lambda path: path.symlink_to("dest"), "symbolic link"),
        (os.mkfifo, "is a device or pipe"),
        (Path.mkdir, "is a folder"),
        (lambda path: path.hardlink_to(path.with_name("src")), "dest and src are the same file"),
    ],
)
def test_what_is_no_file_of_its_own_is_refused(folder: Path, make: Callable[[Path], None], message: str) -> None:
    make(folder / "dest")
    refused(folder, {"dest": folder / "dest"}, message)


@pytest.mark.parametrize("name", ["manifest", "progress"])
def test_one_file_twice_is_refused_whatever_its_path(folder: Path, name: str) -> None:
    for path in (folder / "here/x", folder / "there/x", folder / "there/../here/x", folder / "here/.x.part"):
        refused(folder, {"dest": folder / "here/x", name: path}, f"{name} and dest are the same file")
    check_outputs({"dest": folder / "here/x", name: folder / "here/y"}, {"src": folder / "src"})
    refused(folder, {"dest": folder / "here/../src"}, "dest and src are the same file")


def test_the_name_has_room_for_that_of_the_partial_file(folder: Path) -> None:
    longest = os.pathconf(folder, "PC_NAME_MAX") - len(part_path(Path("/") / "x").name) + 1
    check_outputs({"dest": folder / ("x" * longest)})
    with replacing(folder / ("x" * longest)) as part:
        part.write(b"text")
    refused(folder, {"dest": folder / ("x" * (longest + 1))}, "has too long a name")
    refused(folder, {"dest": folder / ("\u00e9" * (longest // 2 + 1))}, "has too long a name")  # bytes count
    refused(folder, {"dest": folder / ("x" * 5000)}, "too long")
    refused(folder, {"dest": folder / "a\0b"}, "zero byte")


def test_a_folder_that_is_not_there_or_may_not_be_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(folder, {"dest": folder / "none/dest"}, "does not exist: create it first")
    refused(folder, {"dest": folder / "src/dest"}, "")
    check_outputs({"dest": folder / "none/dest"}, folder_later=True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(folder, {"dest": folder / "dest"}, "this user may not write to")


def test_a_file_of_another_user_in_a_shared_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "dest").write_text("theirs")
    folder.chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    refused(folder, {"dest": folder / "dest"}, "belongs to another user")


@pytest.mark.parametrize("module", ["review_sample", "review_text", "review_import"])
@pytest.mark.parametrize("companion", ["dest.manifest.json", ".dest.manifest.json.part"])
def test_modules_check_all_that_they_write_first(
    run_module: RunModule, tmp_path: Path, module: str, companion: str
) -> None:
    (tmp_path / "src").write_text('{"reviewText": "a"}\n')
    (tmp_path / companion).mkdir()
    options: dict[str, Any] = {"fraction": 1} if module == "review_sample" else {}
    result = run_module(module, src=tmp_path / "src", dest=tmp_path / "dest", **options)
    assert result["failed"]
    assert companion.removeprefix(".").removesuffix(".part") in result["msg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([companion, "src"])


@pytest.mark.parametrize("module", ["review_sample", "review_text"])
def test_progress_is_no_other_file(run_module: RunModule, tmp_path: Path, module: str) -> None:
    (tmp_path / "src").write_text('{"reviewText": "a"}\n')
    options: dict[str, Any] = {"fraction": 1} if module == "review_sample" else {}
    for name in ("src", "dest", "dest.manifest.json", ".dest.part"):
        result = run_module(module, src=tmp_path / "src", dest=tmp_path / "dest", progress=tmp_path / name, **options)
        assert "are the same file" in result["msg"]
    assert [path.name for path in tmp_path.iterdir()] == ["src"]
