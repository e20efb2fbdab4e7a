"""The command: what it writes, what it refuses, what it leaves alone."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from vec2pca import files
from vec2pca.cli import main

QUICK = ["--min-count", "5", "--features", "12", "--components", "3", "--epochs", "2"]


class Table(HTMLParser):
    """The rows of the page's table, and every address the page would load or link to."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.classes = ""
        self.addresses: list[str] = []
        self.cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag == "table":
            self.classes = dict(attrs)["class"] or ""
        if tag == "tr":
            self.rows.append([])
        self.cell = tag in {"td", "th"}
        if self.cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.cell = self.cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self.cell:
            self.rows[-1][-1] += data


def parse(page: Path) -> Table:
    table = Table()
    table.feed(page.read_text(encoding="utf-8"))
    return table


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    source = str(Path(__file__).parent.parent / "src")
    return subprocess.run(
        [sys.executable, "-m", "vec2pca", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": source},
    )


def test_table_has_all_words_per_component_in_ascending_order(small_text: Path, tmp_path: Path) -> None:
    page, data = tmp_path / "p.html", tmp_path / "p.json"
    assert main([str(small_text), str(page), "--json", str(data), *QUICK]) == 0
    table, result = parse(page), json.loads(data.read_text())
    assert table.classes.split() == ["dataframe", "centered", "striped"]
    assert table.rows[0] == ["PC0", "PC1", "PC2"]
    score = dict(zip(result["words"], result["scores"], strict=True))
    for component in range(3):
        column = [row[component] for row in table.rows[1:]]
        assert sorted(column) == sorted(result["words"])
        scores = [score[word][component] for word in column]
        assert scores == sorted(scores)


def test_page_is_self_contained(small_text: Path, tmp_path: Path) -> None:
    page = tmp_path / "p.html"
    main([str(small_text), str(page), *QUICK])
    assert [a for a in parse(page).addresses if not a.startswith(("#", "data:"))] == []
    assert not re.search(r"@import|url\((?!['\"]?data:)", page.read_text())


def test_same_input_and_seed_give_the_same_bytes_and_another_seed_does_not(small_text: Path, tmp_path: Path) -> None:
    pages = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        done = run(small_text, tmp_path / name, "--seed", seed, "--json", tmp_path / f"{name}.json", *QUICK)
        assert done.returncode == 0, done.stderr
        pages.append((tmp_path / name).read_bytes() + (tmp_path / f"{name}.json").read_bytes())
    assert pages[0] == pages[1]
    assert pages[0] != pages[2]


def test_about_title_and_links_are_shown_and_escaped(small_text: Path, tmp_path: Path) -> None:
    about = tmp_path / "about.json"
    about.write_text(json.dumps({"Data <set>": "reviews & more", "Not reached": ["a: timeout", "b"], "Seed": 2026}))
    page = tmp_path / "p.html"
    arguments = ["--about", str(about), "--title", "A <b> title", "--link", "Report=/report.html"]
    assert main([str(small_text), str(page), *arguments, *QUICK]) == 0
    html = page.read_text()
    assert "Data &lt;set&gt;" in html
    assert "reviews &amp; more" in html
    assert "<li>a: timeout</li><li>b</li>" in html
    assert "<title>A &lt;b&gt; title</title>" in html
    assert '<a href="/report.html">Report</a>' in html
    assert "2026" in html


def test_the_header_of_the_site_is_an_include_at_the_top_of_the_page(small_text: Path, tmp_path: Path) -> None:
    alone, on_a_site = tmp_path / "alone.html", tmp_path / "site.html"
    assert main([str(small_text), str(alone), *QUICK]) == 0
    assert main([str(small_text), str(on_a_site), "--header", "/header.html", *QUICK]) == 0
    include = '<!--#include virtual="/header.html" -->\n'
    assert on_a_site.read_text().replace(f"<body>\n{include}", "<body>\n") == alone.read_text()
    assert include in on_a_site.read_text()


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for option, shown in (("--help", "--min-count"), ("--version", "vec2pca 0.")):
        with pytest.raises(SystemExit) as stop:
            main([option])
        assert stop.value.code == 0
        assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["in"],
        ["in", "out", "--min-count", "many"],
        ["in", "out", "--components", "0"],
        ["in", "out", "--components", "101"],
        ["in", "out", "--sample", "2"],
        ["in", "out", "--seed", "-1"],
        ["in", "out", "--seed", str(2**32)],
        ["in", "out", "--link", "no address"],
        ["in", "out", "--link", "Bad=javascript:alert(1)"],
        ["in", "out", "--header", "header.html"],
        ["in", "out", "--header", '/a" --><script>'],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_bad_input_exits_with_1_says_why_and_leaves_the_old_page(
    tmp_path: Path, small_text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    empty, tiny, about = tmp_path / "empty.txt", tmp_path / "tiny.txt", tmp_path / "about.json"
    empty.write_text("")
    tiny.write_text("one two three two three three\n")
    about.write_text("[1]")
    before = sorted(path.name for path in tmp_path.iterdir())
    for arguments, message in (
        ([tmp_path / "none.txt", page], "does not exist"),
        ([tmp_path, page], "is a directory"),
        ([empty, page], "it is empty"),
        ([tiny, page], "--components 3 --min-count 1"),
        ([small_text, page, "--min-count", "100000"], "largest --min-count that would work"),
        ([small_text, page, "--about", about], "is not a JSON object"),
        ([small_text, page, "--about", tiny], "is not JSON"),
        ([small_text, page, "--about", tmp_path / "none.json"], "does not exist"),
        ([small_text, tmp_path], "is a folder"),
    ):
        assert main([str(a) for a in arguments]) == 1
        assert message in capsys.readouterr().err
    assert page.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_missing_output_folder_is_said_before_the_training(
    small_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vec2pca.cli.analyse", lambda *_: pytest.fail("trained first"))
    for arguments in (["p.html"], ["ok.html", "--json", "no/x.json"]):
        out = [str(tmp_path / "no" / arguments[0])] if arguments == ["p.html"] else [str(tmp_path / "ok.html")]
        rest = [str(tmp_path / "no" / "x.json") if a == "no/x.json" else a for a in arguments[1:]]
        assert main([str(small_text), *out, *rest]) == 1
        assert "create it first" in capsys.readouterr().err


def test_missing_punkt_says_where_to_get_it(small_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("HOME", str(tmp_path))
    done = run(small_text, tmp_path / "p.html", *QUICK)
    if done.returncode == 0:
        pytest.skip("punkt_tab is in a folder of the system or the virtual environment")
    assert done.returncode == 1
    assert "nltk.downloader punkt_tab" in done.stderr
    assert str(tmp_path / "nothing") in done.stderr
    assert "Traceback" not in done.stderr


def test_replaced_bytes_and_chosen_min_count_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "t.txt"
    text.write_bytes(b"caf\xe9 one two three four\n" * 30)
    arguments = ["--min-count", "auto", "--components", "2", "--features", "4", "--epochs", "1"]
    assert main([str(text), str(tmp_path / "p.html"), *arguments]) == 0
    messages = capsys.readouterr().err
    assert "30 places" in messages
    assert "--min-count auto chose 30: 5 words" in messages
    assert "30 places were not UTF-8" in (tmp_path / "p.html").read_text()


def test_input_and_outputs_are_different_files(
    small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = str(tmp_path / "p.html")
    (tmp_path / "link").symlink_to(".")
    for arguments, names in (
        ([str(small_text), str(small_text)], "OUTPUT and INPUT are the same file"),
        ([str(small_text), page, "--json", page], "--json and OUTPUT are the same file"),
        ([str(small_text), page, "--json", str(tmp_path / "link" / "p.html")], "--json and OUTPUT are the same file"),
        ([str(small_text), "-", "--json", "/dev/stdout"], "OUTPUT and --json are the same stream"),
    ):
        assert main(arguments) == 1
        assert names in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name != small_text.name] == ["link"]


def test_what_else_is_read_is_no_output(small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about, result = tmp_path / "about.json", tmp_path / "r.json"
    about.write_text('{"Set": "theirs"}')
    assert main([str(small_text), "--json", str(result), *QUICK]) == 0
    before = result.read_bytes()
    for arguments, names in (
        ([str(about), "--about", str(about)], "OUTPUT and --about are the same file"),
        (["--like", str(result), "--seed", "2", "--json", str(result)], "--json and --like are the same file"),
    ):
        assert main([str(small_text), *arguments]) == 1
        assert names in capsys.readouterr().err
    assert (about.read_text(), result.read_bytes()) == ('{"Set": "theirs"}', before)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    page.chmod(0o640)
    with pytest.raises(UnicodeEncodeError):
        files.write_whole(page, "half \ud800")
    assert page.read_text() == "old"
    files.write_whole(page, "new")
    assert page.read_text() == "new"
    assert page.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_what_a_killed_run_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".page.html.part").write_text("half")
    files.write_whole(tmp_path / "page.html", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_unicode_words_reach_the_page(tmp_path: Path) -> None:
    text, page = tmp_path / "t.txt", tmp_path / "p.html"
    text.write_text("Das Café schließt. Ein Buch über Öl.\n" * 30)
    options = ["--min-count", "5", "--features", "8", "--components", "3", "--epochs", "1"]
    assert main([str(text), str(page), *options]) == 0
    assert "<td>caf</td>" in page.read_text(encoding="utf-8")
    assert main([str(text), str(page), "--unicode", *options]) == 0
    assert {"<td>café</td>", "<td>schließt</td>", "<td>öl</td>"} <= set(
        re.findall(r"<td>\w+</td>", page.read_text(encoding="utf-8"))
    )


def test_what_is_no_file_is_refused_before_the_work(
    small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    for output, why in (
        (tmp_path / "link", "is a link"),
        (tmp_path / "pipe", "is a device or pipe"),
        ("/dev/null", "is a device or pipe"),
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "p.html", "does not exist"),
        (tmp_path / ("x" * 254), "too long"),
    ):
        for arguments in ([str(output)], [str(tmp_path / "p.html"), "--json", str(output)]):
            assert main([str(small_text), *arguments]) == 1
            error = capsys.readouterr().err
            assert why in error
            assert error.count("\n") == 1
    assert not (tmp_path / "p.html").exists()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_text_is_the_same_text(
    small_text: Path, tmp_path: Path, pack: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    results = []
    for name, content in (("plain", small_text.read_bytes()), ("packed", pack(small_text.read_bytes()))):
        (tmp_path / name).write_bytes(content)
        assert main([str(tmp_path / name), "--json", str(tmp_path / "r.json"), "--title", "same", *QUICK]) == 0
        results.append((tmp_path / "r.json").read_bytes())
    assert results[0] == results[1]
    (tmp_path / "packed").write_bytes(pack(small_text.read_bytes())[:-9])
    assert main([str(tmp_path / "packed"), str(tmp_path / "p.html"), *QUICK]) == 1
    assert "ends in the middle" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", [bytes(range(256)) * 99, "a few words\n".encode("utf-16") * 9, b"PK\x03\x04" + bytes(99)]
)
def test_what_is_no_text_is_refused(tmp_path: Path, text: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.txt").write_bytes(text)
    assert main([str(tmp_path / "t.txt"), str(tmp_path / "p.html"), *QUICK]) == 1
    assert "not text: " in capsys.readouterr().err


def test_streams_stand_for_files(small_text: Path, tmp_path: Path) -> None:
    vec2pca = shlex.join([sys.executable, "-m", "vec2pca", "-"])
    options = shlex.join(["--title", "same", *QUICK])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "src")}
    for script in (
        f"cat {small_text} | {vec2pca} p.html --json - {options} >r.json",
        f"gzip -c {small_text} | {vec2pca} /dev/stdout --json r.json {options} | cat >p.html",
    ):
        subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, env=environment)
        assert json.loads((tmp_path / "r.json").read_text())["title"] == "same"
        assert (tmp_path / "p.html").read_text().startswith("<!DOCTYPE html>")
    script = f"{vec2pca} - {options} <{small_text} | true; {vec2pca} --help | true"
    command = ["bash", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, env=environment)
    assert done.stderr == ""
