"""The two engines: the kernel in C, and gensim, which it has to agree with."""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from vec2pca import kernel
from vec2pca.analysis import analyse
from vec2pca.cli import main
from vec2pca.compare import canonical_correlations, cosine_agreement
from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.content.source import Source
from vec2pca.settings import Settings
from vec2pca.text import blocks, read_corpus
from vec2pca.train import Sentences, pick_engine

SMALL = Settings(features=20, min_count=5, components=3, epochs=10)
QUICK = ["--min-count", "5", "--features", "12", "--components", "3", "--epochs", "2"]
MUSIC = "reviews_Digital_Music_5.head.json.gz"

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler here"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for these tests: the kernel is compiled once, and not into the user's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@needs_compiler
def test_auto_uses_the_kernel_and_says_so(small_text: Path, tmp_path: Path) -> None:
    page = tmp_path / "p.html"
    assert main([str(small_text), str(page), *QUICK]) == 0
    assert "kernel in C" in page.read_text()


def test_without_a_compiler_auto_uses_gensim_with_a_message(
    small_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    page = tmp_path / "p.html"
    assert main([str(small_text), str(page), *QUICK]) == 0
    messages = capsys.readouterr().err
    assert "used gensim" in messages
    assert "no C compiler" in messages
    assert "gensim" in page.read_text()
    assert main([str(small_text), str(page), "--engine", "kernel", *QUICK]) == 1
    assert "Install a C compiler" in capsys.readouterr().err


@needs_compiler
def test_a_compiler_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'out of magic' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    _, facts = pick_engine(SMALL)
    assert facts["engine"] == "gensim"
    assert "out of magic" in facts["kernel_error"]


@needs_compiler
def test_a_cache_that_cannot_be_used_is_no_disaster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert pick_engine(SMALL)[1]["engine"] == "gensim"
    with pytest.raises(Vec2pcaError, match="--engine gensim"):
        pick_engine(replace(SMALL, engine="kernel"))


@needs_compiler
def test_the_kernel_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel.load()
    (library,) = (tmp_path / "vec2pca").iterdir()  # and nothing half-made beside it
    monkeypatch.setattr(kernel, "compile_to", lambda *_: pytest.fail("compiled again"))
    kernel.load()
    assert library.suffix == ".so"
    assert (tmp_path / "vec2pca").stat().st_mode & 0o077 == 0


@needs_compiler
def test_the_structure_is_the_one_of_the_c_code() -> None:
    source = (Path(kernel.__file__).parent / "kernel.c").read_text()
    body = re.search(r"struct model \{(.*?)\};", source, re.DOTALL)
    assert body
    names = re.findall(r"(\w+)[,;]", re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL))
    assert names == [name for name, _ in kernel.Model._fields_]
    assert ctypes.sizeof(kernel.Model) == 6 * 8 + 4 * 8 + 2 * 8 + 4 * 4  # three int32 and the padding


def test_keep_thresholds_follow_the_rule_of_word2vec() -> None:
    counts = np.array([1e6, 1e4, 10])
    share = kernel.keep_thresholds(counts, 1e-3) / 2**32
    total = counts.sum()
    expected = np.minimum(1, (np.sqrt(counts / (1e-3 * total)) + 1) * (1e-3 * total) / counts)
    np.testing.assert_allclose(share, expected, rtol=1e-6)
    assert (kernel.keep_thresholds(counts, 0) == 2**32 - 1).all()


def engines() -> list[str]:
    return ["gensim", "kernel"] if any(map(shutil.which, ("cc", "gcc", "clang"))) else ["gensim"]


@pytest.mark.parametrize("engine", engines())
def test_engines_learn_the_topics(small_text: Path, engine: str) -> None:
    result = analyse(Source(small_text), replace(SMALL, engine=engine))
    place = {word: i for i, word in enumerate(result.words)}
    topics = ["guitar drums bass chorus melody", "actor scene script camera director", "flour sugar oven butter bread"]
    rows = [[place[word] for word in topic.split()] for topic in topics]
    cosines = result.vectors @ result.vectors.T
    within = np.mean([cosines[np.ix_(r, r)].mean() for r in rows])
    across = np.mean([cosines[np.ix_(r, q)].mean() for r in rows for q in rows if r is not q])
    assert within > across + 0.3


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("features", [1, 7, 8, 100])
def test_any_number_of_features_works(small_text: Path, engine: str, features: int) -> None:
    result = analyse(Source(small_text), replace(SMALL, engine=engine, features=features, components=1, epochs=1))
    assert result.vectors.shape == (len(result.words), features)
    assert np.isfinite(result.vectors).all()


@pytest.mark.parametrize("engine", engines())
def test_one_and_two_words_work(tmp_path: Path, engine: str) -> None:
    for words in ("one\n", "one two\n"):
        path = tmp_path / "t.txt"
        path.write_text(words * 20)
        result = analyse(Source(path), Settings(engine=engine, features=4, min_count=1, components=1, epochs=1))
        assert np.isfinite(result.scores).all()


@needs_compiler
def test_bytes_do_not_depend_on_the_number_of_workers(
    small_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vec2pca.text.PARALLEL_READING", 0)
    monkeypatch.setattr("vec2pca.text.BATCH", 1000)
    made = set()
    for workers in ("1", "2", "5"):
        page, data = tmp_path / f"{workers}.html", tmp_path / f"{workers}.json"
        assert main([str(small_text), str(page), "--json", str(data), "--workers", workers, *QUICK]) == 0
        made.add(page.read_bytes() + data.read_bytes())
    assert len(made) == 1


def test_a_racing_gensim_says_that_it_cannot_be_repeated(small_text: Path, tmp_path: Path) -> None:
    page = tmp_path / "p.html"
    assert main([str(small_text), str(page), "--engine", "gensim", "--workers", "2", *QUICK]) == 0
    assert "race each other" in page.read_text()


def test_gensim_is_given_every_sentence_whole(small_text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = read_corpus(Source(small_text))
    whole = list(Sentences(corpus, 1, None))
    monkeypatch.setattr("vec2pca.text.SPOOL", 50)
    assert list(Sentences(corpus, 1, None)) == whole
    assert len(whole) == corpus.facts.sentences - corpus.facts.empty_sentences
    assert sum(map(len, whole)) == corpus.facts.words
    assert np.concatenate(list(blocks(corpus.ids))).tolist() == corpus.ids.tolist()
    assert all(block[-1] == -1 for block in blocks(corpus.ids))


def test_progress_as_json_lines(small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(small_text), str(tmp_path / "p.html"), "--progress", "json", *QUICK]) == 0
    states = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert {state["phase"] for state in states} == {"read", "train"}
    last = {state["phase"]: state for state in states}
    assert last["read"]["done"] == last["read"]["total"] == small_text.stat().st_size
    assert last["read"]["sentences"] > 0
    assert last["train"]["done"] == last["train"]["total"]
    assert last["train"]["words_per_second"] > 0


def test_quiet_when_not_on_a_terminal(small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(small_text), str(tmp_path / "p.html"), *QUICK]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_a_terminal_sees_one_renewed_line_a_phase(
    small_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main([str(small_text), str(tmp_path / "p.html"), *QUICK]) == 0
    messages = capsys.readouterr().err
    assert messages.count("\n") == 2
    assert "sentences" in messages
    assert "words/s" in messages


def music_reviews(path: Path, most: int | None = None) -> Path:
    """Write the music reviews to `path`, one a line, or skip the test."""
    data = Path(os.environ.get("LABSERVER_DATA", "")) / MUSIC
    if not data.is_file():
        pytest.skip(f"the environment variable LABSERVER_DATA names no folder with {MUSIC}")
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        texts = [" ".join(json.loads(line)["reviewText"].split()) for line in islice(lines, most)]
    path.write_text("\n".join(texts))
    return path


@needs_compiler
def test_music_reviews_agree_with_gensim(tmp_path: Path) -> None:
    """A quick look: after so little training gensim agrees with itself by 0.85 and 0.94. benchmarks has the bars."""
    text = music_reviews(tmp_path / "music.txt", 2500)
    one, other = (analyse(Source(text), Settings(engine=engine, epochs=2)) for engine in ("kernel", "gensim"))
    assert np.mean(canonical_correlations(one.scores, other.scores)) > 0.8
    assert cosine_agreement(one.vectors.astype(float), other.vectors.astype(float)) > 0.9


@needs_compiler
@pytest.mark.usefixtures("needs_punkt")
def test_music_reviews_give_what_the_program_of_2016_gave(tmp_path: Path) -> None:
    result = analyse(Source(music_reviews(tmp_path / "music.txt")), Settings())
    assert len(result.words) == 788
    original = [4.6, 4.4, 3.1, 3.1, 3.0, 2.5, 2.4, 2.2, 2.1]
    np.testing.assert_allclose([100 * share for share in result.variance], original, atol=0.3)
    order = np.argsort(result.scores[:, 0])
    ends = [{result.words[i] for i in side} for side in (order[:15], order[-15:])]
    assert any({"released", "label", "records"} <= end for end in ends)
    assert any({"melodies", "melody"} <= end for end in ends)
