"""Random damage to files that readers are given: an answer or an error in our words, and never half a file."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ansible.module_utils.labserver.content.codecs import optional
from ansible.module_utils.labserver.content.source import Source
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.reviews.csv_import import ImportRequest
from ansible.module_utils.labserver.reviews.output import OutputRequest, make
from ansible.module_utils.labserver.reviews.sample import SampleRequest
from ansible.module_utils.labserver.reviews.text import TextRequest

SECONDS = float(os.environ.get("LABSERVER_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("LABSERVER_FUZZ_SEED", "1"))

WORDS = [
    *("good", "caf\u00e9", "\u4e2d\u6587", '"', "'", ",", "\\", "\u2028", "\0"),
    *("<br />", "<![ ", "<a href='", "&amp;", "&#xD800;"),
]
TOKENS = [
    *(b"", b"\n", b"\r", b"\r\n", b"\0", b'"', b'""', b"'", b",", b"-", b"{", b"}", b"[" * 300, b"x" * 9000),
    *(b"NaN", b"1e999", b"9" * 4999, b"{'reviewText': 'a'}", b"\\ud800", b"\\"),
    *(b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
    *(b"<![CDATA[", b"<!--", b"</", b"&#99999999999;"),
]
# Not within a text: a sample of its lines may begin with one
BEGINNINGS = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh91AY&SY", b"\xfd7zXZ\0", b"PK\x03\x04"]
UNPACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


def text(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=random.randrange(9)))


def records(random: Random) -> bytes:
    made: list[dict[str, Any]] = [
        {"reviewText": text(random), "overall": random.random(), "text": text(random)}
        for _ in range(random.randrange(40))
    ]
    return "".join(random.choice([json.dumps, repr])(one) + "\n" for one in made).encode()


def table(random: Random) -> bytes:
    rows = ["text,label", *(f'"{text(random)}",{random.randrange(9)}' for _ in range(random.randrange(40)))]
    return "\n".join(rows).encode()


def damaged(random: Random, content: bytes, tokens: list[bytes]) -> bytes:
    """Change some bytes."""
    for _ in range(random.choice([0, 0, 1, 1, 2, 9])):
        at, length = random.randrange(len(content) + 1), random.choice([0, 1, 5, 99])
        content = content[:at] + random.choice(tokens) + content[at + length :]
    return content[: random.randrange(len(content) + 1)] if random.random() < 0.1 else content


def packed(random: Random, content: bytes) -> bytes:
    pack: list[Callable[[bytes], bytes]] = [bytes, bytes, gzip.compress, bz2.compress, lzma.compress]
    if zstandard := optional("zstandard"):
        pack.append(zstandard.ZstdCompressor().compress)
    return random.choice(pack)(content)


def request(random: Random, src: Path, folder: Path) -> OutputRequest:
    """Return a request of any of the modules."""
    dest = folder / ("out" + random.choice(["", ".json", ".gz", ".bz2", ".xz"]))
    skip: dict[str, Any] = random.choice(
        [{}, {"on_error": "skip"}, {"on_error": "skip"}, {"on_error": "skip", "max_errors": 3}]
    )
    html = random.random() < 0.5
    return random.choice(
        [
            SampleRequest(src, dest, fraction=random.choice([1.0, 0.5, 0.01]), seed=random.randrange(9)),
            SampleRequest(src, dest, count=1 + random.randrange(5)),
            TextRequest(src, dest, fields=random.choice([["reviewText"], ["text", "reviewText"]]), html=html, **skip),
            ImportRequest(
                src, dest, fields={"overall": "label"}, numbers=random.choice([[], ["overall"]]), html=html, **skip
            ),
        ]
    )


def attempt(asked: OutputRequest) -> tuple[dict[str, Any] | None, str]:
    """Return what was made, or why nothing was."""
    try:
        return make(asked), ""
    except LabError as error:
        return None, str(error)


def check_output(asked: OutputRequest, made: dict[str, Any]) -> None:
    """Check that a reader of ours reads what was made, and that it is what was counted."""
    if isinstance(asked, SampleRequest):  # lines as they were, whatever they are
        content = UNPACK.get(asked.dest.suffix, bytes)(asked.dest.read_bytes())
    else:
        content = b"".join(Source(asked.dest).blocks())
    lines = content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
    assert lines == made.get("written", made.get("sampled", made["lines"]))
    if isinstance(asked, ImportRequest):
        for line in content.splitlines():
            json.loads(line, parse_constant=lambda name: pytest.fail(f"wrote {name}"))
    if isinstance(asked, TextRequest):
        content.decode()
        assert made["lines"] == made["written"] + made["left_out"] + made["blank"]


def test_readers_answer_or_name_what_is_wrong(tmp_path: Path) -> None:
    random = Random(SEED)
    until = time.monotonic() + SECONDS
    folder = tmp_path / "folder"
    folder.mkdir()
    src = tmp_path / "src"
    ends = {"made": 0, "refused": 0}
    while time.monotonic() < until or min(ends.values()) < 9:
        content = damaged(random, random.choice([records, records, table])(random), TOKENS)
        content = packed(random, content)
        again = random.random() < 0.3 and content[:1] not in (b"{", b"t")
        src.write_bytes(damaged(random, content, TOKENS + BEGINNINGS) if again else content)
        asked = request(random, src, folder)
        made, refused = attempt(asked)
        ends["made" if made else "refused"] += 1
        if made:
            check_output(asked, made)
            assert not make(asked)["changed"]
        else:
            assert str(src) in refused
            assert not list(folder.iterdir())
        for path in folder.iterdir():
            assert path.name in (asked.dest.name, f"{asked.dest.name}.manifest.json")
            path.unlink()
