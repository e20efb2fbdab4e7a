"""Archives: one member out of many, all of them, and none outside of the directory."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest
from ansible.module_utils.labserver.download import archive, http
from ansible.module_utils.labserver.errors import LabError


def test_twice_the_same_member_is_refused() -> None:
    with pytest.raises(http.SourceError, match="2 times"):
        archive._position(["a/set.csv", "b/set.csv"], "set.csv", Path("some-data-1.0.tar.gz"))


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as content:
        for name, body in members.items():
            content.writestr(name, body)
    return path


def test_what_is_missing_or_torn_is_unpacked(tmp_path: Path) -> None:
    packed = zipped(tmp_path / "tables.zip", {"a/one.tab": b"1", "a/b/two.tab": b"two", "three": b"3"})
    folder = tmp_path / "out"
    umask = os.umask(0o077)
    try:
        assert archive.unpack(packed, folder, check=True) == ["a/one.tab", "a/b/two.tab", "three"]
        assert not folder.exists()
        assert len(archive.unpack(packed, folder)) == 3
    finally:
        os.umask(umask)
    assert (folder / "a/b/two.tab").read_bytes() == b"two"
    assert stat.S_IMODE((folder / "a/b/two.tab").stat().st_mode) == 0o644
    assert stat.S_IMODE((folder / "a/b").stat().st_mode) == 0o755
    assert archive.unpack(packed, folder) == []
    (folder / "a/b/two.tab").write_bytes(b"t")
    (folder / "three").unlink()
    assert archive.unpack(packed, folder) == ["a/b/two.tab", "three"]
    assert (folder / "a/b/two.tab").read_bytes() == b"two"
    (folder / "a/b/two.tab").write_bytes(b"Two")  # damaged, at its old size
    assert archive.unpack(packed, folder) == ["a/b/two.tab"]
    assert (folder / "a/b/two.tab").read_bytes() == b"two"
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "a/../../escaped"])
def test_nothing_is_written_outside_of_the_directory(tmp_path: Path, name: str) -> None:
    packed = zipped(tmp_path / "bad.zip", {"good": b"1", name: b"2"})
    with pytest.raises(LabError, match="do not trust"):
        archive.unpack(packed, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.zip"]


def test_a_link_in_the_archive_or_in_the_directory_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as content:
        content.writestr(link, "/etc")
    with pytest.raises(LabError, match="do not trust"):
        archive.unpack(tmp_path / "link.zip", tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "elsewhere")
    packed = zipped(tmp_path / "tables.zip", {"a/one.tab": b"1"})
    with pytest.raises(LabError, match="remove the link"):
        archive.unpack(packed, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "tables.zip").write_bytes(b"no archive")
    with pytest.raises(LabError, match="`unpack` takes zip archives"):
        archive.unpack(tmp_path / "tables.zip", tmp_path / "out")


def damaged(archive_file: Path, how: str) -> None:
    """Damage an archive of one member: its data, or the flags or the method in its two headers."""
    body = bytearray(archive_file.read_bytes())
    directory = body.find(b"PK\1\2")
    if how == "data":
        body[45] ^= 0xFF
        body[50] ^= 0xFF
    elif how == "password":
        body[6] |= 1
        body[directory + 8] |= 1
    else:
        body[8] = body[directory + 10] = 9
    archive_file.write_bytes(body)


@pytest.mark.parametrize("how", ["data", "password", "method"])
def test_a_member_that_cannot_be_read_is_told(tmp_path: Path, how: str) -> None:
    path = tmp_path / "tables.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("one.tab", b"abcdefgh" * 5000)
    damaged(path, how)
    with pytest.raises(LabError, match="cannot be unpacked"):
        archive.unpack(path, tmp_path / "out")
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]


def test_a_damaged_wheel_is_told(tmp_path: Path) -> None:
    path = tmp_path / "some-1.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("one.tab", b"abcdefgh" * 5000)
    damaged(path, "data")
    with pytest.raises(http.SourceError, match="is damaged"):
        archive.copy_member(path, "one.tab", io.BytesIO)
