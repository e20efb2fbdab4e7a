"""scripts/sample_reviews: the engine of review_sample for people."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.modules import RunModule

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "sample_reviews"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.json"
    path.write_text("".join(f'{{"overall": {i % 2}, "n": {i}}}\n' for i in range(1000)))
    return path


def test_it_draws_what_the_module_draws(run_module: RunModule, reviews: Path, tmp_path: Path) -> None:
    done = run(reviews, tmp_path / "one", "--fraction", 0.1, "--seed", 7)
    assert (done.returncode, done.stderr) == (0, "")  # no bar where there is no terminal
    assert done.stdout == f"{tmp_path / 'one'}: 100 of 1000 lines, seed 7\n"
    run_module("review_sample", src=reviews, dest=tmp_path / "module", fraction=0.1, seed=7)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "module").read_bytes()
    assert run(reviews, tmp_path / "two", "--count", 5, "-q").stdout == ""


def test_a_sample_of_no_line_is_told(reviews: Path, tmp_path: Path) -> None:
    done = run(reviews, tmp_path / "none", "--fraction", 1e-9)
    assert (done.returncode, done.stderr) == (0, "sample_reviews: 1e-09 of 1000 lines is no line\n")
    assert (tmp_path / "none").read_bytes() == b""


def test_relative_paths_are_those_of_the_shell(reviews: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), reviews.name, "here.json", "--count", "3"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert len((tmp_path / "here.json").read_text().splitlines()) == 3


def test_errors_are_one_line_and_code_1(reviews: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ([tmp_path / "absent", tmp_path / "dest", "--count", 1], "does not exist"),
        (["/dev/fd/99", tmp_path / "dest", "--count", 1], "Bad file descriptor: /dev/fd/99"),
        ([reviews, "/dev/fd/99", "--count", 1], "Bad file descriptor: /dev/fd/99"),
        ([reviews, tmp_path / "dest", "--fraction", 1.5], "not above 0 and at most 1"),
        ([reviews, tmp_path / "dest", "--count", 1001], "lower `count`"),
        ([reviews, reviews, "--count", 1], "same file"),
        ([reviews, tmp_path / "none" / "dest", "--count", 1], "create it first"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
        assert done.stderr.startswith("sample_reviews: ")
        assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reviews.json"]


def test_usage(reviews: Path, tmp_path: Path) -> None:
    assert run(reviews, tmp_path / "dest").returncode == 2
    assert run(reviews, tmp_path / "dest", "--count", 1, "--fraction", 0.1).returncode == 2
    help_text = run("--help")
    assert help_text.returncode == 0
    assert "exit codes: 0 " in help_text.stdout


def test_a_bar_on_a_terminal(reviews: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, str(SCRIPT), str(reviews), str(tmp_path / "dest"), "--count", "3"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "100%" in shown
    assert shown.endswith("\r\x1b[K")


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(b"a line of text\n" * 999)
        file.truncate(1 << 40)  # a hole: never read to its end
    # Python takes SIGINT for an interrupt only where it was not started with it ignored, as under nohup.
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    script = [sys.executable, str(SCRIPT), str(path), str(tmp_path / "dest"), "--count", "1"]
    with subprocess.Popen([sys.executable, "-c", program, *script], stderr=subprocess.PIPE, text=True) as process:
        # Until it reads the file: far more than Python itself has read
        while int(Path(f"/proc/{process.pid}/io").read_text().split()[1]) < 100_000_000:
            assert process.poll() is None
            time.sleep(0.01)
        assert (tmp_path / ".dest.part").exists()
        process.send_signal(signal.SIGINT)
        message = process.communicate()[1]
    assert process.returncode == 130
    assert "interrupted" in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["large"]


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which S stands for the program."""
    program = f'S() {{ {shlex.quote(sys.executable)} -I {shlex.quote(str(SCRIPT))} "$@"; }}; '
    command = ["bash", "-c", program + script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "script",
    [
        "S reviews.json - --count 5 --seed 3",
        "S reviews.json /dev/stdout --count 5 --seed 3 | cat",
        "cat reviews.json | S - /dev/fd/1 --count 5 --seed 3",
        "gzip -c reviews.json | S - - --count 5 --seed 3",
        "S <(cat reviews.json) >(cat) --count 5 --seed 3 | cat",
        "S reviews.json /dev/stdout --count 5 --seed 3 >to; cat to",
        "S /dev/stdin to --count 5 --seed 3 -q <reviews.json; cat to",
    ],
)
def test_streams_stand_for_files(reviews: Path, tmp_path: Path, script: str) -> None:
    assert run(reviews, tmp_path / "expected", "--count", 5, "--seed", 3).returncode == 0
    done = shell(script, tmp_path)
    assert done.returncode == 0
    assert done.stdout == (tmp_path / "expected").read_text()
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_gets_no_traceback(reviews: Path, tmp_path: Path) -> None:
    reviews.write_bytes(reviews.read_bytes() * 100)
    for script in (
        "S reviews.json - --fraction 1 | head -1 >one",
        "S --help | true",
        "S reviews.json to --count 1 >&-",
    ):
        assert shell(script, tmp_path).stderr in ("", "sample: 100000 of 100000 lines, seed 0\n")


@pytest.mark.usefixtures("reviews")
def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    done = shell(r"cp reviews.json $'t\\xe9'; S $'t\\xe9' $'o\\xe9' --count 5".replace("\\\\", "\\"), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(os.fsdecode(os.fsencode(tmp_path) + b"/o\xe9")).exists()


def test_devices_pipes_and_links_are_never_replaced(reviews: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("elsewhere")
    for name, message in (("pipe", "is a device or pipe"), ("link", "is a link")):
        done = run(reviews, tmp_path / name, "--count", 1)
        assert (done.returncode, message in done.stderr) == (1, True)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert run(reviews, "/dev/null", "--count", 1).returncode == 1
    assert Path("/dev/null").is_char_device()
