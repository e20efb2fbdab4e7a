"""A Python virtual environment of ours: what works in it, and how it is made, whatever the surroundings say.

Of pip's settings those count that say where packages come from and how to get there; all others, and what Python and uv
read from the environment, would install to other places, or not at all.
"""

from __future__ import annotations

import csv
import importlib.machinery
import importlib.metadata
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .download.answer import SourceError
from .download.index import pip_settings
from .errors import LabError
from .own_folder import OwnFolder

_PATHS = """\
import json, os, sys, sysconfig
base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
print(json.dumps([base, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
"""
# What is the user's choice: the source of the packages, and the way to it
_PIP_KEPT = (
    "cert",
    "client-cert",
    "default-timeout",
    "extra-index-url",
    "find-links",
    "index-url",
    "keyring-provider",
    "no-index",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
)
_UV_KEPT = (
    "UV_CACHE_DIR",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX",
    "UV_FIND_LINKS",
    "UV_HTTP",
    "UV_INDEX",
    "UV_INSECURE",
    "UV_KEYRING",
)
_TRUE = ("1", "true", "yes", "on", "y", "t")  # for pip
# In the words of pip, which warns of each try and may yet fail for another reason, and of uv
_NO_CONNECTION = re.compile(
    "(NewConnection|ConnectTimeout|ReadTimeout|Proxy)Error.*(No matching distribution|Max retries exceeded)"
    "|Max retries exceeded.*(NewConnection|ConnectTimeout|ReadTimeout|Proxy)Error"
    "|error sending request",
    re.DOTALL,
)
_OUT_OF_REACH = (
    "This host cannot reach the package index: let it through the network or the proxy, or set `index_url` to one that"
    " it reaches."
)
_CHANGES = re.compile("Installed|Uninstalled|Would (install|uninstall|download)")


def problem(path: Path, interpreter: str, imports: Sequence[str]) -> str:
    """Return why the environment does not work; empty when it does. Raises LabError when no environment can be made.

    A working environment runs on this interpreter, has all files of its packages in full, readable by everybody, and
    the modules `imports`. To import them would show less and take ten times as long.
    """
    _, reason = _run(interpreter, "-I", "-c", "import venv")
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
    return _damaged_file(path, folders) or (f"it has no module {missing[0]}" if missing else "")


def version(path: Path) -> str:
    """Return the version of Python that an environment says it has; empty where there is none."""
    with suppress(OSError):
        found = re.search(
            r"^version(?:_info)? *= *(\S+)", (path / "pyvenv.cfg").read_text(encoding="utf-8"), re.MULTILINE
        )
        return found[1] if found else ""
    return ""


def closed_folder(path: Path) -> str:
    """Return the folder, of those that lead to a path, that not everybody may enter; empty where there is none."""
    ways = [folder for folder in (path, *path.parents) if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH]
    return str(ways[-1]) if ways else ""


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what changes where Python, pip and uv look and install."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("PIP_", "PYTHON", "UV_", "VIRTUAL_ENV", "CONDA_")) or name.startswith(_UV_KEPT)
    }
    return {**kept, "LC_ALL": "C.UTF-8"}


def pip_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which pip gets those of its settings that are the user's choice, and no others."""
    kept = {f"PIP_{name.upper().replace('-', '_')}": settings[name] for name in _PIP_KEPT if settings.get(name)}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}


def uv_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the same for uv, which reads neither pip.conf nor PIP_*."""
    extra = settings.get("extra-index-url", "").split()
    found = {
        "UV_DEFAULT_INDEX": settings.get("index-url", ""),
        "UV_INDEX": " ".join(extra),
        # As pip does; the hashes decide what may be installed
        "UV_INDEX_STRATEGY": "unsafe-best-match" if extra else "",
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "UV_INSECURE_HOST": " ".join(settings.get("trusted-host", "").split()),
        "UV_HTTP_TIMEOUT": settings.get("timeout") or settings.get("default-timeout") or "",
        "SSL_CERT_FILE": settings.get("cert", ""),
        "SSL_CLIENT_CERT": settings.get("client-cert", ""),
        **{name: settings.get("proxy", "") for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")},
    }
    return {"UV_SYSTEM_CERTS": "1", **{name: value for name, value in found.items() if value}}


@dataclass
class PythonEnvironment:
    """An environment in a folder that is all ours; in check mode nothing is changed."""

    folder: OwnFolder
    interpreter: str
    index_url: str = ""  # in place of that of pip's settings
    check: bool = False
    compile: bool = False  # to byte code

    @property
    def python(self) -> str:
        """Its Python."""
        return str(self.folder.path / "bin" / "python")

    def create(self, installer: str) -> None:
        """Create it anew, with uv as the requirements `installer` say."""
        self.folder.ensure(whole=True)
        self.folder.clear()
        if not self.check:
            self._command([self.interpreter, "-I", "-m", "venv", str(self.folder.path)], {})
            command = [self.python, "-I", "-m", "pip", "install", "--require-hashes", "--requirement=/dev/stdin"]
            self._command(command, pip_environment(self.settings()), installer)

    def install(self, requirements: str, *, isolated: bool = True) -> bool:
        """Install what `requirements` say, with their hashes; return whether anything changed, or would.

        Where not `isolated`, sources are built with what is installed, and nothing without a hash is fetched for it.
        """
        command = [str(self.folder.path / "bin" / "uv"), "pip", "install", f"--python={self.python}", "--no-cache"]
        command += ["--no-config", "--require-hashes", "--requirement=-"]
        command += [] if isolated else ["--no-build-isolation"]
        settings = self.settings()
        command += ["--no-index"] if settings.get("no-index", "").lower() in _TRUE else []
        command += ["--dry-run"] if self.check else ["--compile-bytecode"] if self.compile else []
        return bool(_CHANGES.search(self._command(command, uv_environment(settings), requirements)))

    def settings(self) -> dict[str, str]:
        """Return the settings of its pip."""
        try:
            found = pip_settings(self.python)
        except SourceError:
            found = {}
        return {**found, "index-url": self.index_url} if self.index_url else found

    def _command(self, command: list[str], variables: Mapping[str, str], text: str = "") -> str:
        """Run a program, with temporary files on the disk of the environment: /tmp may be small, or noexec."""
        temporary = self.folder.path / "tmp"
        environment = {**clean_environment(os.environ), **variables}
        if not self.check:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            environment["TMPDIR"] = str(temporary)
        try:
            answer = subprocess.run(
                command, env=environment, input=text, capture_output=True, text=True, errors="replace", check=False
            )
        finally:
            if not self.check:
                shutil.rmtree(temporary, ignore_errors=True)
        if answer.returncode:
            said = answer.stderr.strip() or answer.stdout.strip()
            fix = [_OUT_OF_REACH] if _NO_CONNECTION.search(said) else []
            raise LabError("\n".join([f"{' '.join(command[:5])} ... failed:", *said.splitlines()[-20:], *fix]))
        return answer.stderr


def _run(*command: str) -> tuple[str, str]:
    """Return what a command prints, and the reason why it does not run; one of them is empty."""
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        return "", error.strerror or str(error)
    if answer.returncode:
        return "", (answer.stderr.strip().splitlines() or ["no message"])[-1]
    return answer.stdout, ""


def _damaged_file(environment: Path, folders: list[str]) -> str:
    """Return which file of a package is not there in full, or cannot be read by everybody."""
    ways: set[Path] = {environment / "bin"}
    for distribution in importlib.metadata.distributions(path=folders):
        # Not its `files`, which since Python 3.13 leave out those that are missing
        for name, _, size in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
            path = Path(str(distribution.locate_file(name)))
            status = None
            with suppress(OSError):
                status = path.stat()
            # Not all that is installed has a size on record, as byte code has not
            if size and (status is None or status.st_size != int(size)):
                return f"{path} is damaged"
            if status is None:
                continue
            if not status.st_mode & stat.S_IROTH:
                return f"{path} can only be read by its owner"
            ways.add(path.parent)
    closed = next((folder for folder in sorted(ways) if not folder.stat().st_mode & stat.S_IXOTH), None)
    return f"{closed} can only be entered by its owner" if closed else ""
