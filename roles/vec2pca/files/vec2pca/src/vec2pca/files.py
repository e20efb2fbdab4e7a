"""Input and output files: every problem is found before the work starts, every output written whole or not at all."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.content.source import Source
from vec2pca.labserver.files import replacing
from vec2pca.labserver.streams import descriptor, output

MAX_DIGITS = 300  # of a whole number in JSON
MAX_DEPTH = 100  # of objects and lists in each other
_SURROGATE = re.compile("[\ud800-\udfff]")


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all, as `write_blocks` does."""
    write_blocks(path, [text.encode()])


def write_blocks(path: Path, blocks: Iterable[bytes]) -> None:
    """Write `blocks` to `path`, a file or `-`, by way of a file beside it: a reader sees the old file or the new one.

    A new file gets the usual permissions, a replaced one keeps its own.
    """
    stream = descriptor(path, 1)
    if stream is not None:
        with output(stream) as out:
            out.writelines(blocks)
        return
    with replacing(path.absolute()) as part:
        part.writelines(blocks)


def readable(text: str) -> str:
    """Return `text` without what UTF-8 cannot hold: bytes of a command line that are not UTF-8 come as surrogates."""
    return _SURROGATE.sub("\ufffd", text)


def refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not have: no other program could read what we write."""
    raise ValueError(f"{name} is no number of JSON")


def finite(digits: str) -> float:
    """Return a number; one that is too large would be infinite."""
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def whole(digits: str) -> int:
    """Return a whole number; most programs cannot hold one that is larger than every number with a fraction."""
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has {len(digits):,} digits")
    return int(digits)


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that is there twice, Python would keep the last without a word."""
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return value


def refuse_depth(value: Any) -> None:
    """Refuse what is nested so deep that showing it would exceed the recursion limit of Python."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
        level = [part for part in inner if isinstance(part, (dict, list))]
        if not level:
            return
    raise ValueError(f"it is nested more than {MAX_DEPTH} deep")


def parse(raw: bytes) -> Any:
    """Return the value of strict JSON, in UTF-8 with or without a byte order mark. Raises ValueError."""
    text = raw.decode("utf-8-sig")
    try:
        value = json.loads(
            text, parse_constant=refuse_constant, parse_float=finite, parse_int=whole, object_pairs_hook=each_once
        )
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep") from None
    refuse_depth([value])
    if "\\u" in text and (half := _SURROGATE.search(json.dumps(value, ensure_ascii=False))):
        raise ValueError(f"\\u{ord(half.group()):x} is half of a character")
    return value


def read_object(path: Path, what: str) -> dict[str, Any]:
    """Return the JSON object in the file `path`, which may be compressed; `what` names it in the error."""
    source = Source(path, f"{what} {path}")
    try:
        value = parse(b"".join(source.blocks()))
    except UnicodeDecodeError as error:
        msg = f"{what} {path} is not UTF-8 (byte {error.start:,}). Convert it with iconv"
    except ValueError as error:
        msg = f"{what} {path} is not JSON: {error}. Correct the file, or make it again"
    else:
        if isinstance(value, dict):
            return value
        msg = f"{what} {path} is not a JSON object"
    raise Vec2pcaError(msg)
