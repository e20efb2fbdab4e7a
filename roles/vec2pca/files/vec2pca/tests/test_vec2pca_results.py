"""Results that are read back: whatever is wrong with one is told, with the file, and never as a traceback."""

from __future__ import annotations

import copy
import json
import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from vec2pca.analysis import Result, principal_components, unit_rows
from vec2pca.cli import main
from vec2pca.errors import Vec2pcaError
from vec2pca.files import read_object, readable
from vec2pca.settings import LIMITS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

FUZZ_SECONDS = float(os.environ.get("LABSERVER_FUZZ_SECONDS", "3"))
SIZE, FEATURES, COMPONENTS = 24, 6, 2


def result(seed: int = 0) -> dict[str, Any]:
    vectors = unit_rows(np.random.default_rng(seed).normal(size=(SIZE, FEATURES)).astype(np.float32))
    scores, variance = principal_components(vectors, COMPONENTS)
    return {
        "format": "vec2pca/1",
        "title": "Titel",
        "about": {"Data set": "films", "Reviews in the sample": 700, "List": ["a", {"b": 1}]},
        "parameters": {
            "seed": seed,
            "features": FEATURES,
            "min_count": 5,
            "min_count_chosen": False,
            "window": 10,
            "sample": 0.001,
            "components": COMPONENTS,
            "epochs": 5,
            "unicode": False,
            "engine": "kernel",
            "repeatable": True,
            "vec2pca": "0.2.0",
        },
        "corpus": {"words": 90_000, "lines": 700, "sha256": f"{seed:064}"},
        "components": [{"name": f"PC{i}", "variance": share} for i, share in enumerate(variance)],
        "words": [f"w{i:02}" for i in range(SIZE)],
        "counts": list(range(100, 100 - SIZE, -1)),
        "scores": scores.round(5).tolist(),
        "vectors": vectors.astype(float).round(4).tolist(),
    }


def damaged(**changes: Any) -> str:
    return json.dumps({**result(), **changes})


TORN = {
    "no words": (damaged(words=[]), "`words` is not a list of words"),
    "words are an object": (damaged(words={"a": 1}), "`words` is not a list of words"),
    "a word is a list": (damaged(words=[["a"]] * SIZE), "`words` is not a list of words"),
    "words twice": (damaged(words=["a", "a", *result()["words"][2:]]), "the word 'a' is there twice"),
    "a word is missing": (damaged(words=result()["words"][1:]), "it has 23 words, but 24 counts"),
    "scores miss a row": (damaged(scores=result()["scores"][1:]), "it has 24 words, but 23 rows of `scores`"),
    "scores miss a column": (damaged(scores=[[1.0]] * SIZE), "the rows of `scores` are not of 2 numbers"),
    "vectors of unequal length": (damaged(vectors=[[1.0], *result()["vectors"][1:]]), "are not of one length"),
    "vectors without numbers": (damaged(vectors=[[]] * SIZE), "are not of one length"),
    "vectors of text": (damaged(vectors=[["1.5"] * FEATURES] * SIZE), "`vectors` holds what is no number"),
    "vectors of lists": (damaged(vectors=[[[1.0]] * FEATURES] * SIZE), "`vectors` holds what is no number"),
    "ragged lists": (damaged(vectors=[[[1.0], 2, 3, 4, 5, 6]] * SIZE), "`vectors` holds what is no number"),
    "vectors of zeros": (damaged(vectors=[[0] * FEATURES] * SIZE), "`vectors` has a row of zeros"),
    "huge numbers": (damaged(scores=[[1e300, 1]] * SIZE), "or one that is far too large"),
    "an object for a list": (damaged(scores={"a": 1}), "`scores` is not a list of rows"),
    "counts of text": (damaged(counts=["1"] * SIZE), "`counts` is not a list of whole numbers"),
    "components": (damaged(components=[3, 4]), "`components` is not a list of objects"),
    "variance": (damaged(components=[{}, {}]), "a component does not tell its `variance`"),
    "about": (damaged(about=["a"]), "`about` is not an object"),
    "corpus": (damaged(corpus=7), "`corpus` is not an object"),
    "format": (damaged(format="vec2pca/9"), "is not a result of `vec2pca --json`"),
    "torn": (damaged()[:300], "is not JSON"),
    "empty": ("", "is not JSON: Expecting value"),
    "a list": ("[]", "is not a JSON object"),
    "NaN": (damaged(scores=[[float("nan"), 1]] * SIZE), "NaN is no number of JSON"),
    "infinite": (damaged().replace('"lines": 700', '"lines": 1e999'), "the number 1e999 is too large"),
    "many digits": (damaged().replace('"lines": 700', '"lines": ' + "7" * 5000), "a number has 5,000 digits"),
    "half of a character": (damaged(title="\udc80"), r"\udc80 is half of a character"),
    "a key twice": (damaged()[:-1] + ', "words": []}', "the key 'words' is there twice"),
    "nesting": (damaged().replace('"lines": 700', '"lines": ' + "[" * 99_999 + "]" * 99_999), "nested more than 100"),
}


@pytest.mark.parametrize("case", TORN)
@pytest.mark.parametrize("way", ["two", "class", "like"])
def test_what_is_wrong_with_a_result_is_told(
    case: str, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, told = TORN[case]
    bad, good = tmp_path / "bad.json", tmp_path / "good.json"
    bad.write_text(text)
    good.write_text(json.dumps(result(1)))
    arguments = {
        "two": ["compare", str(good), str(bad)],
        "class": ["compare", str(good), str(bad), "--html", str(tmp_path / "class.html")],
        "like": [str(tmp_path / "none.txt"), str(tmp_path / "page.html"), "--like", str(bad)],
    }[way]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert told in error
    assert str(bad) in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "one"),
        ("features", 1.5),
        ("window", None),
        ("epochs", 0),
        ("sample", 2),
        ("unicode", "no"),
        ("seed", -1),
    ],
)
def test_parameters_are_those_of_an_analysis(
    name: str, value: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(damaged(parameters={**result()["parameters"], name: value}))
    assert main([str(tmp_path / "none.txt"), str(tmp_path / "page.html"), "--like", str(bad)]) == 1
    assert f"{bad} is a broken result: `parameters` do not tell {name}" in capsys.readouterr().err


def test_measures_that_are_not_defined_are_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = {"vectors": [[1.0]] * SIZE, "scores": [[0.0]] * SIZE, "components": [{"name": "PC0", "variance": 0.0}]}
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        path.write_text(damaged(**flat))
    files = [str(path) for path in paths]
    assert main(["compare", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found["cosine_agreement"] is None
    assert found["canonical_correlation"] is None
    assert main(["compare", *files]) == 0
    assert "cosine agreement       n/a" in capsys.readouterr().out
    assert main(["compare", *files, "--html", str(tmp_path / "c.html"), "--json", str(tmp_path / "c.json")]) == 0
    json.loads((tmp_path / "c.json").read_text(), parse_constant=pytest.fail)
    assert capsys.readouterr().err == "vec2pca: a, b analysed the same sample.\n"


WILD: list[Callable[[random.Random], Any]] = [
    lambda _: None,
    lambda _: True,
    lambda _: 0,
    lambda _: -1,
    lambda _: "text",
    lambda _: "",
    lambda _: [],
    lambda _: {},
    lambda _: [[]],
    lambda _: [{}],
    lambda _: 1e308,
    lambda _: 10**400,
    lambda _: float("nan"),
    lambda _: float("-inf"),
    lambda _: "\ud800",
    lambda _: "\0",
    lambda _: 0.5,
    lambda _: {"a": [None]},
    lambda r: r.random() * 10,
    lambda _: 2**63,
    lambda r: [[r.random()]] * SIZE,
    lambda _: json.loads("[" * 150 + "]" * 150),
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a value."""
    found = []
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], (dict, list)):
            found += places(value[key])
    return found


def mutated(rng: random.Random, original: dict[str, Any]) -> bytes:
    """A result with some damage: keys taken away, other types, values swapped, bytes changed, the end cut off."""
    value = copy.deepcopy(original)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        top = [(value, key) for key in value]
        spots = top if top and rng.random() < 0.3 else places(value)
        if not spots:
            break
        (holder, key), (other, name) = rng.choice(spots), rng.choice(spots)
        action = rng.randrange(5)
        if action == 0:
            del holder[key]
        elif action == 1:
            holder[key] = copy.deepcopy(other[name])
        elif action == 2 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[key] = rng.choice(WILD)(rng)
    raw = bytearray(json.dumps(value).encode())
    if rng.random() < 0.1:
        del raw[rng.randrange(len(raw) + 1) :]
    if rng.random() < 0.1 and raw:
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(raw)


def trained(_path: Path, settings: Settings, _progress: object) -> Result:
    """In place of the training, whose options a result gave: it gets what it can be asked for."""
    for name, (least, most) in LIMITS.items():
        assert getattr(settings, name) is None or least <= getattr(settings, name) <= most
    raise Vec2pcaError("trained")


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_no_damaged_result_ends_in_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vec2pca.cli.analyse", trained)
    rng = random.Random(int(time.time()) if FUZZ_SECONDS > 60 else 5)
    paths = {name: tmp_path / f"{name}.json" for name in ("bad", "good", "third", "hosts", "out", "about")}
    paths["good"].write_text(json.dumps(result(1)))
    paths["third"].write_text(json.dumps(result(2)))
    text, page = tmp_path / "text.txt", str(tmp_path / "page.html")
    text.write_text("text\n")
    hosts = {name: {"address": "https://a.b", "results": [f"{name}.json"]} for name in ("good", "third")}
    hosts["lost"] = {"missing": "gone"}
    good, bad, third = (str(paths[name]) for name in ("good", "bad", "third"))
    out = ["--html", page, "--csv", str(tmp_path / "c.csv"), "--json", str(paths["out"]), "--consensus", page + "2"]
    deadline = time.monotonic() + FUZZ_SECONDS
    rounds = 0
    while time.monotonic() < deadline or rounds < 20:
        rounds += 1
        raw = mutated(rng, result())
        paths["bad"].write_bytes(raw)
        paths["hosts"].write_bytes(mutated(rng, {**hosts, "bad": {"results": ["bad.json"]}}))
        for arguments in (
            ["compare", good, bad],
            ["compare", bad, good, "--json", str(paths["out"])],
            ["compare", good, bad, third, *out],
            ["compare", "--hosts", str(paths["hosts"]), *out],
            [str(text), page, "--like", bad],
        ):
            paths["out"].unlink(missing_ok=True)
            try:
                code = main(arguments)
            except SystemExit as end:  # argparse: a number out of range
                code = int(end.code or 0)
            said = capsys.readouterr()
            assert code in {0, 1, 2}, arguments
            assert "Traceback" not in said.err
            assert (code == 0) is ("error:" not in said.err), (arguments, said.err)
            if paths["out"].exists():
                json.loads(paths["out"].read_bytes(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": NaN}', "is not JSON: NaN is no number of JSON"),
        ('{"a": -Infinity}', "is not JSON: -Infinity is no number of JSON"),
        ('{"a": 1e999}', "is not JSON: the number 1e999 is too large"),
        ('{"a": "\\ud800"}', r"\ud800 is half of a character"),
        ('{"\\udfff": 1}', r"\udfff is half of a character"),
        ('{"a": ' + "[" * 101 + "]" * 101 + "}", "nested more than 100 deep"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested more than 100 deep"),
        ('{"a": ' + '{"a":' * 2_000 + "1" + "}" * 2_001, "nested more than 100 deep"),
        ('{"a": ' + "9" * 5_000 + "}", "a number has 5,000 digits"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"a": ', "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"a": "\udce9"}', "is not UTF-8 (byte 7)"),
    ],
)
def test_about_is_checked_before_the_text_is_read(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vec2pca.cli.analyse", pytest.fail)
    about, source = tmp_path / "about.json", tmp_path / "in.txt"
    source.write_text("text\n")
    about.write_bytes(text.encode(errors="surrogateescape"))
    assert main([str(source), str(tmp_path / "page.html"), "--about", str(about)]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert f"--about {about} " in error
    assert not (tmp_path / "page.html").exists()


def test_objects_may_begin_with_a_byte_order_mark_and_hold_pairs(tmp_path: Path) -> None:
    path = tmp_path / "about.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": "\\ud83d\\ude00", "deep": ' + b"[" * 99 + b"]" * 99 + b"}")
    assert read_object(path, "--about")["a"] == "\U0001f600"


def test_what_utf8_cannot_hold_is_shown_by_the_replacement_character() -> None:
    assert readable("t\udce9.txt \u00e9\U0001f600") == "t\ufffd.txt \u00e9\U0001f600"
