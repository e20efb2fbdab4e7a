"""Look at a Python virtual environment from outside: which Python it has, and whether its packages are whole."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .download.http import SourceError
from .download.index import pip_settings
from .errors import LabError

_PATHS = """\
import json, os, sys, sysconfig
base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
print(json.dumps([base, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
"""


@dataclass(frozen=True)
class EnvironmentRequest:
    """An environment, the Python it is to be made with, and the modules that are to be importable."""

    path: Path
    interpreter: str
    imports: tuple[str, ...] = ()


def problem(request: EnvironmentRequest) -> str:
    """Return why the environment does not work; empty when it does. Raises LabError when no environment can be made.

    A finished environment runs on the Python asked for, and has all files of its packages in full. Importing them
    would tell less and take ten times as long.
    """
    _check_interpreter(request.interpreter)
    python = request.path / "bin" / "python"
    if not python.exists():
        return f"{python} does not exist"
    try:
        answer = _run(str(python), "-I", "-c", _PATHS)
    except OSError as error:
        return f"{python} does not run: {error.strerror}"
    if answer.returncode:
        return f"{python} does not run: {(answer.stderr.strip().splitlines() or ['no message'])[-1]}"
    base, *paths = json.loads(answer.stdout)
    expected = os.path.realpath(request.interpreter)
    if base != expected:
        return f"it was made with {base}, not with {expected}"
    folders = sorted(set(paths))
    return _damaged_file(folders) or _missing_module(folders, request.imports)


def index_url(path: Path) -> str:
    """Return the package index that the environment's pip is configured for; empty for its default, or without pip."""
    try:
        return pip_settings(str(path / "bin" / "python")).get("index-url", "")
    except SourceError:
        return ""


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _check_interpreter(interpreter: str) -> None:
    try:
        answer = _run(interpreter, "-c", "import venv")
    except OSError as error:
        why = error.strerror or str(error)
    else:
        why = (answer.stderr.strip().splitlines() or ["no message"])[-1] if answer.returncode else ""
    if why:
        raise LabError(
            f"{interpreter} does not run on this host ({why}): give the path of a Python 3.10 or later that has its "
            "venv module"
        )


def _damaged_file(folders: Sequence[str]) -> str:
    for distribution in importlib.metadata.distributions(path=list(folders)):
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if file.size is not None and (not path.exists() or path.stat().st_size != file.size):
                return f"{path} is damaged"
    return ""


def _missing_module(folders: Sequence[str], names: Sequence[str]) -> str:
    finder = importlib.machinery.PathFinder()
    for name in names:
        if finder.find_spec(name, list(folders)) is None:
            return f"it has no module {name}"
    return ""
