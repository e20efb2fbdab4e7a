"""The analysis on Spark: `local[2]`, and the master that $VEC2PCA_MASTER names."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from vec2pca.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("pyspark", reason="Spark is not installed: pip install 'vec2pca[cluster]'")
zstandard: Any = pytest.importorskip("zstandard")
pytestmark = [
    pytest.mark.usefixtures("needs_punkt"),  # the executors are other processes: no stand-in gets there
    pytest.mark.skipif(not shutil.which("java"), reason="there is no Java"),
]
MASTER = os.environ.get("VEC2PCA_MASTER", "local[2]")
SOURCE = Path(__file__).parents[2] / "src"
SMALL = ["--min-count", "5", "--features", "16", "--components", "4"]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Executors find the package where the tests do."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))


def cluster(folder: Path, *arguments: str | Path, name: str = "page") -> tuple[int, Path]:
    """Run `vec2pca cluster` with small settings; return its exit code and where the JSON is."""
    out = folder / f"{name}.json"
    command = ["cluster", *SMALL, *arguments, folder / f"{name}.html", "--json", out]
    if "--master" not in arguments:
        command += ["--master", MASTER]
    return main([str(argument) for argument in command]), out


def result(path: Path) -> dict[str, Any]:
    """A result, without what differs between a cluster and one machine: title, cost, how it was trained."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    del loaded["title"]
    loaded.pop("cluster", None)
    for name in ("train", "parts", "rounds"):
        loaded["parameters"].pop(name, None)
    return loaded


def alone(folder: Path, text: str) -> dict[str, Any]:
    """The result of one machine."""
    path = folder / "alone.txt"
    path.write_text(text)
    assert main([str(path), "--json", str(folder / "alone.json"), *SMALL]) == 0
    return result(folder / "alone.json")


def records(text: str) -> list[bytes]:
    """The lines of a text as records."""
    return [json.dumps({"n": number, "text": line}).encode() + b"\n" for number, line in enumerate(text.splitlines())]


def write_eight(folder: Path, lines: list[bytes]) -> Path:
    """Eight files: plain, gzip and zstd; one empty, one large, some without a last newline."""
    folder.mkdir()
    cuts = [0, 1, 1, 40, 41, 90, 300, 310, len(lines)]
    packs: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, zstandard.compress]
    for number, (begin, end) in enumerate(zip(cuts, cuts[1:], strict=False)):
        text = b"".join(lines[begin:end])
        (folder / f"part{number}").write_bytes(packs[number % 3](text.rstrip(b"\n") if number % 2 else text))
    return folder


def test_exact_is_the_result_of_one_machine(
    tmp_path: Path, topic_text: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = topic_text(400)
    expected = alone(tmp_path, text)
    code, out = cluster(tmp_path, tmp_path / "alone.txt")
    assert code == 0
    assert result(out) == expected
    monkeypatch.setattr("vec2pca.cluster.inputs.PART", 1000)
    monkeypatch.setattr("vec2pca.cluster.corpus.SLICE", 1000)
    code, out = cluster(tmp_path, write_eight(tmp_path / "eight", records(text)), "--field", "text", name="eight")
    assert code == 0
    found = result(out)
    found["corpus"]["sha256"] = expected["corpus"]["sha256"]  # it is that of the files' digests
    assert found == expected


def test_min_count_is_chosen_as_on_one_machine(tmp_path: Path, topic_text: Callable[[int], str]) -> None:
    path = tmp_path / "text.txt"
    path.write_text(topic_text(100))
    auto = ["--min-count", "auto"]
    assert main([str(path), "--json", str(tmp_path / "alone.json"), *SMALL, *auto]) == 0
    code, out = cluster(tmp_path, path, *auto)
    assert code == 0
    assert result(out)["parameters"]["min_count"] == result(tmp_path / "alone.json")["parameters"]["min_count"]


def test_average_can_be_repeated_and_is_near(tmp_path: Path, topic_text: Callable[[int], str]) -> None:
    text = topic_text(2000)
    alone(tmp_path, text)
    folder = write_eight(tmp_path / "eight", records(text))
    options = (folder, "--field", "text", "--train", "average", "--parts", "2", "--rounds", "4")
    digests = set()
    for name in ("one", "two"):
        code, out = cluster(tmp_path, *options, name=name)
        assert code == 0
        digests.add(json.loads(out.read_text())["cluster"]["vectors_sha256"])
    assert len(digests) == 1
    page = (tmp_path / "one.html").read_text()
    assert "2 slices of the text at a time" in page
    assert digests.pop() in page
    compared = tmp_path / "compared.json"
    assert main(["compare", str(tmp_path / "alone.json"), str(out), "--json", str(compared)]) == 0
    assert json.loads(compared.read_text())["cosine_agreement"] > 0.5


def test_the_sample_is_that_of_review_sample(tmp_path: Path, topic_text: Callable[[int], str]) -> None:
    sampling = Path(__file__).resolve().parents[6] / "scripts" / "sample_reviews"
    if not sampling.exists():
        pytest.skip("not in a checkout of labserver")
    lines = records(topic_text(900))
    folder = write_eight(tmp_path / "eight", lines)
    (tmp_path / "all").write_bytes(b"".join(lines))
    saved, expected = tmp_path / "saved", tmp_path / "expected"
    options = (folder, "--field", "text", "--fraction", "0.3", "--sampling-seed", "7", "--save-lines", saved)
    code, out = cluster(tmp_path, *options)
    assert code == 0
    paths = [str(path) for path in (sampling, tmp_path / "all", expected)]
    command = [sys.executable, *paths, "--fraction", "0.3", "--seed", "7", "--quiet"]
    subprocess.run(command, check=True)
    assert saved.read_bytes() == expected.read_bytes()
    text = "".join(json.loads(line)["text"] + "\n" for line in saved.read_bytes().splitlines())
    assert {**result(out), "corpus": None} == {**alone(tmp_path, text), "corpus": None}


def test_the_page_tells_what_it_cost(
    tmp_path: Path, topic_text: Callable[[int], str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(topic_text(100))
    code, out = cluster(tmp_path, path, "--progress", "json")
    assert code == 0
    told = capfd.readouterr()
    cost = json.loads(out.read_text())["cluster"]
    assert [phase["name"] for phase in cost["phases"]] == ["read", "vocabulary", "collect", "train"]
    assert cost["phases"][0]["executor_cpu"] > 0
    assert all(phase["tasks"] > 0 for phase in cost["phases"][:3])
    assert (cost["files"], cost["bytes"], cost["lost_executors"]) == (1, path.stat().st_size, 0)
    page = (tmp_path / "page.html").read_text()
    assert "The cluster" in page
    assert "exact: by one program" in page
    assert re.search(r"^read +\d", told.out, re.MULTILINE)
    progress = [json.loads(line) for line in told.err.splitlines()]  # nothing of Java's among it
    assert {line["phase"] for line in progress} <= {"read", "vocabulary", "collect", "train"}
    assert all(line["words_per_second"] is None for line in progress if "words" not in line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "missing does not exist"),
        (["{empty}"], "the files are empty"),
        (["{blank}"], "the files hold no words"),
        (["{text}", "--field", "text"], r"line 1: it is not JSON .* \(on "),
        (["{damaged}"], r"is a damaged gzip file \(it ends in the middle, after [\d,]+ of [\d,]+ bytes\)"),
        (["{damaged}", "--save-lines", "{saved}"], r"is a damaged gzip file \(it ends in the middle"),
        (["{text}", "--min-count", "1000000"], r"too little text: .* The largest --min-count that would work is \d+"),
        (["{text}", "--fraction", "0.0001"], "--fraction 0.0001 of 100 lines is no line: raise it"),
        (["{text}", "--master", "spark:/wrong"], "no master answers at spark:/wrong"),
        (["{text}", "--about", "missing"], "--about missing does not exist"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_fix(
    tmp_path: Path,
    topic_text: Callable[[int], str],
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    text = topic_text(100)
    contents = {"empty": b"", "blank": b"\n\n", "text": text.encode(), "damaged": gzip.compress(text.encode())[:-9]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "page.html").write_text("old")
    paths = {name: tmp_path / name for name in (*contents, "saved")}
    code, out = cluster(tmp_path, *(argument.format(**paths) for argument in arguments))
    told = capfd.readouterr().err
    assert code == 1
    assert re.search(message, told)
    assert "Traceback" not in told
    assert (tmp_path / "page.html").read_text() == "old"
    assert not out.exists()
    assert not paths["saved"].exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--conf", "spark.authenticate.secret=x"], "seen by all users: write it into spark-defaults.conf"),
        (["--conf", "memory=1"], "is not spark.NAME=VALUE"),
        (["--fraction", "0"], "not above 0"),
        (["--strip-html"], "name their --field"),
        (["--train", "average", "--engine", "gensim"], "needs the kernel"),
        (["--features", "3"], "is more than --features"),
    ],
)
def test_wrong_usage_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "text").write_text("x")
    with pytest.raises(SystemExit) as ended:
        main(["cluster", str(tmp_path / "text"), str(tmp_path / "page.html"), *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_bad_records_are_counted_where_that_is_asked_for(
    tmp_path: Path, topic_text: Callable[[int], str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records"
    path.write_bytes(b"".join(records(topic_text(100))) + b"not a record\n")
    code, out = cluster(tmp_path, path, "--field", "text", "--skip-bad-records")
    assert code == 0
    assert "1 records were left out, the first" in capfd.readouterr().err
    assert json.loads(out.read_text())["cluster"]["left_out"] == 1


def test_executors_without_memory_end_with_the_setting_to_change(
    tmp_path: Path, topic_text: Callable[[int], str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(topic_text(100))
    small = ("--conf", "spark.executor.memory=480m", "--conf", "spark.executor.pyspark.memory=60m")
    code, out = cluster(tmp_path, path, "--master", "local-cluster[1,1,700]", *small)
    assert code == 1
    assert "give the executors more (--conf spark.executor.memory=..." in capfd.readouterr().err
    assert not out.exists()


def test_a_lost_python_is_made_up_for(tmp_path: Path, topic_text: Callable[[int], str]) -> None:
    """A process that is killed in the middle of the work changes nothing in the result."""
    if not MASTER.startswith("local"):
        pytest.skip("the processes are on other machines")
    path = tmp_path / "text.txt"
    path.write_text(topic_text(30_000))
    expected = alone(tmp_path, path.read_text())
    out = tmp_path / "killed.json"
    command = [sys.executable, "-m", "vec2pca", "cluster", path, tmp_path / "killed.html", "--json", out, *SMALL]
    with subprocess.Popen([*map(str, command), "--master", "local[2,4]"]) as running:
        worker = first_worker(running)
        os.kill(worker, signal.SIGKILL)
        assert running.wait(timeout=300) == 0
    assert result(out) == expected
    assert any(phase["failed_tasks"] for phase in json.loads(out.read_text())["cluster"]["phases"])


def first_worker(program: subprocess.Popen[bytes]) -> int:
    """The process of Python that reads the text, once it has begun: a child of Spark's daemon."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and program.poll() is None:
        for parent, worker in descendants(program.pid):
            with suppress(OSError):  # it has ended
                command = Path(f"/proc/{parent}/cmdline").read_bytes()
                if b"pyspark.daemon" in command and cpu_seconds(worker) > 0.5:
                    return worker
        time.sleep(0.02)
    raise AssertionError("no process read the text")


def descendants(process: int) -> list[tuple[int, int]]:
    """The processes below one, with their parents; they may end at any time."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found.append((int(entry.read_text().rpartition(")")[2].split()[1]), int(entry.parent.name)))
    below: list[tuple[int, int]] = []
    last = {process}
    while last:
        new = [pair for pair in found if pair[0] in last]
        below += new
        last = {child for _, child in new}
    return below


def cpu_seconds(process: int) -> float:
    """The CPU that a process used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_killed_driver_leaves_the_old_page(tmp_path: Path, topic_text: Callable[[int], str]) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    path = folder / "text.txt"
    path.write_text(topic_text(30_000))
    page = folder / "page.html"
    page.write_text("old")
    command = [sys.executable, "-m", "vec2pca", "cluster", str(path), str(page), "--master", MASTER, *SMALL]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}) as running:
        first_worker(running) if MASTER.startswith("local") else time.sleep(10)
        running.kill()
    assert page.read_text() == "old"
    assert sorted(entry.name for entry in folder.iterdir()) == ["page.html", "text.txt"]
