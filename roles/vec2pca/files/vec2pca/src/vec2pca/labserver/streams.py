"""The standard streams, and other descriptors that a shell hands on, as files: `-`, /dev/stdout, /dev/fd/63."""

from __future__ import annotations

import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Callable

from .errors import explain

_NAMES = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]+)")


def descriptor(path: Path, standard: int) -> int | None:
    """Return the descriptor that `path` stands for: `standard` for `-`; None for a file."""
    if str(path) == "-":
        return standard
    match = _DESCRIPTOR.fullmatch(str(path))
    return int(match[1]) if match else _NAMES.get(str(path))


@contextmanager
def seekable(path: Path) -> Iterator[Path]:
    """Give a file that can be read from its beginning, perhaps twice: `path`, or what comes from the stream it is.

    That is kept in the folder for temporary files; on Linux without a name, so nothing is left where the run is killed.
    """
    stream = descriptor(path, 0)
    if stream is None:
        yield path
        return
    # Only Linux opens /dev/fd/N anew, from its beginning
    linux = sys.platform == "linux"
    with tempfile.TemporaryFile() if linux else tempfile.NamedTemporaryFile() as kept:
        with _opened(stream, "rb") as given:
            shutil.copyfileobj(given, kept, 1 << 20)
        kept.flush()
        yield Path(f"/dev/fd/{kept.fileno()}" if linux else kept.name)


def shown(path: Path) -> str:
    """Return how messages call an input."""
    return "the standard input" if descriptor(path, 0) == 0 else str(path)


@contextmanager
def output(stream: int) -> Iterator[BinaryIO]:
    """Give a descriptor as a file to write to; what `print` wrote before comes first."""
    if stream == 1 and sys.stdout:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.flush()
    else:
        with _opened(stream, "wb") as out:
            yield out


def _opened(stream: int, mode: str) -> Any:
    """Open a descriptor that the shell handed on; Python's own error names none."""
    try:
        return open(stream, mode, closefd=False)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"/dev/fd/{stream}") from error


def run_program(main: Callable[[], int]) -> int:
    """Run a command-line program and return its exit code; without a word more where its reader has gone (`| head`).

    The standard output is written out here: Python would do it at its own end, and fail with a traceback. argparse
    passes over an output that cannot be written to: no help is longer than the buffer, also with PYTHONUNBUFFERED.
    """
    if not sys.stdout:  # it was closed
        return _exit_code(main)
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    code = 0
    try:
        with open(1, "w", buffering=1 << 20, encoding=encoding, errors=errors, closefd=False) as sys.stdout:
            code = _exit_code(main)
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    except OSError as error:
        if code == 0:  # else it was told
            path = Path(sys.argv[0])
            program = path.parent.name if path.name == "__main__.py" else path.name
            print(f"{program}: error: {explain(error)}", file=sys.stderr)
        return code or 1
    return code


def _exit_code(main: Callable[[], int]) -> int:
    try:
        return main()
    except SystemExit as end:  # of argparse
        return end.code if isinstance(end.code, int) else int(end.code is not None)
