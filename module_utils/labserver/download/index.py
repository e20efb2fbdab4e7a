"""Take one file out of a Python distribution of the host's package index, without running the distribution's code.

Which index, and how to reach it, is what the pip of the host is configured for (pip.conf, PIP_* variables, netrc). The
index is read by the simple repository interface: JSON (PEP 691) where it offers that, else HTML (PEP 503).
"""

from __future__ import annotations

import ast
import hashlib
import json
import netrc
import os
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

from ..files import digest_of
from .address import mask, scrub
from .answer import OutOfReachError, SourceError
from .connection import Network
from .http import fetch, read
from .request import path_of

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_TRUE = ("1", "true", "yes", "on", "y", "t")  # for pip
_PIP_ADVICE = "run the role python_venv first (--tags python_venv), or set `python` to a Python with pip"
_PIP_LIMIT = 600  # seconds; it reads its settings


@dataclass(frozen=True)
class IndexFile:
    """One file that an index lists."""

    name: str
    url: str
    hashes: dict[str, str] = field(default_factory=dict)


def _pip(python: str, *arguments: str) -> str:
    """Return what this Python's pip prints."""
    # One line may be long: help texts are not to be wrapped
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "500"}
    # A setting such as `user = true`, meant for another command, would have this one show no other file, or nothing
    environment.update(dict.fromkeys(("PIP_USER", "PIP_GLOBAL", "PIP_SITE", "PIP_QUIET", "PIP_ISOLATED"), "0"))
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    command = f"`{python} -m pip {' '.join(arguments)}`"
    try:
        answer = subprocess.run(
            [python, "-I", "-m", "pip", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PIP_LIMIT,
            check=False,
        )
    except OSError as error:
        raise SourceError(f"{python} cannot be run ({error.strerror}): {_PIP_ADVICE}") from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{command} did not end within {_PIP_LIMIT} s") from error
    if answer.returncode:
        message = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        if "No module named pip" in message:
            raise SourceError(f"{python} has no pip: {_PIP_ADVICE}")
        raise SourceError(f"{command} failed: {scrub(message)}")
    return answer.stdout


def default_index(python: str) -> str:
    """Return the index that pip uses where nothing is configured, which its help names."""
    match = re.search(r"Base URL of the Python Package Index \(default (\S+)\)", _pip(python, "download", "--help"))
    if not match:
        raise SourceError(f"the pip of {python} names no index: set index-url in pip's configuration")
    return match.group(1)


def pip_settings(python: str) -> dict[str, str]:
    """Return the configuration of this Python's pip, files and environment merged: option name to value."""
    lines = _pip(python, "config", "list").splitlines()
    found: dict[str, str] = {}
    for section in ("global", "download", ":env:"):  # the later one wins, as in pip
        for line in lines:
            key, sep, value = line.partition("=")
            if sep and key.startswith(f"{section}."):
                try:
                    found[key[len(section) + 1 :]] = str(ast.literal_eval(value))
                except (SyntaxError, ValueError):
                    continue
    return found


class PackageIndex:
    """The indexes and links that pip's settings name."""

    def __init__(self, settings: dict[str, str], network: Network) -> None:
        """Nothing is requested yet."""
        indexes = [settings.get("index-url", ""), *settings.get("extra-index-url", "").split()]
        self.indexes = [] if settings.get("no-index", "").lower() in _TRUE else [index for index in indexes if index]
        self._links = settings.get("find-links", "").split()
        self._trusted = set(settings.get("trusted-host", "").split())
        timeout = settings.get("timeout") or settings.get("default-timeout") or ""
        seconds = int(float(timeout)) or 1 if timeout.replace(".", "", 1).isdigit() else network.connect_timeout
        self._network = replace(
            network,
            connect_timeout=seconds,
            cafile=settings.get("cert") or network.cafile,
            client_cert=settings.get("client-cert") or network.client_cert,
            proxy=settings.get("proxy") or network.proxy,
        )

    def choose(self, name: str, version: str) -> IndexFile:
        """Return the wheel (for whatever platform) or else the source archive of this version."""
        project = _normal(name)
        pages = [f"{index.rstrip('/')}/{project}/" for index in self.indexes] + self._links
        archives: list[IndexFile] = []
        reasons = []
        for page in pages:
            try:
                files = list(self._files(page))
            except OutOfReachError as error:
                reasons.append(f"{mask(page)}: {error}")
                continue
            for file in files:
                if _is_wheel_of(file.name, project, version):
                    return file
                if _is_archive_of(file.name, project, version):
                    archives.append(file)
            reasons.append(f"{mask(page)} lists {len(files)} files, none of this version")
        if not archives:
            raise OutOfReachError(f"found no {name} {version}: {'; '.join(reasons) or 'no index is set'}")
        return archives[0]

    def _files(self, page: str) -> Iterator[IndexFile]:
        path = _local_path(page)
        if path is not None and path.is_dir() and not (path / "index.html").is_file():
            yield from (IndexFile(file.name, file.as_uri()) for file in sorted(path.iterdir()) if file.is_file())
            return
        if path is not None:
            path = path / "index.html" if path.is_dir() else path
            if not path.is_file():
                raise OutOfReachError("no such file on this host")
            base, kind, content = path.as_uri(), "text/html", path.read_bytes()
        else:
            base, kind, content = read(self._with_password(page), self._reach(page), {"Accept": _ACCEPT})
        try:
            text = content.decode()
            files = (_json_files if kind.endswith("+json") else _html_files)(text, base)
            # A page of the network must not lead to a file of the host
            yield from (file for file in files if path is not None or file.url.startswith(("https:", "http:")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{mask(page)} is no page of a package index ({error})") from error

    def fetch(self, file: IndexFile, folder: Path) -> Path:
        """Download a file into `folder` and check the digests that the index gives."""
        path = folder / file.name
        local = _local_path(file.url)
        with path.open("wb") as out:
            if local is not None:
                with local.open("rb") as content:
                    shutil.copyfileobj(content, out)
            else:
                fetch(self._with_password(file.url), out, self._reach(file.url), file.name)
        for algorithm, expected in file.hashes.items():
            if algorithm in hashlib.algorithms_guaranteed and not algorithm.startswith("shake"):
                found = digest_of(path, algorithm)
                if found != expected:
                    raise SourceError(f"{file.name} has {algorithm} {found}, its index says {expected}")
        return path

    def _reach(self, url: str) -> Network:
        host = _split(url).netloc.rpartition("@")[2]
        return replace(self._network, verify=not {host, host.partition(":")[0]} & self._trusted)

    def _with_password(self, url: str) -> str:
        """Return `url` with the user and password for its host: those of an index there, else those of netrc."""
        parts = _split(url)
        if "@" in parts.netloc:
            return url
        for index in self.indexes:
            scheme, netloc = _split(index)[:2]
            if "@" in netloc and (scheme, netloc.rpartition("@")[2]) == (parts.scheme, parts.netloc):
                return urllib.parse.urlunsplit(parts._replace(netloc=netloc))
        try:
            known = netrc.netrc(os.environ.get("NETRC")).authenticators(parts.hostname or "")
        except (OSError, netrc.NetrcParseError):
            known = None
        if not known:
            return url
        user, password = (urllib.parse.quote(part or "", safe="") for part in (known[0], known[2]))
        return urllib.parse.urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc}"))


def _split(url: str) -> urllib.parse.SplitResult:
    """Return the parts of an address; none of one that is malformed, as which it is refused when it is asked for."""
    try:
        return urllib.parse.urlsplit(url)
    except ValueError:
        return urllib.parse.SplitResult("", "", "", "", "")


def _json_files(text: str, base: str) -> Iterator[IndexFile]:
    for file in json.loads(text)["files"]:
        yield IndexFile(Path(file["filename"]).name, urllib.parse.urljoin(base, file["url"]), dict(file["hashes"]))


def _html_files(text: str, base: str) -> Iterator[IndexFile]:
    parser = _LinkParser(base)
    parser.feed(text)
    for link in parser.links:
        url, fragment = urllib.parse.urldefrag(link)
        algorithm, _, digest = fragment.partition("=")
        name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name
        yield IndexFile(name, url, {algorithm: digest} if digest else {})


class _LinkParser(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href")
        if tag == "base" and link:
            self.base = urllib.parse.urljoin(self.base, link)
        elif tag == "a" and link:
            self.links.append(urllib.parse.urljoin(self.base, link))

    def error(self, message: str) -> None:  # Python 3.9 has it in a base class
        raise ValueError(message)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_wheel_of(file: str, project: str, version: str) -> bool:
    parts = file.split("-")
    return (
        file.endswith(".whl") and len(parts) > 2 and (_normal(parts[0]), parts[1].lower()) == (project, version.lower())
    )


def _is_archive_of(file: str, project: str, version: str) -> bool:
    for ending in _ARCHIVES:
        if file.endswith(ending):
            found, _, its_version = file[: -len(ending)].rpartition("-")
            return (_normal(found), its_version.lower()) == (project, version.lower())
    return False


def _local_path(place: str) -> Path | None:
    """Return the path of a `file:` address or of a path; None for an address on the network."""
    return None if "://" in place and not place.startswith("file:") else path_of(place)
