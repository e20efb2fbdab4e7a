"""Inspect a Python virtual environment from outside: which Python it has, and whether its packages are whole."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .download.http import SourceError
from .download.index import pip_settings
from .errors import LabError

_PATHS = """\
import json, os, sys, sysconfig
base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
print(json.dumps([base, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
"""


def problem(path: Path, interpreter: str, imports: Sequence[str]) -> str:
    """Return why the environment does not work; empty when it does. Raises LabError when no environment can be made.

    A working environment runs on this interpreter, has all files of its packages in full, and the modules `imports`.
    To import them would show less and take ten times as long.
    """
    _, reason = _run(interpreter, "-c", "import venv")
    if reason:
        raise LabError(
            f"{interpreter} does not run on this host ({reason}): give the path of a Python 3.10 or later that has its "
            "venv module"
        )
    python = path / "bin" / "python"
    if not python.exists():
        return f"{python} does not exist"
    output, reason = _run(str(python), "-I", "-c", _PATHS)
    if reason:
        return f"{python} does not run: {reason}"
    base, *paths = json.loads(output)
    expected = os.path.realpath(interpreter)
    if base != expected:
        return f"it was made with {base}, not with {expected}"
    folders = sorted(set(paths))
    finder = importlib.machinery.PathFinder()
    missing = [name for name in imports if finder.find_spec(name, folders) is None]
    return _damaged_file(folders) or (f"it has no module {missing[0]}" if missing else "")


def index_url(path: Path) -> str:
    """Return the package index that the environment's pip is configured for; empty for its default, or without pip."""
    try:
        return pip_settings(str(path / "bin" / "python")).get("index-url", "")
    except SourceError:
        return ""


def _run(*command: str) -> tuple[str, str]:
    """Return what a command prints, and the reason why it does not run; one of them is empty."""
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        return "", error.strerror or str(error)
    if answer.returncode:
        return "", (answer.stderr.strip().splitlines() or ["no message"])[-1]
    return answer.stdout, ""


def _damaged_file(folders: list[str]) -> str:
    for distribution in importlib.metadata.distributions(path=folders):
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if file.size is not None and (not path.exists() or path.stat().st_size != file.size):
                return f"{path} is damaged"
    return ""
