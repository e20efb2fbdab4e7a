"""A folder is made with a mark, and only what is ours goes from it again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.labserver import own_folder
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.own_folder import OwnFolder

if TYPE_CHECKING:
    from tests.support.modules import RunModule

CONTENTS = ["sample.txt", "*.manifest.json", "tables/"]


@pytest.fixture(autouse=True)
def _strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def run(run_module: RunModule, path: Path, state: str = "present", **options: Any) -> dict[str, Any]:
    options = {"variable": "lab_path", "contents": CONTENTS, **options}
    result = run_module("own_folder", path=str(path), state=state, **options)
    assert not result["failed"], result["msg"]
    return result


def test_what_was_made_goes_again_with_what_is_above_it(tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "srv" / "data"
    assert run(run_module, path, check=True)["changed"]
    assert names(tmp_path) == set()
    assert run(run_module, path)["changed"]
    assert [folder.stat().st_mode & 0o7777 for folder in (path.parent, path)] == [0o755, 0o755]
    assert not run(run_module, path)["changed"]
    path.chmod(0o700)
    assert run(run_module, path)["changed"]
    assert path.stat().st_mode & 0o7777 == 0o755
    (path / "sample.txt").write_text("ours")
    (path / "x.manifest.json").write_text("ours")
    (path / "tables").mkdir()
    (path / "tables" / "deep").write_text("ours")
    assert run(run_module, path, "absent", check=True)["changed"]
    assert len(names(path)) == 4
    assert run(run_module, path, "absent")["changed"]
    assert names(tmp_path) == set()
    assert not run(run_module, path, "absent")["changed"]


def test_what_is_not_ours_stays(tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "made"
    run(run_module, path)
    (path / "sample.txt").write_text("ours")
    (path / "thesis.txt").write_text("theirs")
    (path / "x.manifest.json").mkdir()  # a folder by the name of a file of ours
    assert run(run_module, path, "absent")["kept"] == ["thesis.txt", "x.manifest.json"]
    assert names(path) == {".labserver", "thesis.txt", "x.manifest.json"}


def test_a_folder_that_was_there_stays_as_it_is(tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "theirs"
    path.mkdir(mode=0o750)
    (tmp_path / "link").symlink_to(path)
    path.chmod(0o2770)
    assert not run(run_module, tmp_path / "link")["changed"]
    assert (path.stat().st_mode & 0o7777, names(path)) == (0o2770, set())
    (path / "sample.txt").write_text("ours")
    assert run(run_module, tmp_path / "link", "absent")["changed"]
    assert names(path) == set()
    assert names(tmp_path) == {"link", "theirs"}


def test_a_folder_of_an_earlier_release_goes_once_it_is_empty(tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "sample.txt").write_text("ours")
    assert run(run_module, path, "absent", recorded=True)["changed"]
    assert names(tmp_path) == set()


def test_a_folder_to_which_a_volume_was_mounted_stays(
    tmp_path: Path, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data"
    run(run_module, path)
    monkeypatch.setattr(os.path, "ismount", lambda place: str(place) == str(path))
    assert not run(run_module, path, "absent")["changed"]
    assert names(path) == {".labserver"}


def test_what_cannot_be_a_folder_is_refused(tmp_path: Path, run_module: RunModule) -> None:
    (tmp_path / "file").write_text("x")
    for path, words in {f"{tmp_path}/file": "is no folder", "relative": "absolute"}.items():
        result = run_module("own_folder", path=path, variable="lab_path")
        assert result["failed"]
        assert words in result["msg"]
        assert "lab_path" in result["msg"]


def test_a_folder_that_is_to_be_all_ours_holds_nothing_of_others(tmp_path: Path) -> None:
    def folder(*, recorded: bool = False) -> OwnFolder:
        return OwnFolder(tmp_path / "venv", "lab_path", recorded)

    (tmp_path / "venv").mkdir()
    folder().ensure(whole=True)  # empty
    (tmp_path / "venv" / "deep").mkdir()
    (tmp_path / "venv" / "link").symlink_to(tmp_path)
    assert folder().remove_whole()
    assert names(tmp_path / "venv") == set()  # it was there before
    (tmp_path / "venv" / "thesis.txt").write_text("x")
    with pytest.raises(LabError, match="set lab_path"):
        folder().ensure(whole=True)
    assert not folder().remove_whole()
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    with pytest.raises(LabError, match="virtual environment"):
        folder().ensure(whole=True)
    assert names(tmp_path / "venv") == {"thesis.txt", "pyvenv.cfg"}
    folder(recorded=True).ensure(whole=True)
    assert folder().remove_whole()
    assert names(tmp_path) == set()


def test_a_folder_that_was_made_for_files_among_others_never_becomes_all_ours(
    tmp_path: Path, run_module: RunModule
) -> None:
    """One role's folder of data, or one above another's environment, is given to a role that takes a folder whole."""
    data, environment = tmp_path / "srv" / "data", tmp_path / "srv" / "venv"
    run(run_module, data)
    run(run_module, environment, whole=True)
    (data / "thesis.txt").write_text("theirs")
    for path in (data, data.parent):
        with pytest.raises(LabError, match="set lab_path"):
            OwnFolder(path, "lab_path").ensure(whole=True)
        for state in ("present", "absent"):
            assert not run(run_module, path, state, whole=True)["ours"]
    assert names(data) == {".labserver", "thesis.txt"}
    (data / "thesis.txt").unlink()
    assert run(run_module, data, whole=True)["ours"]  # nobody else's by now
    (data / "bin").write_text("ours")
    for path in (data, environment):
        run(run_module, path, "absent", whole=True)
    assert names(tmp_path) == set()


def test_a_file_from_before_stays_by_whatever_way_it_was_reached(tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (tmp_path / "link").symlink_to(path)
    for name, way in {"a.gz": "link", "b.gz": "data/../link", "c.gz": "data"}.items():
        (path / name).write_text("theirs")
        (path / f"{name}.source.json").write_text(f'{{"source": "{tmp_path}/{way}/{name}"}}')
    result = run(run_module, tmp_path / "link", "absent", files=["a.gz", "b.gz", "c.gz"], contents=[])
    assert result["kept"] == ["a.gz", "b.gz", "c.gz"]
    assert names(path) == {"a.gz", "b.gz", "c.gz"}


def test_a_folder_that_was_empty_is_empty_again(tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "results"
    path.mkdir()
    assert run(run_module, path, whole=True)["ours"]
    for name in ("sample.txt", "notes.txt"):
        (path / name).write_text("x")
    assert run(run_module, path, "absent")["kept"] == ["notes.txt"]
    assert names(path) == {".labserver", "notes.txt"}
    (path / "notes.txt").unlink()
    run(run_module, path, "absent")
    assert names(path) == set()


def test_a_file_without_a_record_is_somebody_elses(tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "data"
    files = ["sample.txt", "set.gz", "given.gz", "absent.gz"]
    run(run_module, path, files=files)
    (path / "sample.txt").write_text("theirs")
    result = run_module("own_folder", path=str(path), variable="lab_path", files=files)
    assert result["failed"]
    assert f"{path}/sample.txt was not made here" in result["msg"]
    assert "set lab_path" in result["msg"]
    # What the modules leave: a download, one that was there before, and the rest of a run that was killed
    (path / "set.gz").write_text("ours")
    (path / "set.gz.source.json").write_text('{"source": "https://example.org/set.gz"}')
    (path / "given.gz").write_text("theirs")
    (path / "given.gz.source.json").write_text(f'{{"source": "{path}/given.gz"}}')
    for part in (".absent.gz.part", ".absent.gz.part.json", ".sample.txt.manifest.json.part"):
        (path / part).write_text("half")
    assert run(run_module, path, "absent", files=files, contents=[])["kept"] == ["given.gz", "sample.txt"]
    assert names(path) == {".labserver", "given.gz", "sample.txt"}
    (path / "sample.txt.manifest.json").write_text("{}")
    (path / "given.gz").unlink()
    run(run_module, path, files=files)
    run(run_module, path, "absent", files=files)
    assert names(tmp_path) == set()


def test_a_folder_that_cannot_be_all_ours_serves_as_it_is(tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "tables"
    assert run(run_module, path, whole=True)["ours"]
    (path / "english").write_text("ours")
    run(run_module, path, "absent", whole=True)
    assert names(tmp_path) == set()
    path.mkdir()
    (path / "english").write_text("theirs")
    for state in ("present", "absent"):
        result = run(run_module, path, state, whole=True)
        assert (result["changed"], result["ours"]) == (False, False)
    assert names(path) == {"english"}


@pytest.mark.parametrize("target", ["tables", "tables/my\\040disk"])
def test_what_is_mounted_in_it_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_module: RunModule, target: str
) -> None:
    path = tmp_path / "data"
    run(run_module, path, whole=True)
    mounted = path / target.replace("\\040", " ")
    mounted.mkdir(parents=True)
    (mounted / "theirs").write_text("x")
    table = tmp_path / "mountinfo"
    table.write_text(
        f"36 35 98:0 / {path}/{target} rw,noatime - ext3 /dev/sdb rw\n37 35 0:1 / {path}x rw - tmpfs t rw\n"
    )
    monkeypatch.setattr(own_folder, "MOUNTS", table)
    for options in ({"whole": True}, {"contents": CONTENTS}):
        for check in (True, False):
            result = run_module(
                "own_folder", path=str(path), variable="lab_path", state="absent", check=check, **options
            )
            assert f"{mounted} is mounted in {path}" in result["msg"]
    assert (mounted / "theirs").exists()
    table.write_text("")
    assert run(run_module, path, "absent", whole=True)["changed"]
    assert not path.exists()
