"""Reading a text: bytes, lines, sentences, words, counts."""

from __future__ import annotations

import importlib
import io
import os
import random
import shutil
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.content.source import Source
from vec2pca.labserver.errors import LabError
from vec2pca.punkt import load_punkt
from vec2pca.text import (
    END,
    MAX_PIECE,
    MAX_SENTENCE,
    Tokeniser,
    ascii_words,
    choose_vocabulary,
    place_to_cut,
    read_batches,
    read_corpus,
    read_pieces,
    tokeniser,
    unicode_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from vec2pca.text import Corpus

SOURCES = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "src")}
FUZZ_SECONDS = float(os.environ.get("LABSERVER_FUZZ_SECONDS", "2"))


def read(path: Path, content: str | bytes, *, unicode: bool = False) -> Corpus:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_corpus(Source(path), unicode=unicode)


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
    facts = corpus.facts
    assert (facts.lines, facts.words, facts.sentences, facts.empty_sentences) == (4, 6, 3, 1)


def test_bad_bytes_are_replaced_and_counted_but_not_the_replacement_character_itself(tmp_path: Path) -> None:
    corpus = read(tmp_path / "a", b"good \xff\xfe text\nfine \xef\xbf\xbd line\ncaf\xe9 ol\xe9\n")
    assert corpus.facts.replaced_bytes == 4
    assert corpus.words == ["good", "text", "fine", "line", "caf", "ol"]


def test_utf16_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="iconv -f UTF-16"):
        read(tmp_path / "a", "hello world".encode("utf-16"))


def test_long_sentences_are_split_and_no_word_is_lost(tmp_path: Path) -> None:
    corpus = read(tmp_path / "a", "word " * (2 * MAX_SENTENCE + 5) + "\n" + "b " * MAX_SENTENCE + "\n")
    assert [len(s) for s in sentences(corpus)] == [MAX_SENTENCE, MAX_SENTENCE, 5, MAX_SENTENCE]
    assert corpus.facts.split_sentences == 1
    assert corpus.counts.tolist() == [2 * MAX_SENTENCE + 5, MAX_SENTENCE]


@pytest.mark.parametrize("limit", range(2, 60))
def test_no_word_is_cut_wherever_a_long_line_is(limit: int) -> None:
    text = b"alpha beta gamma \xc3\xa9t\xc3\xa9 delta\nepsilon zeta eta theta iota kappa lambda\n\nlast"
    pieces = list(read_pieces(io.BytesIO(text), limit))
    assert b"".join(pieces) == text
    if limit >= 8:  # longer than the longest word
        assert [word for piece in pieces for word in piece.split()] == text.split()
        assert max(map(len, pieces)) <= 2 * limit


PROSE = (
    "Mr. Smith (of the U.S. Army) went home, i.e. to No. 10! \"Really?\" he said... 'Yes.' J. S. Bach -- the 2.5 "
    "others, too -- played. It was 5 p.m. then; nobody (not even I!) knew. \u201cWhy?\u201d And so on, and so forth\t"
)
HOSTILE = {
    "signs": "word! ", "initials": "a.", "dots": "...", "spaced dots": ". ", "exclamations": "!", "brackets": "( ",
    "letters": "x", "quotes": "?\" ", "tabs": "a!\t", "hyphens": "a--", "numbers": "1. 2", "commas": "word,,,,",
    "Chinese": "\u4e2d\u6587\u3002", "abbreviations": "Mr. X said. ", "mixed": "He (said) \"no!\" ... A.B. C-- 3.5? ",
}  # fmt: skip


@pytest.mark.usefixtures("needs_punkt")
@pytest.mark.parametrize("size", [150, 400, MAX_PIECE])
def test_a_line_has_the_sentences_that_punkt_finds_in_the_whole_of_it(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vec2pca.text.MAX_PIECE", size)
    rng = random.Random(1)
    for length in (0, 1, 40, 3_000):
        words = rng.choices(PROSE.split(), k=length)
        for line in (PROSE * (length // 20), " ".join(words), "  ".join(words) + " "):
            made = tokeniser(unicode=False)
            assert made.sentences(line) == made.to_sentences(line)


@pytest.mark.usefixtures("needs_punkt")
@pytest.mark.parametrize("kind", HOSTILE)
def test_punkt_is_given_short_pieces_whatever_the_line_is(kind: str) -> None:
    made, given = tokeniser(unicode=True), []

    def split(piece: str) -> list[str]:
        given.append(piece)
        return made.to_sentences(piece)

    line = (HOSTILE[kind] * 50_000)[:50_000]
    found = Tokeniser(split, unicode_words).sentences(line)
    assert max(map(len, given)) <= MAX_PIECE
    assert "".join(given) == line
    words = [word for sentence in found for word in unicode_words(sentence)]
    assert words == unicode_words(line)  # none is cut


@pytest.mark.usefixtures("needs_punkt")
@pytest.mark.parametrize("own", ["import nltk.redos; nltk.redos.DEFAULT_TIMEOUT = 1e-9", "pass"])
def test_no_time_limit_ends_the_reading(own: str) -> None:
    code = f"""
try:
    {own}
except ImportError:
    raise SystemExit  # an NLTK without limits
from vec2pca.text import tokeniser
made = tokeniser(unicode=False)
assert len(made.sentences("word! " * 9000)) == 9000
limits = made.to_sentences.__func__.__globals__.get("redos")
assert limits is None or limits.DEFAULT_TIMEOUT is None
"""
    done = subprocess.run([sys.executable, "-c", code], env=SOURCES, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_text_without_spaces_is_cut_between_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vec2pca.text.MAX_LINE", 1000)
    text = "\u4e2d\u6587\u5b57\u3002" * 2_000
    for begin in ("", "x", "xy"):  # wherever the character at the limit begins
        pieces = list(read_pieces(io.BytesIO((begin + text).encode()), 1000))
        assert "".join(piece.decode() for piece in pieces) == begin + text
        assert len(pieces) > 10
    monkeypatch.setattr(read_pieces, "__defaults__", (1000,))
    corpus = read(tmp_path / "a", text, unicode=True)
    assert corpus.words == ["\u4e2d\u6587\u5b57"]
    assert corpus.facts.replaced_bytes == 0
    assert read(tmp_path / "a", "\u4e2d" * 9_000, unicode=True).facts.replaced_bytes == 0


def test_a_line_is_cut_behind_a_space_or_a_sign_and_never_between_a_letter_and_its_mark() -> None:
    assert place_to_cut(b"one two,thr") == len(b"one ")
    assert place_to_cut(b"one,two") == len(b"one,")
    assert place_to_cut("x,e\u0301te\u0301".encode()) == 2
    assert place_to_cut("caf\u00e9".encode()[:-1]) == 3
    assert place_to_cut(b"caf\xe9") == 3  # it may be the first byte of a character
    assert place_to_cut(b"\xff\xff") == 2


ATOMS = [
    b"word", b" ", b"! ", b".", b"\r\n", b"\r", b"\n", b"\0", b"\xef\xbb\xbf", b"\xc3", b"\xa9", b"\xff",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98", "\u4e2d\u6587\u3002".encode(), "\u2028".encode(), "e\u0301".encode(), "\U0001f600".encode(),
    b"\t", b"x" * 300, b". " * 100, "\u00df\u0130".encode(), b"\xef\xbf\xbd", b"(\"')", b"\x85", b"\x1c",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_no_bytes_whatever_break_the_reading(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(read_pieces, "__defaults__", (200,))
    monkeypatch.setattr("vec2pca.text.BATCH", 500)
    monkeypatch.setattr("vec2pca.text.MAX_PIECE", 50)
    readers = [tokeniser(unicode=unicode) for unicode in (False, True)]
    deadline = time.monotonic() + FUZZ_SECONDS
    for _ in range(60 if FUZZ_SECONDS < 10 else 10**9):
        if time.monotonic() > deadline:
            break
        raw = (
            rng.randbytes(rng.randrange(400))
            if rng.random() < 0.2
            else b"".join(rng.choices(ATOMS, k=rng.randrange(80)))
        )
        batches = list(read_batches(io.BytesIO(raw)))
        assert b"".join(batches) == raw
        assert [b"".join(read_pieces(io.BytesIO(batch))) for batch in batches] == batches
        replaced = raw.decode(errors="replace").count("\ufffd") - raw.count(b"\xef\xbf\xbd")
        for reader in readers:
            made = [reader(batch) for batch in batches]
            assert sum(bad for _, bad in made) == replaced
            words = [word for found, _ in made for sentence in found for word in sentence]
            letters = reader.to_words(raw.decode(errors="replace"))
            assert b"".join(words) == b"".join(letters)
            if b"x" * 300 not in raw:
                assert words == letters


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
    corpus = read_corpus(Source(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert corpus.facts.words == 840_000
    assert peak < 12_000_000


def test_several_processes_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vec2pca.text.PARALLEL_READING", 0)
    monkeypatch.setattr("vec2pca.text.BATCH", 100)
    path = tmp_path / "a"
    path.write_text("".join(f"line {'x' * (i % 7)} of many. And y{i}\n" for i in range(500)))
    alone, together = read_corpus(Source(path), workers=1), read_corpus(Source(path), workers=3)
    assert together.words == alone.words
    assert together.ids.tolist() == alone.ids.tolist()
    assert together.facts == alone.facts


def test_a_reading_process_that_is_ended_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vec2pca.text.PARALLEL_READING", 0)
    monkeypatch.setattr("vec2pca.text.load_punkt", lambda: lambda _: os._exit(9))
    path = tmp_path / "a"
    path.write_text("text\n")
    with pytest.raises(Vec2pcaError, match="--workers 1"):
        read_corpus(Source(path), workers=2)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is signalled on Linux only")
def test_reading_processes_go_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = """
import os, sys, time
from pathlib import Path
import vec2pca.text as text
from vec2pca.labserver.content.source import Source
text.PARALLEL_READING = 0
text.load_punkt = lambda: lambda _: (print(os.getpid(), flush=True), time.sleep(600))[:0]
text.read_corpus(Source(Path(sys.argv[1])), workers=2)
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
from vec2pca.punkt import load_punkt
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


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "torn": lambda data: data[: len(data) // 2],
    "garbage": lambda data: bytes(byte ^ 0xA5 for byte in data),
    "a page of HTML": lambda _: b"<!DOCTYPE html>\n<html><body>Not found</body></html>\n",
}
TABLES = ["abbrev_types.txt", "collocations.tab", "ortho_context.tab", "sent_starters.txt"]


@pytest.fixture
def punkt_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs_punkt: None) -> Path:  # noqa: ARG001
    """A copy of punkt's English tables, the only ones that are found."""
    data: Any = importlib.import_module("nltk.data")
    folder = tmp_path / "tokenizers"
    original = Path(str(data.find("tokenizers/punkt_tab/english/")))
    shutil.copytree(original, folder / "punkt_tab" / "english", copy_function=shutil.copyfile)
    monkeypatch.setattr(data, "path", [str(tmp_path)])
    return folder


def archive(folder: Path, files: dict[str, bytes]) -> bytes:
    """An archive in place of the folder."""
    shutil.rmtree(folder / "punkt_tab")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(f"punkt_tab/english/{name}", data)
    return out.getvalue()


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_data_of_punkt_is_named_with_the_fix(punkt_copy: Path, name: str, damage: str) -> None:
    path = punkt_copy / "punkt_tab" / "english" / name
    changed = DAMAGE[damage](path.read_bytes())
    path.unlink()
    if changed is not None:
        path.write_bytes(changed)
    with pytest.raises(Vec2pcaError, match=r"(?s)punkt_tab is damaged.*Remove it.*downloader punkt_tab") as caught:
        load_punkt()
    assert str(punkt_copy / "punkt_tab") in str(caught.value)


@pytest.mark.parametrize("damage", [*DAMAGE, "other files", "a bad member"])
def test_a_damaged_archive_of_punkt_is_named_with_the_fix(punkt_copy: Path, damage: str) -> None:
    tables = {path.name: path.read_bytes() for path in (punkt_copy / "punkt_tab" / "english").iterdir()}
    whole = archive(punkt_copy, tables if damage != "other files" else {"README": b"x"})
    path = punkt_copy / "punkt_tab.zip"
    changed: bytes | None = whole
    if damage == "a bad member":
        changed = whole[:400] + bytes(300) + whole[700:]
    elif damage in DAMAGE:
        changed = DAMAGE[damage](whole)
    if changed is None:  # neither the folder nor the archive
        with pytest.raises(Vec2pcaError, match=r"not found. Get it with"):
            load_punkt()
        return
    path.write_bytes(changed)
    with pytest.raises(Vec2pcaError, match=r"(?s)punkt_tab.zip is damaged.*Remove it.*downloader punkt_tab"):
        load_punkt()


def test_a_whole_archive_of_punkt_is_read(punkt_copy: Path) -> None:
    tables = {path.name: path.read_bytes() for path in (punkt_copy / "punkt_tab" / "english").iterdir()}
    (punkt_copy / "punkt_tab.zip").write_bytes(archive(punkt_copy, tables))
    assert load_punkt()("Mr. X came. He left.") == ["Mr. X came.", "He left."]
