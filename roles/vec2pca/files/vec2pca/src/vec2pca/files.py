"""Input and output files: every problem is found before the work starts, every output written whole or not at all."""

from __future__ import annotations

import glob
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from vec2pca.errors import Vec2pcaError

SUFFIX = ".vec2pca.tmp"


def check_input(path: Path, what: str = "input") -> None:
    """Raise `Vec2pcaError` unless `path` is a file that can be read; `what` names it in the error."""
    if not path.exists():
        msg = f"{what} {path} does not exist"
    elif not path.is_file():
        msg = f"{what} {path} is not a file"
    elif not os.access(path, os.R_OK):
        msg = f"{what} {path} cannot be read: permission denied"
    else:
        return
    raise Vec2pcaError(msg)


def check_output(path: Path) -> None:
    """Raise `Vec2pcaError` unless `path` can be written. Called before the training, not after it."""
    folder = path.resolve().parent
    if path.is_dir():
        msg = f"output {path} is a folder: name a file in it"
    elif not folder.is_dir():
        msg = f"the folder of the output, {folder}, does not exist. Make it: mkdir -p {folder}"
    elif not os.access(folder, os.W_OK | os.X_OK):
        msg = f"the folder of the output, {folder}, cannot be written to: permission denied"
    else:
        return
    raise Vec2pcaError(msg)


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` by way of a temporary file beside it: a reader sees the old file or the new one.

    A new file gets the usual permissions, a replaced one keeps its own. A symbolic link is followed. What a run that
    was killed while it wrote left behind is removed.
    """
    target = path.resolve()
    for left in target.parent.glob(f".{glob.escape(target.name)}.*{SUFFIX}"):
        left.unlink(missing_ok=True)
    umask = os.umask(0)
    os.umask(umask)
    mode = target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~umask
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=SUFFIX, dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not have: no other program could read what we write."""
    raise ValueError(f"{name} is no number of JSON")


def read_object(path: Path, what: str) -> dict[str, Any]:
    """Return the JSON object in the file `path`; `what` names it in the error."""
    check_input(path, what)
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
    except ValueError as error:
        raise Vec2pcaError(f"{what} {path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Vec2pcaError(f"{what} {path} is not a JSON object")
    return value
