"""review_sample: exact, uniform, the same everywhere, and no half-written file."""

from __future__ import annotations

import gzip
import json
import math
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations, islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ansible.module_utils.labserver import sampling, source
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.sampling import Draw, Share, sample
from ansible.module_utils.labserver.source import BLOCK, Source

from tests.support.modules import RunModule

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For thousands of small samples."""
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


def numbered(path: Path, lines: int, *, width: int = 0) -> Path:
    path.write_bytes(b"".join(b"%d%s\n" % (i, b"." * (i * 7919 % (width + 1))) for i in range(lines)))
    return path


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def draw(path: Path, dest: Path, *, seed: int = 0, z: float = sampling.Z, **size: float) -> list[bytes]:
    sample(Source(path), [Draw(seed, (Share(dest, **size),))], z=z)
    return dest.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("lines", [1, 2, 9, 63, 64, 65, 128, 1000, 8191, 30_000])
@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.5, 0.999, 1.0])
def test_exactly_so_many_distinct_lines_in_order(tmp_path: Path, lines: int, fraction: float) -> None:
    path = numbered(tmp_path / "src", lines, width=40)
    taken = draw(path, tmp_path / "dest", fraction=fraction)
    assert len(taken) == int(fraction * lines)
    places = [int(line.split(b".")[0]) for line in taken]
    assert places == sorted(set(places))
    assert set(taken) <= set(path.read_bytes().splitlines(keepends=True))
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("count", [1, 5, 299, 300])
def test_exactly_count_lines(tmp_path: Path, count: int) -> None:
    taken = draw(numbered(tmp_path / "src", 300), tmp_path / "dest", count=count)
    assert len(taken) == len(set(taken)) == count


@pytest.mark.usefixtures("quick_disk")
def test_bytes_are_kept_empty_lines_count_and_the_last_line_needs_no_newline(tmp_path: Path) -> None:
    lines = [b"\n", b"\r\n", b"\xff\xfe\x00 no UTF-8\n", b"\n", b"a\rb\x0c\x85\n", b"the end"]
    (tmp_path / "src").write_bytes(b"".join(lines))
    assert draw(tmp_path / "src", tmp_path / "dest", fraction=1.0) == b"".join(lines).splitlines(keepends=True)
    assert (tmp_path / "dest").read_bytes() == b"".join(lines)
    kept = {b"".join(draw(tmp_path / "src", tmp_path / "dest", seed=seed, count=1)) for seed in range(200)}
    assert kept == set(lines)


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("z", [sampling.Z, 0.0, -1.0])
def test_every_subset_is_equally_likely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, z: float) -> None:
    """Chi-square over all 35 subsets, also where candidates are thinned and readings miss (z at and below 0)."""
    monkeypatch.setattr(sampling, "FIRST_BATCH", 2)
    monkeypatch.setattr(sampling, "LAST_BATCH", 2)
    path = numbered(tmp_path / "src", 7)
    trials = 1400
    seen = Counter(tuple(draw(path, tmp_path / "dest", seed=seed, z=z, count=3)) for seed in range(trials))
    assert chi_square(seen, [tuple(b"%d\n" % i for i in subset) for subset in combinations(range(7), 3)]) < 65.2


def chi_square(seen: Counter[Any], cells: Sequence[Any]) -> float:
    """The 99.9th percentile for 34 degrees of freedom is 65.2."""
    expected = sum(seen.values()) / len(cells)
    assert set(seen) <= set(cells)
    return sum((seen[cell] - expected) ** 2 / expected for cell in cells)


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("z", [sampling.Z, 0.0])
def test_every_line_is_taken_equally_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, z: float) -> None:
    """Inclusion counts over batches and blocks of several sizes; each is binomial, so 5 sigma for 600 lines."""
    monkeypatch.setattr(source, "BLOCK", 97)
    monkeypatch.setattr(sampling, "FIRST_BATCH", 16)
    monkeypatch.setattr(sampling, "LAST_BATCH", 64)
    path = numbered(tmp_path / "src", 600, width=30)
    trials, fraction = 600, 0.25
    seen: Counter[bytes] = Counter()
    for seed in range(trials):
        seen.update(draw(path, tmp_path / "dest", seed=seed, z=z, fraction=fraction))
    sigma = math.sqrt(trials * fraction * (1 - fraction))
    assert len(seen) == 600
    assert max(abs(number - trials * fraction) for number in seen.values()) < 5 * sigma
    by_place = [seen[line] for line in path.read_bytes().splitlines(keepends=True)]
    for start in range(0, 600, 50):  # no slope and no edge
        assert abs(sum(by_place[start : start + 50]) - 50 * trials * fraction) < 5 * sigma * math.sqrt(50)


@pytest.mark.usefixtures("quick_disk")
def test_the_bound_is_seldom_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[Source] = []
    blocks = Source.blocks

    def counted(self: Source) -> Iterator[bytes]:
        readings.append(self)
        yield from blocks(self)

    monkeypatch.setattr(Source, "blocks", counted)
    path = numbered(tmp_path / "src", 5000)
    for seed in range(50):
        draw(path, tmp_path / "dest", seed=seed, fraction=0.1)
    assert len(readings) == 50
    readings.clear()
    for seed in range(20):
        assert len(draw(path, tmp_path / "dest", seed=seed, fraction=0.1, z=-1.0)) == 500
    assert len(readings) > 20


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5])
def test_the_surplus_of_candidates_is_small(fraction: float) -> None:
    """On the disk a few percent; in memory, where it is dropped one by one, it grows as a square root alone."""
    draft = sampling._Candidates(Draw(1, (Share(Path("/dest"), fraction=fraction),)), "", None, sampling.Z)
    list(islice(draft.flags.stream, 778_000))  # lines of 1 GiB of reviews
    lines = draft.finish()
    assert lines == 778_000
    wanted = fraction * lines
    assert wanted <= draft.left() < wanted + 10 * math.sqrt(wanted)
    assert sum(draft.counts) < 1.2 * wanted


@pytest.mark.parametrize("block", [1, 2, 7, 64, 4096])
def test_block_borders_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    path = numbered(tmp_path / "src", 400, width=60)
    path.write_bytes(path.read_bytes() + b"\n\n\nlast")
    expected = draw(path, tmp_path / "dest", seed=3, fraction=0.3)
    monkeypatch.setattr(source, "BLOCK", block)
    monkeypatch.setattr(sampling, "BLOCK", block)
    assert draw(path, tmp_path / "dest", seed=3, fraction=0.3) == expected


def test_a_gzip_gives_the_same_sample(tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 3000, width=90)
    text = path.read_bytes()
    expected = draw(path, tmp_path / "dest", seed=5, fraction=0.1)
    packed = tmp_path / "named wrongly.json"
    packed.write_bytes(gzip.compress(text[:70_000]) + gzip.compress(b"") + gzip.compress(text[70_000:]) + b"\0" * 99)
    assert draw(packed, tmp_path / "dest", seed=5, fraction=0.1) == expected
    out = tmp_path / "dest.gz"
    sample(Source(packed), [Draw(5, (Share(out, fraction=0.1),))])
    assert gzip.decompress(out.read_bytes()).splitlines(keepends=True) == expected
    first = out.read_bytes()
    sample(Source(path), [Draw(5, (Share(out, fraction=0.1),))])
    assert out.read_bytes() == first  # no time of day in it


def test_a_gzip_that_unpacks_to_very_much_is_read_in_blocks(tmp_path: Path) -> None:
    packed = tmp_path / "src.gz"
    packed.write_bytes(gzip.compress(b"0" * 50_000_000))
    blocks = list(map(len, Source(packed).blocks()))
    assert max(blocks) <= BLOCK
    assert sum(blocks) == 50_000_000


ZSTD = [name for name in ("compression.zstd", "backports.zstd", "zstandard") if source.optional(name)]


@pytest.mark.parametrize("name", ["compression.zstd", "backports.zstd", "zstandard"])
def test_zstd_gives_the_same_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name not in ZSTD:
        pytest.skip(f"needs the Python package {name}")
    for other in set(ZSTD) - {name}:
        monkeypatch.setitem(sys.modules, other, None)
    path = numbered(tmp_path / "src", 30_000, width=90)
    packed = tmp_path / "all.zst"
    sample(Source(path), [Draw(0, (Share(packed, fraction=1.0),))])
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
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "src").write_bytes(b"\x28\xb5\x2f\xfd and so on")
    result = run_module("review_sample", src=tmp_path / "src", dest=tmp_path / "dest", fraction=0.1)
    assert "install the Python package zstandard" in result["msg"]
    (tmp_path / "src").write_bytes(b"a\n")
    result = run_module("review_sample", src=tmp_path / "src", dest=tmp_path / "dest.zst", fraction=0.1)
    assert "install the Python package zstandard" in result["msg"]


@pytest.mark.parametrize("name", ["isal.isal_zlib", "zlib_ng.zlib_ng"])
def test_quicker_decoders_give_the_same_text_and_the_same_complaints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if not source.optional(name):
        pytest.skip(f"needs the Python package {name.partition('.')[0]}")
    for other in {"isal.isal_zlib", "zlib_ng.zlib_ng"} - {name}:
        monkeypatch.setitem(sys.modules, other, None)
    assert source.gzip_engine().__name__ == name
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
        (whole + b"garbage", "damaged gzip"),
    ):
        packed.write_bytes(damaged)
        with pytest.raises(LabError, match=message):
            list(Source(packed).blocks())


EXPECTED = [4, 9, 10, 18, 39, 54, 63, 67, 86, 90]


def test_a_seed_means_the_same_sample_for_ever(tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 100)
    assert [int(line) for line in draw(path, tmp_path / "dest", seed=42, fraction=0.1)] == EXPECTED


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_a_seed_means_the_same_sample_on_every_python(tmp_path: Path, version: str) -> None:
    python = shutil.which(f"python{version}")
    if not python or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"no python{version} on PATH")
    path = numbered(tmp_path / "src", 40_000, width=20)
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from labserver.sampling import Draw, Share, sample
        from labserver.source import Source
        from labserver import reviews  # all of it is importable
        sample(Source(Path(sys.argv[2])), [Draw(9, (Share(Path(sys.argv[3]), fraction=0.05),))])
    """)
    dest = tmp_path / "dest"
    command = [python, "-B", "-W", "error", "-c", program, str(ROOT / "module_utils"), str(path), str(dest)]
    subprocess.run(command, check=True)
    theirs = dest.read_bytes()
    assert theirs == b"".join(draw(path, dest, seed=9, fraction=0.05))


def test_independent_samples_are_what_each_would_be_alone(tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 2000)
    dests = [tmp_path / f"dest{i}" for i in range(3)]
    sample(Source(path), [Draw(i, (Share(dest, fraction=0.2),)) for i, dest in enumerate(dests)])
    together = [dest.read_bytes().splitlines(keepends=True) for dest in dests]
    assert together == [draw(path, tmp_path / "dest", seed=i, fraction=0.2) for i in range(3)]
    assert together[0] != together[1]


@pytest.mark.usefixtures("quick_disk")
def test_disjoint_samples_share_nothing_and_are_each_uniform(tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 7)
    dests = [tmp_path / "one", tmp_path / "two"]
    firsts: Counter[Any] = Counter()
    for seed in range(1050):
        sample(Source(path), [Draw(seed, (Share(dests[0], count=2), Share(dests[1], fraction=0.5)))])
        one, two = (dest.read_bytes().splitlines() for dest in dests)
        assert (len(one), len(two)) == (2, 3)
        assert not set(one) & set(two)
        firsts[tuple(one)] += 1
    cells = [tuple(b"%d" % i for i in subset) for subset in combinations(range(7), 2)]
    assert chi_square(firsts, cells) < 45.3  # 99.9th percentile for 20 degrees of freedom


def test_disjoint_samples_may_use_up_the_file(tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 1000)
    shares = tuple(Share(tmp_path / f"dest{i}.gz", fraction=part) for i, part in enumerate((0.1, 0.2, 0.7)))
    sample(Source(path), [Draw(1, shares)])
    taken = [line for share in shares for line in gzip.decompress(share.dest.read_bytes()).splitlines()]
    assert sorted(map(int, taken)) == list(range(1000))


def starred(path: Path, lines: int, values: Sequence[object] = (1.0, 2.0, 5.0)) -> Path:
    records = [{"overall": values[i * i % len(values)], "n": i, "text": "x" * (i % 40)} for i in range(lines)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("z", [sampling.Z, 0.0])
def test_strata_give_the_same_fraction_of_every_value(tmp_path: Path, z: float) -> None:
    path = starred(tmp_path / "src", 5000, [5.0, 1, "1", True, None, 1.5, "good"])
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    shares = (Share(tmp_path / "one", fraction=0.1), Share(tmp_path / "two.gz", fraction=0.25))
    drawn = sample(Source(path), [Draw(3, shares, stratify_by="overall")], z=z)
    taken = [(tmp_path / "one").read_text(), gzip.decompress((tmp_path / "two.gz").read_bytes()).decode()]
    lines = [[json.loads(line) for line in text.splitlines()] for text in taken]
    for one, share, mine in zip(drawn, shares, lines, strict=True):
        want = {
            value: {"lines": number, "sampled": int((share.fraction or 0) * number)}
            for value, number in Counter(json.dumps(record["overall"]) for record in records).items()
        }
        assert one.strata == want
        assert Counter(json.dumps(record["overall"]) for record in mine) == {v: of["sampled"] for v, of in want.items()}
        assert one.sampled == len(mine)
        assert [record["n"] for record in mine] == sorted({record["n"] for record in mine})
    assert not {record["n"] for record in lines[0]} & {record["n"] for record in lines[1]}


@pytest.mark.usefixtures("quick_disk")
def test_every_subset_of_a_stratum_is_equally_likely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "FIRST_BATCH", 2)
    monkeypatch.setattr(sampling, "LAST_BATCH", 2)
    path = starred(tmp_path / "src", 13, ["a", "b"])
    path.write_text(path.read_text().rstrip("\n"))
    seen: Counter[Any] = Counter()
    for seed in range(1000):
        sample(Source(path), [Draw(seed, (Share(tmp_path / "dest", fraction=0.5),), stratify_by="overall")], z=0.0)
        taken = [json.loads(line) for line in (tmp_path / "dest").read_bytes().splitlines()]
        assert Counter(record["overall"] for record in taken) == {"a": 3, "b": 3}
        seen[tuple(record["n"] for record in taken if record["overall"] == "b")] += 1
    assert chi_square(seen, list(combinations(range(1, 13, 2), 3))) < 43.8  # 99.9 % for 19 degrees of freedom


# --- the module ----------------------------------------------------------------------------------------------------


def test_the_second_run_does_nothing_and_a_third_tells_why(run_module: RunModule, tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 1000)
    wish: dict[str, Any] = {"src": path, "dest": tmp_path / "dest", "fraction": 0.1, "seed": 4, "mode": "0600"}
    first = run_module("review_sample", diff=True, **wish)
    assert first["changed"]
    assert first["reason"] == "dest does not exist"
    assert (first["lines"], first["sampled"], first["seed"], first["fraction"]) == (1000, 100, 4, 0.1)
    assert first["diff"]["after"]["made"] == [{"dest": str(tmp_path / "dest"), "reason": "dest does not exist"}]
    assert (tmp_path / "dest").stat().st_mode & 0o777 == 0o600
    stored = (tmp_path / "dest").stat()

    again = run_module("review_sample", diff=True, **wish)
    assert not again["changed"]
    assert again["reason"] == ""
    assert again["diff"]["after"] == {}
    assert {key: again[key] for key in ("lines", "sampled", "dest", "source_digest")} == {
        key: first[key] for key in ("lines", "sampled", "dest", "source_digest")
    }
    assert (tmp_path / "dest").stat().st_mtime_ns == stored.st_mtime_ns

    assert run_module("review_sample", **{**wish, "seed": 5})["reason"] == "seed changed from 4 to 5"
    numbered(path, 1001)
    assert run_module("review_sample", **{**wish, "seed": 5})["reason"] == "src changed"
    (tmp_path / "dest").write_text("edited by hand")
    assert run_module("review_sample", **{**wish, "seed": 5})["reason"] == "dest was changed by something else"
    (tmp_path / "dest.manifest.json").write_text("{torn")
    assert run_module("review_sample", **{**wish, "seed": 5})["reason"] == "dest has no manifest"


def test_check_mode_tells_counts_when_they_are_known(run_module: RunModule, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"src": numbered(tmp_path / "src", 50), "dest": tmp_path / "dest", "fraction": 0.1}
    before = run_module("review_sample", check=True, **wish)
    assert before["changed"]
    assert before["lines"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["src"]
    run_module("review_sample", **wish)
    assert not run_module("review_sample", check=True, **wish)["changed"]
    other = run_module("review_sample", check=True, **{**wish, "fraction": 0.5})
    assert (other["changed"], other["lines"], other["sampled"]) == (True, 50, 25)


@pytest.mark.parametrize("name", ["review_import", "review_sample", "review_text"])
def test_check_mode_on_a_fresh_host(run_module: RunModule, tmp_path: Path, name: str) -> None:
    options: dict[str, Any] = {"src": tmp_path / "not yet" / "src", "dest": tmp_path / "not yet" / "dest"}
    if name == "review_sample":
        options["fraction"] = 0.1
    result = run_module(name, check=True, **options)
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "src does not exist yet")
    assert result["lines"] is None
    assert list(tmp_path.iterdir()) == []
    assert "correct `src`" in run_module(name, **options)["msg"]


def test_only_what_is_out_of_date_is_drawn_again(run_module: RunModule, tmp_path: Path) -> None:
    samples = [{"dest": str(tmp_path / "one"), "seed": 1}, {"dest": str(tmp_path / "two"), "seed": 2, "count": 3}]
    wish: dict[str, Any] = {"src": numbered(tmp_path / "src", 100), "samples": samples, "fraction": 0.1}
    assert [one["sampled"] for one in run_module("review_sample", **wish)["samples"]] == [10, 3]
    (tmp_path / "two").unlink()
    result = run_module("review_sample", **wish)
    assert [one["changed"] for one in result["samples"]] == [False, True]
    assert result["dest"] == str(tmp_path / "two")
    wish["samples"] = [{"dest": one["dest"]} for one in samples]
    assert run_module("review_sample", disjoint=True, **wish)["changed"]
    (tmp_path / "two").unlink()
    result = run_module("review_sample", disjoint=True, **wish)
    assert [one["changed"] for one in result["samples"]] == [True, True]


def test_strata_are_told_and_kept(run_module: RunModule, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"src": starred(tmp_path / "src", 100), "dest": tmp_path / "dest", "fraction": 0.1}
    result = run_module("review_sample", stratify_by="overall", **wish)
    assert result["strata"] == {"1.0": {"lines": 34, "sampled": 3}, "2.0": {"lines": 66, "sampled": 6}}
    assert result["sampled"] == 9
    again = run_module("review_sample", stratify_by="overall", **wish)
    assert (again["changed"], again["strata"]) == (False, result["strata"])
    other = run_module("review_sample", stratify_by="overall", check=True, **{**wish, "fraction": 0.5})
    assert other["sampled"] == 17 + 33
    plain = run_module("review_sample", check=True, **wish)
    assert (plain["changed"], plain["sampled"], "strata" in plain) == (True, 10, False)
    unknown = run_module("review_sample", stratify_by="text", check=True, **wish)
    assert unknown["sampled"] is None


def test_progress_is_written_for_whoever_waits(run_module: RunModule, tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 100)
    run_module("review_sample", src=path, dest=tmp_path / "dest", fraction=0.1, progress=tmp_path / "status.json")
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["bytes"], status["size"]) == (path.stat().st_size,) * 2
    assert (status["percent"], status["finished"]) == (100, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fraction": 0}, "fraction 0.0 is not above 0 and at most 1"),
        ({"fraction": 1.5}, "fraction 1.5 is not above 0 and at most 1"),
        ({"fraction": -0.1}, "fraction -0.1 is not above 0 and at most 1"),
        ({"fraction": "nan"}, "fraction nan is not above 0 and at most 1"),
        ({"count": 0, "fraction": None}, "count 0 is not at least 1"),
        ({"count": 101, "fraction": None}, "101 lines are asked for and src"),
        ({"count": 1}, "mutually exclusive"),
        ({"fraction": None}, "set `fraction`, such as 0.1, or `count`"),
        ({"src": "{tmp}/absent"}, "absent does not exist: correct `src`"),
        ({"src": "{tmp}"}, "is a directory"),
        ({"src": "/dev/null"}, "is a device or pipe"),
        ({"src": "{tmp}/empty"}, "holds no lines"),
        ({"src": "{tmp}/file.bz2"}, "compressed with bzip2: unpack it"),
        ({"src": "{tmp}/truncated.gz"}, "it ends in the middle"),
        ({"src": "{tmp}/corrupt.gz"}, "damaged gzip file"),
        ({"src": "{tmp}/garbage.gz"}, "damaged gzip file"),
        ({"src": "{tmp}/header.gz"}, "it ends in the middle"),
        ({"dest": "{tmp}/no/dest"}, "does not exist: create it first"),
        ({"dest": "{tmp}/folder"}, "not a regular file"),
        ({"dest": "{tmp}/src"}, "are the same file"),
        ({"dest": "relative"}, "not an absolute path"),
        ({"dest": None}, "one of the following is required"),
        (
            {"stratify_by": "overall"},
            "src, line 1: it is not a JSON object: correct the file, or leave `stratify_by` out",
        ),
        ({"src": "{tmp}/records", "stratify_by": "stars"}, "line 1: it has no field stars (it has many, nested)"),
        ({"src": "{tmp}/records", "stratify_by": "nested"}, "its field nested is a list or an object"),
        ({"src": "{tmp}/records", "stratify_by": "many"}, "more than 1000 values"),
        ({"stratify_by": "overall", "count": 1, "fraction": None}, "set `fraction` in place of `count`"),
        ({"disjoint": True}, "disjoint has a meaning with `samples` alone"),
        ({"dest": None, "samples": [{"dest": "/x", "fraction": 0.1, "count": 1}]}, "both given for /x"),
        ({"dest": None, "samples": [{"dest": "{tmp}/x"}, {"dest": "{tmp}/x"}]}, "two samples have the same dest"),
        ({"dest": None, "disjoint": True, "samples": [{"dest": "{tmp}/x", "seed": 1}]}, "take `seed` out"),
        (
            {"dest": None, "disjoint": True, "fraction": 0.6, "samples": [{"dest": "{tmp}/x"}, {"dest": "{tmp}/y"}]},
            "add up to more than 1",
        ),
    ],
)
def test_bad_input_names_its_fix_and_leaves_the_old_output(
    run_module: RunModule, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    whole = gzip.compress(bytes(Random(1).choices(b"abc\n", k=400_000)))
    numbered(tmp_path / "src", 100)
    (tmp_path / "records").write_text("".join(json.dumps({"many": i, "nested": [i]}) + "\n" for i in range(1001)))
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.bz2").write_bytes(b"BZh91AY&SY")
    (tmp_path / "truncated.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "header.gz").write_bytes(whole[:5])
    (tmp_path / "corrupt.gz").write_bytes(whole[:50_000] + b"\0" * 100 + whole[50_100:])
    (tmp_path / "garbage.gz").write_bytes(whole + b"garbage")
    (tmp_path / "dest").write_text("old")
    before = sorted(path.name for path in tmp_path.iterdir())
    given = {"src": tmp_path / "src", "dest": tmp_path / "dest", "fraction": 0.1, **options}
    filled = json.loads(json.dumps(given, default=str).replace("{tmp}", str(tmp_path)))
    result = run_module("review_sample", **filled)
    assert result["failed"]
    assert message in result["msg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "dest").read_text() == "old"


def test_a_fraction_that_is_less_than_a_line_gives_none(run_module: RunModule, tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 5)
    result = run_module("review_sample", src=path, dest=tmp_path / "dest", fraction=0.1)
    assert (result["sampled"], (tmp_path / "dest").read_bytes()) == (0, b"")
    assert "is no line" in json.dumps(result["warnings"])


@pytest.mark.parametrize("dest", ["dest", "dest.gz"])
def test_a_full_disk_leaves_the_old_output(tmp_path: Path, dest: str) -> None:
    """In a process of its own, whose files may not grow beyond 100 kB."""
    path = numbered(tmp_path / "src", 30_000, width=50)
    (tmp_path / dest).write_text("old")
    program = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from labserver.errors import explain
        from labserver.reviews import run_sample
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        options = dict.fromkeys(("count", "stratify_by", "samples", "disjoint", "progress"))
        try:
            run_sample({**options, "src": sys.argv[2], "dest": sys.argv[3], "fraction": 0.9, "seed": 0})
        except OSError as error:
            sys.exit(explain(error))
    """)
    command = [sys.executable, "-c", program, str(ROOT / "module_utils"), str(path), str(tmp_path / dest)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "free space" in done.stderr
    assert (tmp_path / dest).read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [dest, "src"]


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


def test_a_line_of_100_mb_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "src"
    with path.open("wb") as file:
        for letter in (b"a", b"b"):
            file.writelines(letter * 1_000_000 for _ in range(100))
            file.write(b"\n")
    program = textwrap.dedent("""
        import re, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from labserver.sampling import Draw, Share, sample
        from labserver.source import Source
        sample(Source(Path(sys.argv[2])), [Draw(9, (Share(Path(sys.argv[3]), count=1),))])
        print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    """)
    command = [sys.executable, "-c", program, str(ROOT / "module_utils"), str(path), str(tmp_path / "dest")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (tmp_path / "dest").stat().st_size == 100_000_001
    assert int(done.stdout) < 32 << 10  # KiB


def test_real_truncated_data(run_module: RunModule, tmp_path: Path) -> None:
    path = Path(os.environ.get("LABSERVER_DATA", ROOT.parent / "shared" / "data")) / "truncated.json.gz"
    if not path.exists():
        pytest.skip("needs truncated.json.gz in LABSERVER_DATA")
    result = run_module("review_sample", src=path, dest=tmp_path / "dest", fraction=0.1)
    assert "it ends in the middle" in result["msg"]
    assert list(tmp_path.iterdir()) == []
