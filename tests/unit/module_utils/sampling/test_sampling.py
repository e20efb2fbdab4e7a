"""A sample: exact, uniform, the same everywhere."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.content import source
from ansible.module_utils.labserver.content.source import Source
from ansible.module_utils.labserver.sampling import engine, flags
from ansible.module_utils.labserver.sampling.draws import Candidates, Draw
from ansible.module_utils.labserver.sampling.flags import Z

from tests.support.downloads import leftovers
from tests.support.reviews import ROOT, draw, numbered


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For thousands of small samples."""
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


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
@pytest.mark.parametrize("z", [Z, 0.0, -1.0])
def test_every_subset_is_equally_likely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, z: float) -> None:
    """Chi-square over all 35 subsets, also where candidates are thinned and readings miss (z at and below 0)."""
    monkeypatch.setattr(flags, "FIRST_BATCH", 2)
    monkeypatch.setattr(flags, "LAST_BATCH", 2)
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
@pytest.mark.parametrize("z", [Z, 0.0])
def test_every_line_is_taken_equally_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, z: float) -> None:
    """Inclusion counts over batches and blocks of several sizes; each is binomial, so 5 sigma for 600 lines."""
    monkeypatch.setattr(source, "BLOCK", 97)
    monkeypatch.setattr(flags, "FIRST_BATCH", 16)
    monkeypatch.setattr(flags, "LAST_BATCH", 64)
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
    draft = Candidates(Draw(1, fraction=fraction), 0, None, Z)
    list(islice(draft.flags.stream, 778_000))  # lines of 1 GiB of reviews
    lines = draft.finish()
    assert lines == 778_000
    expected = fraction * lines
    assert expected <= draft.left() < expected + 10 * math.sqrt(expected)
    assert sum(draft.counts) < 1.2 * expected


@pytest.mark.parametrize("block", [1, 2, 7, 64, 4096])
def test_block_borders_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    path = numbered(tmp_path / "src", 400, width=60)
    path.write_bytes(path.read_bytes() + b"\n\n\nlast")
    expected = draw(path, tmp_path / "dest", seed=3, fraction=0.3)
    monkeypatch.setattr(source, "BLOCK", block)
    monkeypatch.setattr(engine, "BLOCK", block)
    assert draw(path, tmp_path / "dest", seed=3, fraction=0.3) == expected


EXPECTED = [4, 9, 10, 18, 39, 54, 63, 67, 86, 90]


def test_a_seed_means_the_same_sample_for_ever(tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 100)
    assert [int(line) for line in draw(path, tmp_path / "dest", seed=42, fraction=0.1)] == EXPECTED


@pytest.mark.parametrize(
    ("seed", "z", "size", "digest"),
    [
        (42, Z, {"fraction": 0.1}, "1be56c135a718153c3eb2f6dd950214c34ea5ccc255de835e156faa5eda5d57c"),
        (42, 0.0, {"fraction": 0.1}, "ca7e921c4422614451e8cebc5438d0a2d7a643fa7406098bc3546416688f6bed"),
        (1, Z, {"count": 1234}, "211eafabb826faeb2ca48698bdd19e8bdced1a74eb85a6c2088efbf1a68bbba8"),
        (42, Z, {"fraction": 0.5}, "cbdb97e5e1a54f8c186a8ac55e711eb44d744d20f2edaf191ff28510e380f90a"),
    ],
)
def test_the_digests_of_samples_stay(tmp_path: Path, seed: int, z: float, size: dict[str, Any], digest: str) -> None:
    path = tmp_path / "src"
    path.write_bytes(b"".join(b"%d%s\n" % (i, b"." * (i * 7919 % 91)) for i in range(60_000)))
    lines = draw(path, tmp_path / "dest", seed=seed, z=z, **size)
    assert hashlib.sha256(b"".join(lines)).hexdigest() == digest


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
        from labserver.download import fetch  # all of it is importable
        from labserver.reviews import csv_import, sample, text
        from labserver.content.source import Source
        from labserver.sampling import draws, engine
        engine.sample(Source(Path(sys.argv[2])), Path(sys.argv[3]), draws.Draw(9, fraction=0.05))
    """)
    dest = tmp_path / "dest"
    command = [python, "-B", "-W", "error", "-c", program, str(ROOT / "module_utils"), str(path), str(dest)]
    subprocess.run(command, check=True)
    theirs = dest.read_bytes()
    assert theirs == b"".join(draw(path, dest, seed=9, fraction=0.05))


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
        from labserver.content.source import Source
        from labserver.sampling import draws, engine
        engine.sample(Source(Path(sys.argv[2])), Path(sys.argv[3]), draws.Draw(9, count=1))
        print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    """)
    command = [sys.executable, "-c", program, str(ROOT / "module_utils"), str(path), str(tmp_path / "dest")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (tmp_path / "dest").stat().st_size == 100_000_001
    assert int(done.stdout) < 32 << 10  # KiB
