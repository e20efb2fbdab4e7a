"""review_text: fields to lines, bad records by choice."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import RunModule
from tests.support.reviews import ROOT
from tests.support.texts import choose_engine, engines


@pytest.fixture(params=engines())
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    choose_engine(monkeypatch, name)
    return name


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def test_fields_to_lines(run_module: RunModule, tmp_path: Path, engine: str) -> None:
    del engine
    path = write(
        tmp_path / "src",
        b'{"summary": "Good", "reviewText": "Line one\\nline two\\r\\nthree &amp; <br>four"}',
        '{"summary": "Süß", "reviewText": "\\u00fcber"}'.encode(),
    )
    options: dict[str, Any] = {
        "src": path,
        "dest": tmp_path / "dest",
        "fields": ["summary", "reviewText"],
        "html": True,
    }
    result = run_module("review_text", **options)
    assert (result["lines"], result["written"], result["left_out"], result["errors"]) == (2, 2, 0, [])
    assert result["reason"] == "dest does not exist"
    assert (tmp_path / "dest").read_text() == "Good Line one line two  three &  four\nSüß über\n"
    again = run_module("review_text", **options)
    assert (again["changed"], again["written"], again["reason"]) == (False, 2, "")
    assert "html changed from true to false" in run_module("review_text", **{**options, "html": False})["reason"]
    assert "&amp; <br>four" in (tmp_path / "dest").read_text()


def test_a_gzip_in_and_out(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(gzip.compress(b'{"reviewText": "packed"}\n'))
    assert run_module("review_text", src=tmp_path / "src", dest=tmp_path / "dest.gz")["written"] == 1
    assert gzip.decompress((tmp_path / "dest.gz").read_bytes()) == b"packed\n"


BAD = [
    b'{"reviewText": "one"}',
    b"{broken",
    b'{"reviewText": "two"}',
    b'{"other": "x"}',
    b"[1]",
    b'{"reviewText": "\xff"}',
]


def test_bad_records_are_left_out_and_counted_on_request(run_module: RunModule, tmp_path: Path, engine: str) -> None:
    del engine
    path = write(tmp_path / "src", *BAD)
    options: dict[str, Any] = {"src": path, "dest": tmp_path / "dest", "on_error": "skip"}
    result = run_module("review_text", **options)
    assert (result["lines"], result["written"], result["left_out"]) == (6, 2, 4)
    assert [entry["line"] for entry in result["errors"]] == [2, 4, 5, 6]
    reasons = [entry["reason"] for entry in result["errors"]]
    for reason, words in zip(
        reasons, ("not JSON", "no field reviewText (it has other)", "no", "not UTF-8"), strict=True
    ):
        assert words in reason
    assert (tmp_path / "dest").read_text() == "one\ntwo\n"
    assert run_module("review_text", **options)["left_out"] == 4  # told again by an unchanged run
    assert not run_module("review_text", max_errors=4, **options)["failed"]
    too_many = run_module("review_text", max_errors=3, **options)
    assert "more than 3 bad records" in too_many["msg"]
    assert "raise `max_errors`" in too_many["msg"]
    assert (tmp_path / "dest").read_text() == "one\ntwo\n"


def test_blank_lines_are_passed_over(run_module: RunModule, tmp_path: Path, engine: str) -> None:
    del engine
    path = write(tmp_path / "src", b"", b'{"reviewText": "a"}', b"  \t", b'{"reviewText": "b"}', b"")
    result = run_module("review_text", src=path, dest=tmp_path / "dest")
    assert [result[key] for key in ("lines", "written", "left_out", "blank")] == [5, 2, 0, 3]
    assert (tmp_path / "dest").read_text() == "a\nb\n"


def test_literals_of_python_are_read_and_told(run_module: RunModule, tmp_path: Path, engine: str) -> None:
    del engine
    loose = [
        b"{'reviewText': 'It\\'s \\xe9t\\u00e9 \\d', 'helpful': [2, 3], 'overall': 5.0, 'x': None, 'y': True}",
        b"{'reviewText': \"It's\", 'related': {'also_bought': ['B0']}}",
    ]
    path = write(tmp_path / "src", *loose, b'{"reviewText": "JSON"}')
    result = run_module("review_text", src=path, dest=tmp_path / "dest")
    assert [result[key] for key in ("lines", "written", "left_out", "loose")] == [3, 3, 0, 2]
    assert (tmp_path / "dest").read_text() == "It's \u00e9t\u00e9 \\d\nIt's\nJSON\n"
    assert "not JSON: 2" in str(result["warnings"])


@pytest.mark.parametrize(
    "record",
    [
        b"{'reviewText': open('/etc/passwd').read()}",
        b"{'reviewText': 'a' * 10**9}",
        b"{'reviewText': " + b"(" * 50_000 + b")" * 50_000 + b"}",
        b"{'reviewText': " + b"-" * 500_000 + b"1}",
        b"{'reviewText': {[]: 1}}",
        b"{'reviewText': b'bytes'}",
        b"{'reviewText': 'torn}",
        b"{'reviewText': '\xff'}",
        b"{'reviewText': '\0'}",
        b"{'reviewText': 5}",
        b'{"reviewText": "a"} {"reviewText": "b"}',
    ],
)
def test_a_literal_that_is_more_or_less_than_that_is_a_bad_record(
    run_module: RunModule, tmp_path: Path, record: bytes
) -> None:
    path = write(tmp_path / "src", b'{"reviewText": "' + b"." * 200_000 + b'"}', record, b'{"reviewText": "b"}')
    result = run_module("review_text", src=path, dest=tmp_path / "dest", on_error="skip")
    assert [result[key] for key in ("lines", "written", "left_out")] == [3, 2, 1]
    assert "bad records left out: 1, the first: line 2" in str(result["warnings"])


def test_numbers_of_any_length_do_not_matter(run_module: RunModule, tmp_path: Path, engine: str) -> None:
    del engine
    path = write(tmp_path / "src", b'{"reviewText": "a", "n": ' + b"1" * 9999 + b"}")
    assert run_module("review_text", src=path, dest=tmp_path / "dest")["written"] == 1


def test_check_mode(run_module: RunModule, tmp_path: Path) -> None:
    path = write(tmp_path / "src", b'{"reviewText": "one"}')
    result = run_module("review_text", src=path, dest=tmp_path / "dest", check=True)
    assert (result["changed"], result["lines"]) == (True, None)
    assert not (tmp_path / "dest").exists()
    run_module("review_text", src=path, dest=tmp_path / "dest")
    (tmp_path / "dest").unlink()
    assert run_module("review_text", src=path, dest=tmp_path / "dest", check=True)["lines"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "line 2: it is not JSON (Expecting property name enclosed in double quotes: character 2)"),
        ({}, "set `on_error: skip`"),
        ({"fields": []}, "fields is empty"),
        ({"fields": ["stars"]}, "line 1: it has no field stars (it has reviewText)"),
        ({"max_errors": 1}, "max_errors has a meaning with `on_error: skip` alone"),
        ({"on_error": "skip", "max_errors": -1}, "max_errors -1 is below 0"),
        ({"src": "{tmp}/absent"}, "does not exist: correct the path"),
        ({"src": "{tmp}/empty"}, "holds no lines"),
        ({"src": "{tmp}"}, "is a directory"),
        ({"src": "{tmp}/truncated.gz"}, "it ends in the middle"),
        ({"dest": "{tmp}/src"}, "are the same file"),
        ({"dest": "{tmp}/none/dest"}, "create it first"),
    ],
)
def test_bad_input_names_its_fix_and_leaves_the_old_output(
    run_module: RunModule, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    write(tmp_path / "src", *BAD)
    (tmp_path / "empty").touch()
    (tmp_path / "truncated.gz").write_bytes(gzip.compress(b'{"reviewText": "one"}\n' * 1000)[:-20])
    (tmp_path / "dest").write_text("old")
    before = sorted(path.name for path in tmp_path.iterdir())
    given = {"src": tmp_path / "src", "dest": tmp_path / "dest", **options}
    filled = json.loads(json.dumps(given, default=str).replace("{tmp}", str(tmp_path)))
    result = run_module("review_text", **filled)
    assert result["failed"]
    assert message in result["msg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "dest").read_text() == "old"


RECORDS = [{"reviewText": "one", "overall": 5}, {"reviewText": "two", "overall": 4}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps(RECORDS), "of an array of records, `jq -c '.[]'` makes one a line"),
        (json.dumps(RECORDS, indent=2), "of an array of records, `jq -c '.[]'` makes one a line"),
        (json.dumps(RECORDS[0], indent=2), "of records that are not one a line, `jq -c .` makes such"),
        ('{"reviewText": "one",\n"overall": 5}\n', "of records that are not one a line, `jq -c .` makes such"),
        ('{"reviewText": "one"}{"reviewText": "two"}\n', "of records that are not one a line, `jq -c .` makes such"),
        ('{"reviewText": "one"}\r{"reviewText": "two"}\r', "of records that are not one a line, `jq -c .` makes such"),
        ("<!doctype html>\n<title>Log in</title>\n", "it is a web page: fetch the file again"),
        ("\n \n", "holds no record that can be read (only blank lines): check that it is the right file"),
        ('{"text": "one"}\n', "it has no field reviewText (it has text)"),
    ],
)
@pytest.mark.parametrize("on_error", ["fail", "skip"])
def test_a_file_without_a_record_on_a_line_is_refused_with_what_helps(
    run_module: RunModule, tmp_path: Path, content: str, message: str, on_error: str
) -> None:
    """An empty output would be taken for the text of it."""
    (tmp_path / "src").write_bytes(content.encode())
    result = run_module("review_text", src=tmp_path / "src", dest=tmp_path / "dest", on_error=on_error)
    assert result["failed"]
    assert message in result["msg"]
    assert [path.name for path in tmp_path.iterdir()] == ["src"]


@pytest.mark.parametrize("theirs", ['{"name": "App", "icons": []}', "[1]"])
def test_a_file_of_others_beside_the_output_is_never_replaced(
    run_module: RunModule, tmp_path: Path, theirs: str
) -> None:
    path = write(tmp_path / "src", b'{"reviewText": "one"}')
    for name in ("app.manifest.json", "app.source.json"):
        (tmp_path / name).write_text(theirs)
    text = run_module("review_text", src=path, dest=tmp_path / "app")
    assert "app.manifest.json, is there and was not made by labserver: move it" in text["msg"]
    file = run_module("dataset_file", sources=[str(path)], dest=tmp_path / "app")
    assert "app.source.json, is there and was not made by labserver: move it" in file["msg"]
    assert {path.name: path.read_text() for path in tmp_path.glob("app*")} == {
        "app.manifest.json": theirs,
        "app.source.json": theirs,
    }


def test_under_ansible_itself(tmp_path: Path) -> None:
    """All three steps through ansible, as a smoke test of what the unit tests run in process."""
    program = shutil.which("ansible-playbook")
    if not program:
        pytest.skip("needs ansible-playbook on PATH")
    (tmp_path / "reviews.csv").write_text('text,label\n"Good, <br />\nreally",1\nBad &amp; sad,0\n')
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                {"dataset_file": {"dest": f"{tmp_path}/set.csv", "sources": [f"{tmp_path}/reviews.csv"]}},
                {"review_import": {"src": f"{tmp_path}/set.csv", "dest": f"{tmp_path}/set.json"}},
                {"review_sample": {"src": f"{tmp_path}/set.json", "dest": f"{tmp_path}/sample.json", "fraction": 0.5}},
                {"review_text": {"src": f"{tmp_path}/set.json", "dest": f"{tmp_path}/text", "html": True}},
            ],
        }
    ]
    (tmp_path / "ansible.cfg").touch()
    (tmp_path / "play.yml").write_text(json.dumps(play))
    environment = {
        **os.environ,
        "ANSIBLE_LIBRARY": str(ROOT / "library"),
        "ANSIBLE_MODULE_UTILS": str(ROOT / "module_utils"),
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }
    command = [program, "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    command.append(str(tmp_path / "play.yml"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=4" in done.stdout
    assert (tmp_path / "text").read_text() == "Good,   really\nBad & sad\n"
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "changed=0" in again.stdout
