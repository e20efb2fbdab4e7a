"""review_sample: makes a sample once, and no half-written file."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.modules import RunModule
from tests.support.reviews import ROOT, numbered


def test_the_second_run_does_nothing_and_a_third_tells_why(run_module: RunModule, tmp_path: Path) -> None:
    path = numbered(tmp_path / "src", 1000)
    options: dict[str, Any] = {"src": path, "dest": tmp_path / "dest", "fraction": 0.1, "seed": 4, "mode": "0600"}
    first = run_module("review_sample", diff=True, **options)
    assert first["changed"]
    assert first["reason"] == "dest does not exist"
    assert (first["lines"], first["sampled"], first["seed"], first["fraction"]) == (1000, 100, 4, 0.1)
    assert first["diff"]["after"]["made"] == [{"dest": str(tmp_path / "dest"), "reason": "dest does not exist"}]
    assert (tmp_path / "dest").stat().st_mode & 0o777 == 0o600
    stored = (tmp_path / "dest").stat()

    again = run_module("review_sample", diff=True, **options)
    assert not again["changed"]
    assert again["reason"] == ""
    assert again["diff"]["after"] == {}
    assert {key: again[key] for key in ("lines", "sampled", "dest", "source_digest")} == {
        key: first[key] for key in ("lines", "sampled", "dest", "source_digest")
    }
    assert (tmp_path / "dest").stat().st_mtime_ns == stored.st_mtime_ns

    assert run_module("review_sample", **{**options, "seed": 5})["reason"] == "seed changed from 4 to 5"
    numbered(path, 1001)
    assert run_module("review_sample", **{**options, "seed": 5})["reason"] == "src changed"
    (tmp_path / "dest").write_text("edited by hand")
    assert run_module("review_sample", **{**options, "seed": 5})["reason"] == "dest was changed by something else"
    (tmp_path / "dest.manifest.json").write_text("{torn")
    assert run_module("review_sample", **{**options, "seed": 5})["reason"] == "dest has no manifest"


def test_check_mode_tells_counts_when_they_are_known(run_module: RunModule, tmp_path: Path) -> None:
    options: dict[str, Any] = {"src": numbered(tmp_path / "src", 50), "dest": tmp_path / "dest", "fraction": 0.1}
    before = run_module("review_sample", check=True, **options)
    assert before["changed"]
    assert before["lines"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["src"]
    run_module("review_sample", **options)
    assert not run_module("review_sample", check=True, **options)["changed"]
    other = run_module("review_sample", check=True, **{**options, "fraction": 0.5})
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
    assert "correct the path" in run_module(name, **options)["msg"]


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
        ({"src": "{tmp}/absent"}, "absent does not exist: correct the path"),
        ({"src": "{tmp}"}, "is a directory"),
        ({"src": "/dev/null"}, "is a device or pipe"),
        ({"src": "{tmp}/empty"}, "holds no lines"),
        ({"src": "{tmp}/truncated.bz2"}, "it ends in the middle"),
        ({"src": "{tmp}/truncated.gz"}, "it ends in the middle"),
        ({"src": "{tmp}/corrupt.gz"}, "damaged gzip file"),
        ({"src": "{tmp}/header.gz"}, "it ends in the middle"),
        ({"dest": "{tmp}/no/dest"}, "does not exist: create it first"),
        ({"dest": "{tmp}/folder"}, "not a regular file"),
        ({"dest": "{tmp}/src"}, "are the same file"),
        ({"dest": "relative"}, "not an absolute path"),
        ({"dest": ""}, "not an absolute path"),
        ({"dest": "/"}, "not a regular file"),
        ({"dest": None}, "missing required arguments: dest"),
    ],
)
def test_bad_input_names_its_fix_and_leaves_the_old_output(
    run_module: RunModule, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    whole = gzip.compress(bytes(Random(1).choices(b"abc\n", k=400_000)))
    numbered(tmp_path / "src", 100)
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "truncated.bz2").write_bytes(b"BZh91AY&SY")
    (tmp_path / "truncated.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "header.gz").write_bytes(whole[:5])
    (tmp_path / "corrupt.gz").write_bytes(whole[:50_000] + b"\0" * 100 + whole[50_100:])
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
        from labserver.reviews.output import make
        from labserver.reviews.sample import SampleRequest
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            make(SampleRequest(Path(sys.argv[2]), Path(sys.argv[3]), fraction=0.9))
        except OSError as error:
            sys.exit(explain(error))
    """)
    command = [sys.executable, "-c", program, str(ROOT / "module_utils"), str(path), str(tmp_path / dest)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "free space" in done.stderr
    assert (tmp_path / dest).read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [dest, "src"]


def test_real_truncated_data(run_module: RunModule, tmp_path: Path) -> None:
    path = Path(os.environ.get("LABSERVER_DATA", ROOT.parent / "shared" / "data")) / "truncated.json.gz"
    if not path.exists():
        pytest.skip("needs truncated.json.gz in LABSERVER_DATA")
    result = run_module("review_sample", src=path, dest=tmp_path / "dest", fraction=0.1)
    assert "it ends in the middle" in result["msg"]
    assert list(tmp_path.iterdir()) == []
