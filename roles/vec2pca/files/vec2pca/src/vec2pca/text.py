"""From a text file to numbered words: lines, sentences (punkt), words, counts."""

from __future__ import annotations

import codecs
import ctypes
import hashlib
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
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.content.source import Source, as_file
from vec2pca.progress import Progress
from vec2pca.punkt import load_punkt

END = -1  # stands after the last word of every sentence in `Corpus.ids`
MAX_SENTENCE = 10_000  # words; gensim trains on the first 10,000 of a sentence and drops the rest without a word
MAX_LINE = 1 << 20  # bytes; a longer line is cut, so that a file without line ends fits in memory too
MAX_PIECE = 1 << 12  # characters given to punkt at a time: at most some 30 ms, whatever they are (8 µs a character)
SPOOL = 1 << 18  # ids handled at a time
FEW, MANY = 500, 4_500  # words `--min-count auto` aims at; more make a page of over 1.5 MB
BATCH = 1 << 18  # bytes tokenised at a time
PACKED = 3  # times as long as a compressed text is what it holds, about
PARALLEL_READING = 2 << 20  # bytes; from here on several processes read faster than one
MAX_READERS = 4  # one process numbers the words; it keeps up with about as many that split

_ASCII = bytes(c | 0x20 if chr(c).isalpha() and c < 0x80 else 0x20 for c in range(256))
_UNICODE = re.compile(r"[^\W\d_]+")
# Up to the last place that ends no sentence: a space behind a word, but for a sign such as a comma, and before another
_INSIDE = re.compile(r".*\w[^\s.?!]{0,3}[ \t]+(?=\S)", re.DOTALL)
_SPACE = re.compile(r".*\s(?=\S)", re.DOTALL)


@dataclass
class Facts:
    """What was counted in a text; sha256 is of its bytes."""

    lines: int = 0
    sentences: int = 0
    empty_sentences: int = 0
    split_sentences: int = 0
    words: int = 0
    different_words: int = 0
    replaced_bytes: int = 0
    sha256: str = ""


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
    facts: Facts


class Numbering:
    """Numbers words in the order of first appearance, and counts what it is given.

    words: the different words so far; the place of each is its number. ids: the numbers of the words since they were
    last taken out, `END` after each sentence.
    """

    def __init__(self) -> None:
        """Know no word yet."""
        self.words: defaultdict[bytes, int] = defaultdict()
        self.words.default_factory = self.words.__len__  # a new word's id is the number of words before it
        self.ids = array("i")
        self.facts = Facts()
        self._digest = hashlib.sha256()
        self._ended = True  # the text so far ends with a line

    def add(self, batch: bytes, sentences: list[list[bytes]], replaced: int) -> None:
        """Take in a batch of text, its sentences, and how many bad sequences in it were replaced."""
        facts, ids, known = self.facts, self.ids, self.words.__getitem__
        self._digest.update(batch)
        self._ended = batch.endswith(b"\n")
        facts.lines += batch.count(b"\n")
        facts.sentences += len(sentences)
        facts.replaced_bytes += replaced
        for words in sentences:
            facts.words += len(words)
            facts.empty_sentences += not words
            facts.split_sentences += len(words) > MAX_SENTENCE
            for begin in range(0, len(words), MAX_SENTENCE):
                ids.extend(map(known, words[begin : begin + MAX_SENTENCE]))
                ids.append(END)

    def finish(self) -> Facts:
        """Return the counts of the whole text."""
        self.facts.lines += not self._ended
        self.facts.different_words = len(self.words)
        self.facts.sha256 = self._digest.hexdigest()
        return self.facts


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


def in_word(character: str) -> bool:
    """Return whether a word may go on with it: a letter, or a mark that NFC makes one letter with that before it."""
    return unicodedata.category(character)[0] in "LM"


def place_to_cut(raw: bytes) -> int:
    """Return where to cut a line that is too long: behind its last space, else between words, else characters."""
    if cut := raw.rfind(b" ") + 1:
        return cut
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(raw)
    whole = raw[: len(raw) - len(decoder.getstate()[0])]  # without the beginning of a character at its end
    text = whole.decode(errors="surrogateescape")
    cut = next((at for at in range(len(text), 0, -1) if not in_word(text[at - 1])), len(text))
    return len(text[:cut].encode(errors="surrogateescape")) or len(raw)


def read_pieces(source: BinaryIO, limit: int = MAX_LINE) -> Iterator[bytes]:
    """Yield the lines of `source`; a longer line than `limit` bytes in pieces that are not much longer.

    They end where a word does, or, in a word of `limit` bytes, where a character does.
    """
    rest = b""
    while chunk := source.readline(limit):
        piece = rest + chunk
        rest = b""
        if not chunk.endswith(b"\n") and len(chunk) == limit:
            cut = place_to_cut(piece)
            piece, rest = piece[:cut], piece[cut:]
        yield piece
    if rest:
        yield rest


def read_batches(source: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of `source` in batches of about BATCH bytes that end where a line does, or a piece of one.

    No batch holds two pieces of a line: what is made of them must not depend on what is before them.
    """
    batch: list[bytes] = []
    size = 0
    for piece in read_pieces(source):
        batch.append(piece)
        size += len(piece)
        if size >= BATCH or not piece.endswith(b"\n"):
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
        return [self.to_words(sentence) for line in lines for sentence in self.sentences(line)], bad

    def sentences(self, line: str) -> list[str]:
        """Return the sentences of a line, which punkt is given in pieces of at most MAX_PIECE characters.

        No sentence ends at a space behind a word without a full stop, and punkt looks no further than to the words
        beside one. So a line is cut there and put together again, and comes out as if it had been whole.
        """
        found: list[str] = []
        between: str | None = None  # the space behind a sentence that goes on in the next piece
        while len(line) > MAX_PIECE:
            head = line[:MAX_PIECE]
            inside = _INSIDE.match(head)
            cut = inside or _SPACE.match(head)  # at every space a sentence may end: one does at the last
            piece = cut.group() if cut else head
            between = self._add(found, piece, between, goes_on=inside is not None or cut is None)
            line = line[len(piece) :]
        self._add(found, line, between, goes_on=False)
        return found

    def _add(self, found: list[str], piece: str, between: str | None, *, goes_on: bool) -> str | None:
        """Add the sentences of a piece to `found`; return what is `between` them and the next, None where they end."""
        sentences = self.to_sentences(piece)
        if not sentences:
            return None if between is None else between + piece
        if between is not None:
            sentences[0] = found.pop() + between + sentences[0]
        found += sentences
        return piece[len(piece.rstrip()) :] if goes_on else None


def tokeniser(*, unicode: bool) -> Tokeniser:
    """Return what splits by punkt. Raises `Vec2pcaError` where punkt's data is missing."""
    return Tokeniser(load_punkt(), unicode_words if unicode else ascii_words)


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
    source: Source, *, unicode: bool = False, workers: int | None = 1, progress: Progress | None = None
) -> Corpus:
    """Read `source` (UTF-8 text; a line end ends a sentence) into a `Corpus`, the same for any number of `workers`.

    Memory holds the different words, not the text. Raises `Vec2pcaError` when there are no words.
    """
    numbering, size = Numbering(), source.size
    facts = numbering.facts
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the memory map below

    tokenise = tokeniser(unicode=unicode)
    processes = reading_processes(size if source.kind == "plain" else size * PACKED, workers)
    for batch, (sentences, bad) in tokenised(tokenise, read_batches(as_file(source.blocks())), processes):
        numbering.add(batch, sentences, bad)
        numbering.ids.tofile(spool)
        del numbering.ids[:]
        if progress:
            progress("read", min(source.done, size - 1), size, sentences=facts.sentences, words=facts.words)
    numbering.finish()
    if not facts.words:
        why = "" if size else ": it is empty"
        raise Vec2pcaError(f"{source.name} holds no words{why}. Give a text file, one review (or paragraph) a line.")
    if progress:
        progress("read", size, size, sentences=facts.sentences, words=facts.words)
    spool.flush()
    stored: NDArray[np.int32] = np.memmap(spool, dtype=np.int32, mode="r")
    words = [word.decode() for word in numbering.words]
    return Corpus(words=words, counts=count(stored, len(words)), ids=stored, facts=facts)


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

    Raises `Vec2pcaError` when fewer than `components` words are left.
    """
    order = np.argsort(-corpus.counts, kind="stable")  # ties stay in the order of appearance, as in gensim
    size, min_count = choose_size(corpus.counts[order], min_count, components)
    return order[:size], min_count


def choose_size(ranked: NDArray[np.int64], min_count: int | None, components: int) -> tuple[int, int]:
    """Return how many words occur often enough, and the min_count used; `ranked` are all counts, the largest first.

    min_count None chooses: 200 (the original's) where that leaves FEW to MANY words, otherwise the count of the
    FEW-th or the MANY-th word, but at least 5. Raises `Vec2pcaError` when fewer than `components` words are left.
    """
    if min_count is None:
        few, many = (int(ranked[min(rank, len(ranked)) - 1]) for rank in (FEW, MANY))
        min_count = max(5, min(200, few), many if len(ranked) > MANY else 0)
    size = int(np.searchsorted(-ranked, -min_count, side="right"))
    if size < components:
        found = f"{ranked.sum():,} words, {len(ranked):,} different; {size:,} occur at least {min_count} times"
        if len(ranked) >= components:
            works = int(ranked[components - 1])
            advice = f"The largest --min-count that would work is {works}"
            advice += "" if works > 1 else " (too little text for vectors that mean anything)"
        else:
            advice = f"Give more text, or --components {len(ranked)} --min-count 1"
        raise Vec2pcaError(f"too little text: {found}, but {components} components need {components} words. {advice}.")
    return size, min_count
