"""Records to text: always the bytes of json.loads."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from ansible.module_utils.labserver.content import source
from ansible.module_utils.labserver.content.signatures import HEAD
from ansible.module_utils.labserver.content.source import Source
from ansible.module_utils.labserver.reviews import records
from ansible.module_utils.labserver.reviews.extraction import TextFields, extract
from ansible.module_utils.labserver.reviews.markup import without_html
from ansible.module_utils.labserver.reviews.records import RECORD_LIMIT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.reviews import DATA, ROOT
from tests.support.texts import choose_engine, engines


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


@pytest.fixture(params=engines())
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    choose_engine(monkeypatch, name)
    return name


def texts_of(path: Path, *fields: str) -> list[bytes]:
    out = io.BytesIO()
    extract(Source(path), out, TextFields(fields), None)
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
    lines = [b'{"reviewText": "a first line that shows that this is text' + b"." * HEAD + b'"}', *lines]
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
        from labserver.content.source import Source
        from labserver.reviews.extraction import TextFields, extract
        with open(sys.argv[3], "wb") as out:
            result = extract(Source(Path(sys.argv[2])), out, TextFields(("a",)), None)
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
        ("fun <script> to <b>watch</b> &amp; hear", "fun   to  watch  & hear"),
        ("<style>a</style> <textarea>b &amp; c <plaintext>d <i>e", " a   b & c  d  e"),
    ],
)
def test_html(text: str, cleaned: str) -> None:
    assert without_html(text) == cleaned


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("<>&/!-ab ;#x3?[]\"'=")))
def test_html_of_any_shape_is_survived(text: str) -> None:
    without_html(text)


def test_real_reviews(tmp_path: Path, engine: str) -> None:
    del engine
    path = DATA / "reviews_Digital_Music_5.head.json.gz"
    if not path.exists():
        pytest.skip(f"needs {path.name} in LABSERVER_DATA")
    lines = gzip.decompress(path.read_bytes()).splitlines()
    out = tmp_path / "out"
    with out.open("wb") as file:
        assert extract(Source(path), file, TextFields(("reviewText",))).written == 6908
    assert out.read_bytes() == b"".join(as_json_loads(lines, "reviewText"))


def test_the_quickest_engine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_engine(monkeypatch, "standard")
    assert records.loads_all_engine() is records._standard_loads_all
