"""Reading a text: bytes, lines, sentences, words, counts."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from vec2pca.errors import Vec2pcaError
from vec2pca.text import END, MAX_SENTENCE, ascii_words, choose_vocabulary, read_corpus, read_pieces, unicode_words

if TYPE_CHECKING:
    from vec2pca.text import Corpus


def read(path: Path, content: str | bytes, *, unicode: bool = False) -> Corpus:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_corpus(path, unicode=unicode)


def sentences(corpus: Corpus) -> list[list[str]]:
    out: list[list[str]] = [[]]
    for i in corpus.ids.tolist():
        if i == END:
            out.append([])
        else:
            out[-1].append(corpus.words[i])
    assert out.pop() == []
    return out


def test_words_are_lower_cased_runs_of_ascii_letters() -> None:
    assert ascii_words("Don't STOP2day, caf\u00e9_bar! \u212a") == [b"don", b"t", b"stop", b"day", b"caf", b"bar"]


def test_unicode_words_keep_letters_of_any_script_composed() -> None:
    words = [word.decode() for word in unicode_words("Cafe\u0301 STRASSE na\u00efve \u041c\u0438\u0440 2day x_y")]
    assert words == ["caf\u00e9", "strasse", "na\u00efve", "\u043c\u0438\u0440", "day", "x", "y"]


@pytest.mark.usefixtures("needs_punkt")
def test_punkt_knows_abbreviations(tmp_path: Path) -> None:
    corpus = read(tmp_path / "a", "Mr. Smith went home. He slept.\n")
    assert sentences(corpus) == [["mr", "smith", "went", "home"], ["he", "slept"]]


def test_a_line_end_ends_a_sentence(tmp_path: Path) -> None:
    assert sentences(read(tmp_path / "a", "one two\nthree\r\nfour")) == [["one", "two"], ["three"], ["four"]]


def test_counts_and_figures(tmp_path: Path) -> None:
    corpus = read(tmp_path / "a", "A b a.\n\n1984.\nB c a.\n")
    assert dict(zip(corpus.words, corpus.counts.tolist(), strict=True)) == {"a": 3, "b": 2, "c": 1}
    assert (corpus.lines, corpus.tokens, corpus.sentences, corpus.empty_sentences) == (4, 6, 3, 1)


def test_bad_bytes_are_replaced_and_counted_but_not_the_replacement_character_itself(tmp_path: Path) -> None:
    corpus = read(tmp_path / "a", b"good \xff\xfe text\nfine \xef\xbf\xbd line\ncaf\xe9 ol\xe9\n")
    assert corpus.replaced_bytes == 4
    assert corpus.words == ["good", "text", "fine", "line", "caf", "ol"]


def test_utf16_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Vec2pcaError, match="iconv -f UTF-16"):
        read(tmp_path / "a", "hello world".encode("utf-16"))


def test_long_sentences_are_split_and_no_word_is_lost(tmp_path: Path) -> None:
    corpus = read(tmp_path / "a", "word " * (2 * MAX_SENTENCE + 5) + "\n" + "b " * MAX_SENTENCE + "\n")
    assert [len(s) for s in sentences(corpus)] == [MAX_SENTENCE, MAX_SENTENCE, 5, MAX_SENTENCE]
    assert corpus.split_sentences == 1
    assert corpus.counts.tolist() == [2 * MAX_SENTENCE + 5, MAX_SENTENCE]


@pytest.mark.parametrize("limit", range(2, 60))
def test_no_word_is_cut_wherever_a_long_line_is(limit: int) -> None:
    text = b"alpha beta gamma \xc3\xa9t\xc3\xa9 delta\nepsilon zeta eta theta iota kappa lambda\n\nlast"
    pieces = list(read_pieces(io.BytesIO(text), limit))
    assert b"".join(pieces) == text
    if limit >= 8:  # longer than the longest word
        assert [word for piece in pieces for word in piece.split()] == text.split()
        assert max(map(len, pieces)) <= 2 * limit


@pytest.mark.parametrize("content", ["", "\n\n", "1 2 3 !\n"])
def test_a_text_without_words_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(Vec2pcaError, match="holds no words"):
        read(tmp_path / "a", content)


def test_vocabulary_is_ordered_by_count_then_appearance(tmp_path: Path) -> None:
    corpus = read(tmp_path / "a", "z y x y x w\n")
    chosen, used = choose_vocabulary(corpus, 1, 2)
    assert [corpus.words[i] for i in chosen] == ["y", "x", "z", "w"]
    assert used == 1


def test_too_small_names_the_largest_min_count_that_works(tmp_path: Path) -> None:
    corpus = read(tmp_path / "a", "a " * 9 + "b " * 7 + "c " * 5 + "d " * 2 + "\n")
    with pytest.raises(Vec2pcaError, match=r"2 occur at least 6 times.*largest --min-count that would work is 5\b"):
        choose_vocabulary(corpus, 6, 3)
    chosen, _ = choose_vocabulary(corpus, 5, 3)  # the advice is true, and the largest
    assert len(chosen) == 3
    with pytest.raises(Vec2pcaError, match="--components 4 --min-count 1"):
        choose_vocabulary(corpus, 1, 9)


def test_auto_min_count(tmp_path: Path) -> None:
    def used(counts: list[int]) -> tuple[int, int]:
        corpus = read(tmp_path / "a", "a\n")
        fake = corpus.__class__(**{**corpus.__dict__, "counts": np.array(counts), "words": [str(i) for i in counts]})
        chosen, least = choose_vocabulary(fake, None, 9)
        return len(chosen), least

    assert used([1000] * 600) == (600, 200)  # enough at the original's 200
    assert used([1000] * 100 + [50] * 600 + [4] * 9) == (700, 50)  # lowered until 500 are in
    assert used([7] * 20 + [3] * 50) == (20, 5)  # never below 5
    assert used([1000] * 4000 + [300] * 500 + [250] * 9000) == (4500, 300)  # raised: at most 4,500


def test_memory_holds_the_words_once_and_not_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vec2pca.text.load_punkt", lambda: lambda line: [line])
    path = tmp_path / "a"
    path.write_text("the same few words again and again\n" * 120_000)  # 840,000 words: 34 MB as objects
    tracemalloc.start()
    corpus = read_corpus(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert corpus.tokens == 840_000
    assert peak < 12_000_000


def test_several_processes_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vec2pca.text.PARALLEL_READING", 0)
    monkeypatch.setattr("vec2pca.text.BATCH", 100)
    path = tmp_path / "a"
    path.write_text("".join(f"line {'x' * (i % 7)} of many. And y{i}\n" for i in range(500)))
    alone, together = read_corpus(path, workers=1), read_corpus(path, workers=3)
    assert together.words == alone.words
    assert together.ids.tolist() == alone.ids.tolist()
    assert (together.lines, together.sentences) == (alone.lines, alone.sentences)


def test_a_reading_process_that_is_ended_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vec2pca.text.PARALLEL_READING", 0)
    monkeypatch.setattr("vec2pca.text.load_punkt", lambda: lambda _: os._exit(9))
    path = tmp_path / "a"
    path.write_text("text\n")
    with pytest.raises(Vec2pcaError, match="--workers 1"):
        read_corpus(path, workers=2)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is signalled on Linux only")
def test_reading_processes_go_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = """
import os, sys, time
from pathlib import Path
import vec2pca.text as text
text.PARALLEL_READING = 0
text.load_punkt = lambda: lambda _: (print(os.getpid(), flush=True), time.sleep(600))[:0]
text.read_corpus(Path(sys.argv[1]), workers=2)
"""
    path = tmp_path / "a"
    path.write_text("text\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "src")}
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout
        child = Path("/proc") / parent.stdout.readline().strip()
        assert child.exists()
        parent.kill()
    for _ in range(1200):  # two minutes on a busy machine; usually the first look
        if not child.exists() or "\nState:\tZ" in (child / "status").read_text():
            return
        time.sleep(0.1)
    pytest.fail("the reading process is still there")


@pytest.mark.usefixtures("needs_punkt")
def test_the_light_import_of_nltk_leaves_nothing_behind_and_splits_alike() -> None:
    code = """
import sys
from vec2pca.text import load_punkt
split = load_punkt()
assert not [name for name in sys.modules if name.startswith("nltk")], "left behind"
assert "sklearn" not in sys.modules and "scipy" not in sys.modules
from nltk.tokenize.punkt import PunktTokenizer
import nltk.corpus
text = "Dr. No met Mr. Yes at 5 p.m. today. They spoke... 'Hm!' he said (i.e. nothing). U.S. law? Yes."
assert split(text) == PunktTokenizer("english").tokenize(text)
"""
    source = str(Path(__file__).parent.parent / "src")
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
