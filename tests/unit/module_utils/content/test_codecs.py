"""Plain, gzip and zstd give the same text; damaged files are named."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from ansible.module_utils.labserver.content import codecs
from ansible.module_utils.labserver.content.codecs import BLOCK
from ansible.module_utils.labserver.content.source import Source
from ansible.module_utils.labserver.errors import LabError

from tests.support.modules import RunModule
from tests.support.reviews import draw, numbered


def test_a_gzip_gives_the_same_sample(tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 3000, width=90)
    text = path.read_bytes()
    expected = draw(path, tmp_path / "dest", seed=5, fraction=0.1)
    packed = tmp_path / "named wrongly.json"
    packed.write_bytes(gzip.compress(text[:70_000]) + gzip.compress(b"") + gzip.compress(text[70_000:]) + b"\0" * 99)
    assert draw(packed, tmp_path / "dest", seed=5, fraction=0.1) == expected
    out = tmp_path / "dest.gz"
    draw(packed, out, seed=5, fraction=0.1)
    assert gzip.decompress(out.read_bytes()).splitlines(keepends=True) == expected
    first = out.read_bytes()
    draw(path, out, seed=5, fraction=0.1)
    assert out.read_bytes() == first  # no time of day in it


def test_a_gzip_that_unpacks_to_very_much_is_read_in_blocks(tmp_path: Path) -> None:
    packed = tmp_path / "src.gz"
    packed.write_bytes(gzip.compress(b"0" * 50_000_000))
    blocks = list(map(len, Source(packed).blocks()))
    assert max(blocks) <= BLOCK
    assert sum(blocks) == 50_000_000


def test_zstd_gives_the_same_sample(tmp_path: Path) -> None:
    pytest.importorskip("zstandard")
    path = numbered(tmp_path / "src", 30_000, width=90)
    packed = tmp_path / "all.zst"
    draw(path, packed, fraction=1.0)
    packed.write_bytes(packed.read_bytes() * 2)  # two frames
    assert b"".join(Source(packed).blocks()) == path.read_bytes() * 2
    path.write_bytes(path.read_bytes() * 2)
    expected = draw(path, tmp_path / "dest", seed=5, fraction=0.1)
    assert draw(packed, tmp_path / "dest", seed=5, fraction=0.1) == expected
    whole = packed.read_bytes()
    for damaged, message in ((whole[:-9], "ends in the middle"), (whole[:900] + b"xxxx" + whole[904:], "damaged zstd")):
        packed.write_bytes(damaged)
        with pytest.raises(LabError, match=message):
            draw(packed, tmp_path / "dest", seed=5, fraction=0.1)


def test_zstd_without_a_decoder_names_the_package(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "src").write_bytes(b"\x28\xb5\x2f\xfd and so on")
    result = run_module("review_sample", src=tmp_path / "src", dest=tmp_path / "dest", fraction=0.1)
    assert "install the Python package zstandard" in result["msg"]
    (tmp_path / "src").write_bytes(b"a\n")
    result = run_module("review_sample", src=tmp_path / "src", dest=tmp_path / "dest.zst", fraction=0.1)
    assert "install the Python package zstandard" in result["msg"]


def test_the_quicker_decoder_gives_the_same_text_and_the_same_complaints(tmp_path: Path) -> None:
    pytest.importorskip("isal")
    assert codecs.gzip_engine().__name__ == "isal.isal_zlib"
    text = numbered(tmp_path / "src", 100_000, width=90).read_bytes()
    whole = gzip.compress(text[:70_000]) + gzip.compress(b"") + gzip.compress(text[70_000:])
    packed = tmp_path / "src.gz"
    packed.write_bytes(whole + b"\0" * 99)
    assert b"".join(Source(packed).blocks()) == text
    for damaged, message in (
        (whole[:-9], "ends in the middle"),
        (whole[:-1], "ends in the middle"),
        (whole[:9000] + b"xxxx" + whole[9004:], "damaged gzip"),
        (whole[:-7] + b"x" + whole[-6:], "damaged gzip"),
    ):
        packed.write_bytes(damaged)
        with pytest.raises(LabError, match=message):
            list(Source(packed).blocks())


def test_a_file_that_changes_or_vanishes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Source._raw
    disturb: Callable[[], object]

    def disturbed(self: Source, size: int) -> Iterator[bytes]:
        yield from raw(self, size)
        disturb()

    monkeypatch.setattr(Source, "_raw", disturbed)
    path = numbered(tmp_path / "src", 100)
    disturb = partial(path.write_text, "other")
    with pytest.raises(LabError, match="changed while it was read"):
        draw(path, tmp_path / "dest", fraction=0.1)
    disturb = path.unlink
    with pytest.raises(LabError, match="vanished while it was read"):
        draw(path, tmp_path / "dest", fraction=0.1)
    assert not (tmp_path / "dest").exists()
