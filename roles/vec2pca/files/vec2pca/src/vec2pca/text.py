"""From a text file to numbered words: lines, sentences (punkt), words, counts."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import importlib.util
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import unicodedata
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vec2pca.errors import Vec2pcaError
from vec2pca.progress import Progress

END = -1  # stands after the last word of every sentence in `Corpus.ids`
MAX_SENTENCE = 10_000  # words; gensim trains on the first 10,000 of a sentence and drops the rest without a word
MAX_LINE = 1 << 20  # bytes; a longer line is cut at a space, so that a file without line ends fits in memory too
SPOOL = 1 << 18  # ids handled at a time
FEW, MANY = 500, 4_500  # words `--min-count auto` aims at; more make a page of over 1.5 MB
BATCH = 1 << 18  # bytes tokenised at a time
PARALLEL_READING = 2 << 20  # bytes; from here on several processes read faster than one
MAX_READERS = 4  # one process numbers the words; it keeps up with about as many that split

_ASCII = bytes(c | 0x20 if chr(c).isalpha() and c < 0x80 else 0x20 for c in range(256))
_UNICODE = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Corpus:
    """A text as numbers.

    words: every different word, in the order of first appearance; its place is its id.
    counts: how often each occurs, (words,) int64.
    ids: the whole text, int32, `END` after each sentence; lives in an unnamed temporary file.
    """

    words: list[str]
    counts: NDArray[np.int64]
    ids: NDArray[np.int32]
    lines: int
    sentences: int
    empty_sentences: int
    split_sentences: int
    tokens: int
    replaced_bytes: int
    sha256: str  # of the file


@contextlib.contextmanager
def only_part_of_nltk() -> Iterator[None]:
    """Let `nltk.tokenize.punkt` be imported without all of NLTK and what that imports (scipy, scikit-learn, ...).

    It needs a few small modules of NLTK; its package imports everything, which costs 3 seconds and 120 MB. So for a
    moment `nltk` and `nltk.tokenize` are packages that have run no code of their own. Nothing of it stays behind.
    """
    if "nltk" in sys.modules:
        yield
        return
    try:
        for name in ("nltk", "nltk.tokenize"):
            spec = importlib.util.find_spec(name)
            if spec is None:
                raise ModuleNotFoundError(name)
            sys.modules[name] = importlib.util.module_from_spec(spec)
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "nltk"]:
            del sys.modules[name]


def load_punkt() -> Callable[[str], list[str]]:
    """Return punkt's English sentence splitter, str -> list of str.

    Source: Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary Detection", 2006.
    """
    for part in (only_part_of_nltk(), contextlib.nullcontext()):
        with contextlib.suppress(ImportError, AttributeError), part:  # another NLTK may need more of itself
            return import_punkt()
    raise Vec2pcaError("NLTK cannot be imported. Install it: python -m pip install nltk")


def import_punkt() -> Callable[[str], list[str]]:
    """Return the splitter; raise `Vec2pcaError` with where to get its data where that is missing."""
    data = importlib.import_module("nltk.data")
    punkt = importlib.import_module("nltk.tokenize.punkt")
    try:
        split: Callable[[str], list[str]] = punkt.PunktTokenizer("english").tokenize
    except LookupError:
        looked = "\n".join(f"  {folder}" for folder in data.path)
        raise Vec2pcaError(
            "NLTK's punkt_tab data (the sentence splitter) was not found. Get it with\n"
            "  python -m nltk.downloader punkt_tab\n"
            "or unzip punkt_tab.zip into a folder `tokenizers` below one of the following,\n"
            f"or below a folder that the environment variable NLTK_DATA names:\n{looked}"
        ) from None
    return split


def ascii_words(sentence: str) -> list[bytes]:
    """Return the runs of ASCII letters in `sentence`, lower-cased."""
    return sentence.encode("ascii", "replace").translate(_ASCII).split()


def unicode_words(sentence: str) -> list[bytes]:
    """Return the runs of letters of any script in `sentence`, composed (NFC), lower-cased, as UTF-8."""
    return [word.encode() for word in _UNICODE.findall(unicodedata.normalize("NFC", sentence).lower())]


def decode(raw: bytes) -> tuple[str, int]:
    """Return `raw` read as UTF-8 and how many bad sequences had to be replaced."""
    try:
        return raw.decode(), 0
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
        return text, text.count("\ufffd") - raw.count("\ufffd".encode())


def read_pieces(source: BinaryIO, limit: int = MAX_LINE) -> Iterator[bytes]:
    """Yield the lines of `source`; a line longer than `limit` bytes in pieces cut at a space, never inside a word."""
    rest = b""
    while chunk := source.readline(limit):
        piece = rest + chunk
        rest = b""
        if not chunk.endswith(b"\n") and len(chunk) == limit:
            cut = piece.rfind(b" ") + 1
            if cut == 0 and len(piece) < 2 * limit:  # one "word" of a megabyte: wait a little for its end
                rest = piece
                continue
            cut = cut or len(piece)
            piece, rest = piece[:cut], piece[cut:]
        yield piece
    if rest:
        yield rest


def read_batches(source: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of `source` in batches of about BATCH bytes that end where a line or a word does."""
    batch: list[bytes] = []
    size = 0
    for piece in read_pieces(source):
        batch.append(piece)
        size += len(piece)
        if size >= BATCH:
            yield b"".join(batch)
            batch, size = [], 0
    if batch:
        yield b"".join(batch)


@dataclass(frozen=True)
class Tokeniser:
    """What turns a batch of bytes into words; sent to the processes that share the reading."""

    to_sentences: Callable[[str], list[str]]
    to_words: Callable[[str], list[bytes]]

    def __call__(self, batch: bytes) -> tuple[list[list[bytes]], int]:
        """Return the words of each sentence, sentences without words too, and how many bad sequences were replaced."""
        text, bad = decode(batch)
        lines = text.split("\n")
        return [self.to_words(sentence) for line in lines for sentence in self.to_sentences(line)], bad


_shared: list[Tokeniser] = []  # inherited by forked processes: a splitter is too big to send along with every batch


def _prepare_process() -> None:
    """Leave Ctrl-C to the parent, and end when it ends, whatever ends it (Linux: PR_SET_PDEATHSIG)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _tokenise_shared(batch: bytes) -> tuple[list[list[bytes]], int]:
    return _shared[0](batch)


def tokenised(
    tokenise: Tokeniser, batches: Iterable[bytes], workers: int
) -> Iterator[tuple[bytes, tuple[list[list[bytes]], int]]]:
    """Yield each batch with what `tokenise` makes of it, in order, with the help of `workers` processes."""
    if workers < 2:
        yield from ((batch, tokenise(batch)) for batch in batches)
        return
    _shared[:] = [tokenise]
    under_way: deque[tuple[bytes, Future[tuple[list[list[bytes]], int]]]] = deque()
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _prepare_process) as pool:
            for batch in batches:
                under_way.append((batch, pool.submit(_tokenise_shared, batch)))
                if len(under_way) > 2 * workers:  # bounds the memory, however long the text is
                    first, done = under_way.popleft()
                    yield first, done.result()
            while under_way:
                first, done = under_way.popleft()
                yield first, done.result()
    except BrokenProcessPool:
        raise Vec2pcaError(
            "a process that was reading the text was ended from outside (out of memory?). Try --workers 1"
        ) from None


def reading_processes(size: int, workers: int | None) -> int:
    """Return how many processes shall read `size` bytes; `workers` None means one a core, as far as that pays."""
    if size < PARALLEL_READING or "fork" not in multiprocessing.get_all_start_methods():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return workers or min(cores, MAX_READERS)


def read_corpus(
    path: Path, *, unicode: bool = False, workers: int | None = 1, progress: Progress | None = None
) -> Corpus:
    """Read `path` (UTF-8 text; a line end ends a sentence) into a `Corpus`, the same for any number of `workers`.

    Memory holds the different words, not the text. Raises `Vec2pcaError` when there are no words.
    """
    known: defaultdict[bytes, int] = defaultdict()
    known.default_factory = known.__len__  # a new word's id is the number of words before it
    lines = sentences = empty = split = tokens = replaced = done = 0
    digest = hashlib.sha256()
    size = path.stat().st_size
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the memory map below
    ids = array("i")

    with path.open("rb") as source:
        if source.peek(2)[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            raise Vec2pcaError(f"{path} is UTF-16, not UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 {path} > text.txt")
        tokenise = Tokeniser(load_punkt(), unicode_words if unicode else ascii_words)
        batch = b""
        for batch, (found, bad) in tokenised(tokenise, read_batches(source), reading_processes(size, workers)):
            replaced += bad
            lines += batch.count(b"\n")
            done += len(batch)
            digest.update(batch)
            sentences += len(found)
            for words in found:
                tokens += len(words)
                empty += not words
                split += len(words) > MAX_SENTENCE
                for begin in range(0, len(words), MAX_SENTENCE):
                    ids.extend(map(known.__getitem__, words[begin : begin + MAX_SENTENCE]))
                    ids.append(END)
            ids.tofile(spool)
            del ids[:]
            if progress:
                progress("read", done, size, sentences=sentences, words=tokens)
        lines += bool(batch) and not batch.endswith(b"\n")
    if not tokens:
        why = "" if size else ": it is empty"
        raise Vec2pcaError(f"{path} holds no words{why}. Give a text file, one review (or paragraph) a line.")
    spool.flush()
    stored: NDArray[np.int32] = np.memmap(spool, dtype=np.int32, mode="r")
    return Corpus(
        words=[word.decode() for word in known],
        counts=count(stored, len(known)),
        ids=stored,
        lines=lines,
        sentences=sentences,
        empty_sentences=empty,
        split_sentences=split,
        tokens=tokens,
        replaced_bytes=replaced,
        sha256=digest.hexdigest(),
    )


def blocks(ids: NDArray[np.int32]) -> Iterator[NDArray[np.int32]]:
    """Yield `ids` in blocks of whole sentences, at most SPOOL ids each."""
    begin = 0
    while begin < len(ids):
        block = ids[begin : begin + SPOOL]
        size = int(np.flatnonzero(block == END)[-1]) + 1  # a sentence is much shorter than a block
        yield block[:size]
        begin += size


def count(ids: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    """Return how often each id below `size` occurs in `ids`, (size,) int64."""
    counts = np.zeros(size + 1, dtype=np.int64)
    for at in range(0, len(ids), SPOOL):
        counts += np.bincount(ids[at : at + SPOOL] + 1, minlength=size + 1)
    return counts[1:]


def choose_vocabulary(corpus: Corpus, min_count: int | None, components: int) -> tuple[NDArray[np.int64], int]:
    """Return the ids of the words that occur often enough, most frequent first, and the min_count used.

    min_count None chooses: 200 (the original's) where that leaves FEW to MANY words, otherwise the count of the
    FEW-th or the MANY-th word, but at least 5. Raises `Vec2pcaError` when fewer than `components` words are left.
    """
    order = np.argsort(-corpus.counts, kind="stable")  # ties stay in the order of appearance, as in gensim
    ranked = corpus.counts[order]
    if min_count is None:
        few, many = (int(ranked[min(rank, len(ranked)) - 1]) for rank in (FEW, MANY))
        min_count = max(5, min(200, few), many if len(ranked) > MANY else 0)
    size = int(np.searchsorted(-ranked, -min_count, side="right"))
    if size < components:
        found = f"{corpus.tokens:,} words, {len(ranked):,} different; {size:,} occur at least {min_count} times"
        if len(ranked) >= components:
            works = int(ranked[components - 1])
            advice = f"The largest --min-count that would work is {works}"
            advice += "" if works > 1 else " (too little text for vectors that mean anything)"
        else:
            advice = f"Give more text, or --components {len(ranked)} --min-count 1"
        raise Vec2pcaError(f"too little text: {found}, but {components} components need {components} words. {advice}.")
    return order[:size], min_count
