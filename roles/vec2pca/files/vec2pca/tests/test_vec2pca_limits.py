"""What no machine can do is refused before the work: memory, numbers that C cannot hold, streams that are closed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from vec2pca.analysis import make_result, unit_rows
from vec2pca.cli import main
from vec2pca.errors import Vec2pcaError
from vec2pca.kernel import Model, keep_thresholds
from vec2pca.memory import available, check_memory
from vec2pca.settings import LIMITS, Settings
from vec2pca.text import Facts

GIB = 1 << 30


def machine(root: Path, groups: str, limits: dict[str, str]) -> Path:
    """The files of a machine with 3 GiB free and 1 GiB of swap."""
    files = {
        "proc/meminfo": f"MemTotal: {8 << 20} kB\nMemAvailable: {3 << 20} kB\nSwapFree: {1 << 20} kB\n",
        "proc/self/cgroup": groups,
        **{f"sys/fs/cgroup/{name}": text for name, text in limits.items()},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "limits", "free"),
    [
        ("0::/\n", {}, 4 * GIB),
        ("0::/a/b\n", {"a/memory.max": f"{2 * GIB}\n", "a/b/memory.max": "max\n"}, 2 * GIB),
        ("0::/docker/far\n", {"memory.max": f"{GIB}\n"}, GIB),  # a container sees its own group as the root
        ("5:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": f"{GIB}\n"}, GIB),
        ("5:cpu:/a\n4:memory:/\n", {"memory/memory.limit_in_bytes": f"{2**63 - 4096}\n"}, 4 * GIB),
    ],
)
def test_the_memory_is_that_of_the_machine_or_its_control_group(
    tmp_path: Path, groups: str, limits: dict[str, str], free: int
) -> None:
    assert available(machine(tmp_path, groups, limits)) == free


def test_a_system_that_does_not_tell_its_memory_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert available(tmp_path) is None
    monkeypatch.setattr("vec2pca.memory.available", lambda: None)
    check_memory(10**9, Settings())


def test_vectors_that_do_not_fit_are_refused_before_the_text_is_read(
    small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vec2pca.memory.available", lambda: GIB)
    monkeypatch.setattr("vec2pca.analysis.read_corpus", pytest.fail)
    page = tmp_path / "page.html"
    assert main([str(small_text), str(page), "--features", "1000000000"]) == 1
    error = capsys.readouterr().err
    assert "268.2 GiB of memory, and 1.0 GiB are available. Give a smaller --features, or a larger --min-count" in error
    assert error.count("\n") == 1


def test_vectors_that_do_not_fit_are_refused_before_the_training(
    small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "vec2pca.memory.available", lambda: 50_000
    )  # enough for the 9 words that there are at the least
    page = tmp_path / "page.html"
    assert main([str(small_text), str(page), "--min-count", "1"]) == 1
    assert "the vectors of 32 words (of 100 features) need" in capsys.readouterr().err
    assert not page.exists()


def test_memory_that_is_not_there_after_all_is_an_error_without_a_traceback(
    small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("vec2pca.cli.analyse", greedy)
    assert main([str(small_text), str(tmp_path / "page.html")]) == 1
    error = capsys.readouterr().err
    assert "error: the memory is not enough" in error
    assert "--features" in error


@pytest.mark.parametrize("name", LIMITS)
def test_numbers_that_c_cannot_hold_are_refused(
    name: str, small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    most = LIMITS[name][1]
    with pytest.raises(SystemExit):
        main([str(small_text), str(tmp_path / "page.html"), f"--{name.replace('_', '-')}", str(most + 1)])
    assert f"{most + 1} is not between" in capsys.readouterr().err
    model = Model(width=-(-LIMITS["features"][1] // 8) * 8, window=LIMITS["window"][1])
    assert (model.width, model.window) == (2_000_000_000, 2**31 - 1)  # ctypes would wrap it without a word
    assert Model(total=LIMITS["epochs"][1] * 10**12).total == 10**18


@pytest.mark.filterwarnings("error")
def test_a_sample_next_to_nothing_keeps_next_to_nothing() -> None:
    counts = np.array([1000.0, 5.0])
    assert keep_thresholds(counts, 5e-324).tolist() == [0, 0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_a_training_that_diverges_is_an_error(value: float) -> None:
    vectors = np.ones((3, 4), np.float32)
    vectors[1] = value
    with pytest.raises(Vec2pcaError, match="the training diverged"):
        make_result(["a", "b", "c"], np.ones(3, np.int64), vectors, Facts(), Settings(components=2), 1, {})


@pytest.mark.filterwarnings("error")
def test_a_vector_of_length_0_stays() -> None:
    assert unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[0.6, 0.8], [0, 0]]


def run(*arguments: str | bytes, stdout: int, unbuffered: str = "") -> subprocess.CompletedProcess[bytes]:
    package = str(Path(__file__).parent.parent / "src")
    environment = {**os.environ, "PYTHONPATH": package, "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "vec2pca", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False, env=environment)


@pytest.mark.parametrize("unbuffered", ["", "1"])  # PYTHONUNBUFFERED: many images of containers set it
@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"], ["files", __file__]])
def test_a_reader_that_has_gone_is_no_traceback(arguments: list[str], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(*arguments, stdout=writing, unbuffered=unbuffered)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_standard_output_without_room_is_an_error(unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run("--help", stdout=full.fileno(), unbuffered=unbuffered)
    assert done.returncode == 1
    assert done.stderr.startswith(b"vec2pca: error: no room left")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.usefixtures("needs_punkt")
@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_names_that_are_not_utf8_are_read_and_shown(small_text: Path, tmp_path: Path) -> None:
    source, page, result = (
        os.fsencode(tmp_path) + b"/" + name for name in (b"t\xe9.txt", b"p\xe9.html", b"r\xe9.json")
    )
    os.link(small_text, source)
    options = ["--min-count", "1", "--features", "8", "--components", "2", "--epochs", "1", "--progress", "json"]
    done = run(source, page, "--json", result, "--link", b"li\xe9n=/\xe9", *options, stdout=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    with Path(os.fsdecode(result)).open(encoding="utf-8") as file:
        assert json.load(file)["title"] == "vec2pca: t\ufffd.txt"
    with Path(os.fsdecode(page)).open(encoding="utf-8") as file:
        assert 'href="/\ufffd">li\ufffdn</a>' in file.read()
    for line in done.stderr.splitlines():
        if line.startswith(b"{"):
            json.loads(line, parse_constant=pytest.fail)
    other = os.fsencode(tmp_path) + b"/s\xe8.json"
    shutil.copy(result, other)
    table, classes = (os.fsencode(tmp_path) + name for name in (b"/c.csv", b"/c.html"))
    done = run("compare", result, other, "--csv", table, "--html", classes, "--json", stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    names = [host["name"] for host in json.loads(done.stdout, parse_constant=pytest.fail)["hosts"]]
    assert names == ["r\ufffd", "s\ufffd"]
