"""scripts/package_cluster: what it packs, and where."""

from __future__ import annotations

import tarfile
from pathlib import Path

import package_cluster
import pytest
from machine import ScriptError


def test_a_folder_may_be_relative_to_where_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands run in the project's folder."""
    trees: list[Path] = []

    def install(tree: Path, *_: str) -> None:
        trees.append(tree)
        tree.mkdir()
        (tree / "vec2pca.py").touch()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(package_cluster, "install", install)
    monkeypatch.setattr(package_cluster, "fetch_punkt", lambda _: None)
    # As Python 3.11 gives a temporary folder in a relative one; later ones give an absolute path
    monkeypatch.setattr("os.path.abspath", lambda path: path)
    package_cluster.build(Path("out"), "3.11", "linux")
    assert trees[0].is_absolute()
    with tarfile.open(tmp_path / "out" / package_cluster.ARCHIVE) as archive:
        assert archive.getnames() == ["vec2pca.py"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["vec2pca.tar.gz", "vec2pca_cluster.py"]


def test_what_cannot_be_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ScriptError, match="name another"):
        package_cluster.build(tmp_path / "file", "3.11", "linux")
