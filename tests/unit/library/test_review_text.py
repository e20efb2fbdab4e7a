"""review_text: always the bytes of json.loads, bad records by choice."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver import records, source
from ansible.module_utils.labserver.records import Wanted, extract, without_html
from ansible.module_utils.labserver.source import RECORD_LIMIT, Source
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.modules import RunModule

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("LABSERVER_DATA", ROOT.parent / "shared" / "data"))


def as_json_loads(lines: list[bytes], *fields: str) -> list[bytes]:
    """What a plain loop over json.loads gives: the reference, without any of our code."""
    texts = []
    for line in lines:
        try:
            record = json.loads(line + b"\n")
            text = " ".join([record[field] for field in fields])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        text = text.replace("\n", " ").replace("\r", " ")
        texts.append(re.sub("[\ud800-\udfff]", "\ufffd", text).encode() + b"\n")
    return texts


def engines() -> list[str]:
    return ["standard", *(name for name in ("orjson", "msgspec") if importlib.util.find_spec(name))]


@pytest.fixture(params=engines())
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    choose_engine(monkeypatch, name)
    return name


def choose_engine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in {"orjson", "msgspec", "msgspec.json"} - {name, f"{name}.json"}:
        monkeypatch.setitem(sys.modules, other, None)


def texts_of(path: Path, *fields: str) -> list[bytes]:
    out = io.BytesIO()
    extract(Source(path), out, Wanted(fields), None)
    return out.getvalue().splitlines(keepends=True)


KEYS = st.sampled_from(["reviewText", "summary", 'review"Text', "x", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def json_texts(draw: st.DrawFn) -> bytes:
    """A JSON object with keys that occur twice, odd spaces, escapes or none; at times damaged."""
    members = draw(st.lists(st.tuples(KEYS, VALUES | st.text()), max_size=4))
    space = draw(st.sampled_from(["", " ", "\t \r"]))
    ascii_only = draw(st.booleans())
    body = ("," + space).join(
        f"{json.dumps(key)}{space}:{json.dumps(value, ensure_ascii=ascii_only)}" for key, value in members
    )
    line = f"{space}{{{body}{space}}}{space}".encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0 and line:
        place = draw(st.integers(0, len(line) - 1))
        line = line[:place] + draw(st.binary(max_size=3)) + line[place + draw(st.integers(0, 2)) :]
    return line.replace(b"\n", b"")


@pytest.mark.parametrize("name", engines())
@settings(max_examples=150, deadline=None)
@given(lines=st.lists(json_texts() | st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), min_size=1))
@example([rb'{"reviewText": "\ud83d\ude00 \ud83d alone"}'])
@example([b'{"x": {"reviewText": "inner"}, "reviewText": "outer"}', b'{"reviewText": "1", "reviewText": "2"}'])
@example([b'{"reviewText": "a"} {"reviewText": "b"}', b'{"reviewText": "a"', b'"b"}'])
@example([b"\xef\xbb\xbf" + b'{"reviewText": "with a mark"}', b'{"reviewText": "\xed\xa0\x80"}'])
@example(['{"reviewText": "sixteen"}'.encode("utf-16-le")])
@example(
    [
        b'{"reviewText": "NaN", "x": NaN, "y": -Infinity, "z": 1e999}',
        b'{"reviewText": "big", "x": 1' + b"0" * 300 + b"}",
    ]
)
@example([b'{"reviewText": ' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"reviewText": "after"}'])
@example([b'{"reviewText": "tab\there"}', b'{"reviewText": "\x1f"}', rb'{"reviewText": "\/\u0000\u000d\n"}'])
@example([b"", b" ", b"null", b"[]", b'"reviewText"', b'{"reviewText": 5}', b'{"reviewText": null}', b"{}"])
def test_the_bytes_of_json_loads(tmp_path_factory: pytest.TempPathFactory, name: str, lines: list[bytes]) -> None:
    lines = [b'{"reviewText": "a first line that no compression begins with"}', *lines]
    path = tmp_path_factory.getbasetemp() / f"nasty-{name}"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        choose_engine(patch, name)
        assert texts_of(path, "reviewText") == as_json_loads(lines, "reviewText")
        assert texts_of(path, "summary", "reviewText") == as_json_loads(lines, "summary", "reviewText")


def test_the_last_line_needs_no_newline(tmp_path: Path, engine: str) -> None:
    del engine
    (tmp_path / "src").write_bytes(b'{"a": "1"}\n{"a": "2"}')
    assert texts_of(tmp_path / "src", "a") == [b"1\n", b"2\n"]
    (tmp_path / "src").write_bytes(b'{"a": "1"}\n{"a": "2"}x')
    assert texts_of(tmp_path / "src", "a") == [b"1\n"]


@pytest.mark.parametrize("block", [1, 7, 64])
def test_block_borders_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    lines = [json.dumps({"a": "x" * (i % 50)}).encode() for i in range(100)]
    (tmp_path / "src").write_bytes(b"\n".join(lines))
    monkeypatch.setattr(source, "BLOCK", block)
    assert texts_of(tmp_path / "src", "a") == as_json_loads(lines, "a")


def test_a_line_beyond_the_limit_is_a_bad_record_and_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "src"
    with path.open("wb") as file:
        file.write(b'{"a": "before"}\n{"a": "')
        file.writelines(b"x" * 1_000_000 for _ in range(100))
        file.write(b'"}\n{"a": "after"}\n{"a": "' + b"y" * (RECORD_LIMIT - 10) + b'"}\n')
    program = textwrap.dedent("""
        import io, re, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from labserver.records import Wanted, extract
        from labserver.source import Source
        with open(sys.argv[3], "wb") as out:
            result = extract(Source(Path(sys.argv[2])), out, Wanted(("a",)), None)
        print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
        print(result.errors[0]["line"], result.errors[0]["reason"])
    """)
    command = [sys.executable, "-c", program, str(ROOT / "module_utils"), str(path), str(tmp_path / "dest")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    memory, message = done.stdout.splitlines()
    assert int(memory) < 32 << 10
    assert message == "2 it is longer than 1048576 bytes"
    assert [line[:6] for line in (tmp_path / "dest").read_bytes().splitlines()] == [b"before", b"after", b"yyyyyy"]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("no markup at all", "no markup at all"),
        ("one<br /><br>two", "one  two"),
        ("<p class='x'>Fish &amp; chips &#34;here&#34;</p>", ' Fish & chips "here" '),
        ("I <3 this, 5 < 6 > 4 & so on", "I <3 this, 5 < 6 > 4 & so on"),
        ("left open <b", "left open <b"),
        ("a<!-- hidden -->b &lt;i&gt;", "ab <i>"),
    ],
)
def test_html(text: str, cleaned: str) -> None:
    assert without_html(text) == cleaned


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("<>&/!-ab ;#x3?[]\"'=")))
def test_html_of_any_shape_is_survived(text: str) -> None:
    without_html(text)


# --- the module ----------------------------------------------------------------------------------------------------


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
    told = [entry["reason"] for entry in result["errors"]]
    for reason, words in zip(told, ("not JSON", "no field reviewText (it has other)", "no", "not UTF-8"), strict=True):
        assert words in reason
    assert (tmp_path / "dest").read_text() == "one\ntwo\n"
    assert run_module("review_text", **options)["left_out"] == 4  # told again by an unchanged run
    assert not run_module("review_text", max_errors=4, **options)["failed"]
    too_many = run_module("review_text", max_errors=3, **options)
    assert "more than 3 bad records" in too_many["msg"]
    assert "raise `max_errors`" in too_many["msg"]
    assert (tmp_path / "dest").read_text() == "one\ntwo\n"


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
        ({}, "line 2: it is not JSON"),
        ({}, "set `on_error: skip`"),
        ({"fields": []}, "fields is empty"),
        ({"fields": ["stars"]}, "line 1: it has no field stars (it has reviewText)"),
        ({"max_errors": 1}, "max_errors has a meaning with `on_error: skip` alone"),
        ({"on_error": "skip", "max_errors": -1}, "max_errors -1 is below 0"),
        ({"src": "{tmp}/absent"}, "does not exist: correct `src`"),
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


def test_real_reviews(tmp_path: Path, engine: str) -> None:
    del engine
    path = DATA / "reviews_Digital_Music_5.head.json.gz"
    if not path.exists():
        pytest.skip(f"needs {path.name} in LABSERVER_DATA")
    lines = gzip.decompress(path.read_bytes()).splitlines()
    out = tmp_path / "out"
    with out.open("wb") as file:
        assert extract(Source(path), file, Wanted(("reviewText",))).written == 6908
    assert out.read_bytes() == b"".join(as_json_loads(lines, "reviewText"))


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


def test_the_quickest_engine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_engine(monkeypatch, "standard")
    assert records.loads_engine() is records._standard_loads
