"""The text of many parts as numbers: read where the parts are, put in order by Spark, the vocabulary on the driver."""

from __future__ import annotations

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vec2pca.cluster.choice import choose, split
from vec2pca.cluster.inputs import Part
from vec2pca.cluster.reading import (
    Bits,
    Chosen,
    Failure,
    Reading,
    Record,
    Total,
    count_lines,
    earlier,
    on_host,
    read_parts,
    totals_of,
    words_of,
)
from vec2pca.cluster.session import Session
from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.errors import LabError
from vec2pca.labserver.reviews.extraction import loose_records
from vec2pca.labserver.sampling.draws import Draw
from vec2pca.settings import Settings
from vec2pca.text import END, Corpus, Facts, choose_size

LEAST = 5  # the smallest min_count that is chosen from the text
SLICE = 4 << 20  # words of a slice that comes to the driver

Key = tuple[int, int, int]  # slice, part, number of the piece in the part: the order of the text


@dataclass(frozen=True)
class Vocabulary:
    """The words that occur often enough, most frequent first, and how often; min_count is the one used."""

    words: list[bytes]
    counts: NDArray[np.int64]
    min_count: int


@dataclass(frozen=True)
class Text:
    """A text in parts on the cluster: an RDD of `Record`, kept on the executors' disks.

    facts: of the whole text. words: of each part. left_out: bad records; bad_record: the first of them. warnings: what
    was passed over.
    """

    records: Any
    facts: Facts
    words: list[int]
    left_out: int
    bad_record: str
    warnings: list[str]


def count_parts(session: Session, parts: Sequence[Part]) -> list[int]:
    """Return the lines of each part."""

    def count(own: Iterable[Part]) -> Iterator[int | Failure]:
        for part in own:
            try:
                yield count_lines(part)
            except LabError as error:
                yield Failure(on_host(error))

    with session.phase("count lines"):
        counted = session.context.parallelize(parts, len(parts)).mapPartitions(session.timed(count)).collect()
    refuse_failures(counted)
    return list(counted)


def draw_lines(session: Session, parts: Sequence[Part], draw: Draw) -> list[Bits]:
    """Return for each part which of its lines are drawn from the whole text. Raises Vec2pcaError where none are."""
    lines = count_parts(session, parts)
    if not draw.size(sum(lines)):
        raise Vec2pcaError(f"--fraction {draw.fraction} of {sum(lines):,} lines is no line: raise it")
    return list(split(choose(draw, sum(lines)), lines))


def lines_in_order(session: Session, parts: Sequence[Part], bits: Sequence[Bits]) -> Iterator[bytes]:
    """Yield the lines that are taken as they are in the files, in blocks, in the order of the text."""
    tasks = session.context.parallelize(list(zip(parts, bits, strict=True)), len(parts))
    blocks: Iterator[bytes] = tasks.flatMap(lambda task: Chosen(*task).whole_lines()).toLocalIterator()
    return blocks


def read(session: Session, parts: Sequence[Part], bits: Sequence[Bits], reading: Reading) -> Text:
    """Read all parts. Raises Vec2pcaError for the first that cannot be read, and for a text without words."""
    from pyspark import StorageLevel

    tasks = [(index, part, chosen) for index, (part, chosen) in enumerate(zip(parts, bits, strict=True))]
    words = session.words
    read_own = session.timed(lambda own: read_parts(own, reading, words.add))
    records = session.context.parallelize(tasks, len(tasks)).mapPartitions(read_own)
    records.persist(StorageLevel.DISK_ONLY)  # so that memory is needed for one piece at a time
    with session.phase("read") as note:
        ends = dict(records.mapPartitions(totals_of).collect())
        totals = [ends[index] for index in range(len(parts))]
        refuse_failures(totals)
        facts = whole([total.facts for total in totals])
        note["words"] = facts.words
    if not facts.words:
        raise Vec2pcaError("the files hold no words: check that they are the right ones")
    bad = next((total.bad_record for total in totals if total.bad_record), "")
    warnings = [warning for total in totals for warning in total.warnings]
    if loose := sum(total.loose for total in totals):
        warnings.append(loose_records(loose))
    left_out = sum(total.left_out for total in totals)
    return Text(records, facts, [total.facts.words for total in totals], left_out, bad, warnings)


def refuse_failures(results: Iterable[Any]) -> None:
    """Raise Vec2pcaError for the first part that could not be read."""
    for result in results:
        if isinstance(result, Failure):
            raise Vec2pcaError(result.message)


def whole(parts: Sequence[Facts]) -> Facts:
    """Add up the counts of parts. The digest is that of the text where it is one part, else that of the digests."""
    facts = Facts(**{one.name: sum(getattr(part, one.name) for part in parts) for one in fields(Facts)[:-1]})
    digests = [part.sha256 for part in parts]
    facts.sha256 = digests[0] if len(digests) == 1 else sha256("\n".join(digests).encode()).hexdigest()
    return facts


def choose_words(session: Session, text: Text, settings: Settings) -> Vocabulary:
    """Choose the vocabulary as one machine does: by counts, equal ones in the order of first appearance."""
    floor = settings.min_count or LEAST

    def summary(words: Iterable[tuple[bytes, Any]]) -> Iterator[tuple[Counter[int], list[tuple[bytes, Any]]]]:
        found = list(words)
        yield Counter(place[0] for _, place in found), [entry for entry in found if entry[1][0] >= floor]

    with session.phase("vocabulary"):
        merged = text.records.mapPartitions(session.timed(words_of)).reduceByKey(
            earlier, session.context.defaultParallelism
        )
        histogram: Counter[int] = Counter()
        frequent: list[tuple[bytes, tuple[int, int, int]]] = []
        for counted, words in merged.mapPartitions(session.timed(summary)).collect():
            histogram.update(counted)
            frequent += words
    ranked = sorted(histogram.items(), reverse=True)
    text.facts.different_words = sum(histogram.values())
    occurrences, numbers = (np.array(column, np.int64) for column in zip(*ranked, strict=True))
    size, min_count = choose_size(np.repeat(occurrences, numbers), settings.min_count, settings.components)
    frequent.sort(key=lambda entry: (-entry[1][0], entry[1][1:]))
    chosen = frequent[:size]
    return Vocabulary([word for word, _ in chosen], np.array([place[0] for _, place in chosen], np.int64), min_count)


def slice_text(session: Session, text: Text, vocabulary: Vocabulary, number: int) -> Any:
    """Return an RDD of `number` partitions: slices of the text of about as many words each, in order.

    Its elements are (Key, ids): whole sentences, int32, END after each; an id is the row in the vocabulary, or its
    size for a word that is not in it.
    """
    rows = session.context.broadcast({word: row for row, word in enumerate(vocabulary.words)})
    begins = np.cumsum([0, *text.words])[:-1].tolist()
    total = text.facts.words

    def cut(records: Iterable[Record]) -> Iterator[tuple[Key, bytes]]:
        return cut_slices(records, rows.value, begins, total, number)

    return text.records.mapPartitions(session.timed(cut)).repartitionAndSortWithinPartitions(number, lambda key: key[0])


def cut_slices(
    records: Iterable[Record], rows: Mapping[bytes, int], begins: Sequence[int], total: int, number: int
) -> Iterator[tuple[Key, bytes]]:
    """Yield the pieces of parts that lie in one slice each. A sentence is in the slice in which it begins.

    begins: the words before each part; total: those of the whole text.
    """
    for part, own in groupby(records, itemgetter(0)):
        place, piece, at = array("i"), 0, begins[part]
        for _, record in own:
            if isinstance(record, Failure):
                raise Vec2pcaError(record.message)
            if isinstance(record, Total):
                continue
            place.extend(rows.get(word, len(rows)) for word in record.words)
            local = np.frombuffer(record.ids, np.int32)
            ends = np.flatnonzero(local == END) + 1
            if not len(ends):
                continue
            ids = np.append(np.array(place, np.int32), np.int32(END))[local]  # END, -1, is the last
            upto = at + np.cumsum(local >= 0)[ends - 1]
            slices = np.minimum(np.append(at, upto[:-1]) * number // total, number - 1)
            at = int(upto[-1])
            cuts = [0, *(np.flatnonzero(np.diff(slices)) + 1).tolist(), len(ends)]
            for first, last in pairwise(cuts):
                begin = int(ends[first - 1]) if first else 0
                yield (int(slices[first]), part, piece), ids[begin : ends[last - 1]].tobytes()
                piece += 1


def collect(session: Session, text: Text, vocabulary: Vocabulary) -> Corpus:
    """Return the text as one machine reads it: all ids in order, in an unnamed temporary file of the driver."""
    number = -(-text.facts.words // SLICE)
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the memory map below
    with session.phase("collect"):
        for _, ids in slice_text(session, text, vocabulary, number).toLocalIterator(prefetchPartitions=True):
            spool.write(ids)
        spool.flush()
    words = [word.decode() for word in vocabulary.words]
    stored: NDArray[np.int32] = np.memmap(spool, dtype=np.int32, mode="r")
    # the last word stands for all that are not in the vocabulary
    return Corpus([*words, ""], np.append(vocabulary.counts, 0), stored, text.facts)
