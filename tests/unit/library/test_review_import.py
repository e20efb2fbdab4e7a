"""review_import: CSV to JSON lines."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import RunModule

CSV = '﻿text,label,source\n"Good, ""very""\nindeed",1,imdb\nBad <br /><br />&amp; sad,0.5,rt\n,-2,\n'


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_to_json_lines(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "src").write_text(CSV)
    options: dict[str, Any] = {
        "src": tmp_path / "src",
        "dest": tmp_path / "dest",
        "fields": {"overall": "label", "from": "source"},
        "numbers": ["overall"],
    }
    result = run_module("review_import", **options)
    assert (result["changed"], result["lines"], result["reason"]) == (True, 3, "dest does not exist")
    assert result["sha256"] == hashlib.sha256((tmp_path / "dest").read_bytes()).hexdigest()
    assert lines_of(tmp_path / "dest") == [
        {"reviewText": 'Good, "very"\nindeed', "overall": 1, "from": "imdb"},
        {"reviewText": "Bad <br /><br />&amp; sad", "overall": 0.5, "from": "rt"},
        {"reviewText": "", "overall": -2, "from": ""},
    ]
    again = run_module("review_import", **options)
    assert (again["changed"], again["lines"], again["sha256"]) == (False, 3, result["sha256"])
    changed = run_module("review_import", **{**options, "numbers": []}, check=True)
    assert "numbers changed" in changed["reason"]
    assert changed["lines"] == 3


def test_a_gzip_in_and_out_is_reproducible(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(gzip.compress(CSV.encode()))
    digests = set()
    for name in ("one.gz", "two.gz"):
        digests.add(run_module("review_import", src=tmp_path / "src", dest=tmp_path / name)["sha256"])
    assert len(digests) == 1
    assert gzip.decompress((tmp_path / "one.gz").read_bytes()).count(b"\n") == 3


def test_html(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "src").write_text(CSV)
    run_module("review_import", src=tmp_path / "src", dest=tmp_path / "dest", html=True)
    texts = [line["reviewText"] for line in lines_of(tmp_path / "dest")]
    assert [" ".join(text.split()) for text in texts] == ['Good, "very" indeed', "Bad & sad", ""]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (CSV.encode(), {"text_column": "review"}, "has no column review; it has text, label, source"),
        (CSV.encode(), {"fields": {"overall": "stars"}}, "has no column stars"),
        (CSV.encode(), {"fields": {"reviewText": "label"}}, "take it out of `fields`"),
        (CSV.encode(), {"numbers": ["overall"]}, "numbers names overall, which `fields` does not have"),
        (CSV.encode(), {"fields": {"x": "source"}, "numbers": ["x"]}, "line 3: x is 'imdb', not a number"),
        (b"", {}, "holds no lines"),
        (b"text\n", {}, "has no rows"),
        (b"text,label\none\n", {}, "line 2: 1 columns, and the header has 2"),
        (b'text\n"never closed\n', {}, "not CSV"),
        (b"text\n\xff\n", {}, "not UTF-8"),
        (b"text,label,text\na,1,b\n", {}, "has several columns text: give each a name of its own"),
        (b"text;label\na;1\n", {"fields": {"x": "label"}}, "its separator is ';': convert it to commas (csvformat"),
        (b"label\ttext\n1\ta\n", {}, "its separator is '\\t': convert it to commas (csvformat"),
        (b'"text";"label"\n"a";"1"\n', {}, "convert it where it is not comma-separated (csvformat"),
        (b"<!DOCTYPE html>\n<html>\n", {}, "it is a web page"),
        (b'{"reviewText": "a"}\n', {}, "it is lines of JSON, not CSV"),
        (gzip.compress(b"text\nabc\n" * 999, mtime=0)[:-9], {}, "it ends in the middle"),
    ],
)
def test_bad_input_names_its_fix_and_leaves_the_old_output(
    run_module: RunModule, tmp_path: Path, content: bytes, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "src").write_bytes(content)
    (tmp_path / "dest").write_text("old")
    result = run_module("review_import", src=tmp_path / "src", dest=tmp_path / "dest", **options)
    assert result["failed"]
    assert message in result["msg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dest", "src"]
    assert (tmp_path / "dest").read_text() == "old"


def test_blank_rows_are_passed_over_as_dictreader_and_pandas_do(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "src").write_text("\n  \ntext,label\n\na,5\n   \n\r\nb,6\n\n")
    result = run_module("review_import", src=tmp_path / "src", dest=tmp_path / "dest", fields={"overall": "label"})
    assert (result["lines"], result["left_out"]) == (2, 0)
    assert [line["reviewText"] for line in lines_of(tmp_path / "dest")] == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["fine <![ foo", "a <![CDATA[ b ]]> c", "<![if !x]> y &amp; z", "<!" * 500, "<![" * 99]
)
def test_markup_that_breaks_parsers_is_kept_as_it_is(run_module: RunModule, tmp_path: Path, text: str) -> None:
    (tmp_path / "src").write_text(f"text\n{text}\nlast <br> &amp; least\n")
    result = run_module("review_import", src=tmp_path / "src", dest=tmp_path / "dest", html=True)
    assert result["lines"] == 2
    assert [line["reviewText"] for line in lines_of(tmp_path / "dest")] == [text, "last   & least"]


BAD = (
    b'text,label\ngood,1\nshort\nlong,1,2\n"quoted" wrong,1\nlatin \xe9,1\nno number,nan\n'
    b"infinite,1e999\nhuge," + b"9" * 5000 + b"\nfraction," + b"9" * 400 + b".5\nbest,2\n"
)


def test_bad_rows_are_named_or_left_out(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(BAD)
    options: dict[str, Any] = {
        "src": tmp_path / "src",
        "dest": tmp_path / "dest",
        "fields": {"overall": "label"},
        "numbers": ["overall"],
    }
    failed = run_module("review_import", **options)
    assert "line 3: 1 columns, and the header has 2" in failed["msg"]
    assert "set `on_error: skip`" in failed["msg"]
    few = run_module("review_import", **options, on_error="skip", max_errors=7)
    assert "has more than 7 bad records" in few["msg"]
    assert not (tmp_path / "dest").exists()
    result = run_module("review_import", **options, on_error="skip", max_errors=8)
    assert (result["lines"], result["left_out"]) == (2, 8)
    assert lines_of(tmp_path / "dest") == [{"reviewText": "good", "overall": 1}, {"reviewText": "best", "overall": 2}]
    reasons = {error["line"]: error["reason"] for error in result["errors"]}
    assert list(reasons) == [3, 4, 5, 6, 7, 8, 9, 10]
    for line, reason in ((5, "it is not CSV"), (6, "it is not UTF-8"), (7, "not a number that JSON can hold")):
        assert reason in reasons[line]
    assert "bad records left out: 8, the first: line 3" in str(result["warnings"])
    again = run_module("review_import", **options, on_error="skip", max_errors=8)
    assert (again["changed"], again["left_out"]) == (False, 8)


def test_rows_behind_an_open_quote_all_count_as_left_out(run_module: RunModule, tmp_path: Path) -> None:
    """Nobody can tell whether they were rows of their own: `max_errors` must not take them for one."""
    (tmp_path / "src").write_text('text,label\ngood,1\n"open,2\n' + "lost,3\n" * 7)
    options: dict[str, Any] = {"src": tmp_path / "src", "dest": tmp_path / "dest", "on_error": "skip"}
    failed = run_module("review_import", **options, max_errors=7)
    assert "has more than 7 bad records" in failed["msg"]
    assert "from line 3 on: is a quote left open there?" in failed["msg"]
    result = run_module("review_import", **options)
    assert (result["lines"], result["left_out"]) == (1, 8)
    assert "bad records left out: 8, the first: line 10" in str(result["warnings"])
