"""Have one file on a host, from the first of several sources that gives the right bytes, and record where from."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib
import re
import shutil
import sys
import urllib.parse
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Callable

from . import pypi
from .errors import LabError
from .files import check_dest, has_name, locked_part, part_path, publish, read_json, sha256_of, write_json
from .http import DISK_ERRORS, READ_TIMEOUT, Network, SourceError, ask, fetch, mask


@dataclass
class Wish:
    """What is asked for: the options of the module dataset_file."""

    dest: Path
    sources: list[str]
    sha256: str | None = None
    connect_timeout: int = 10
    python: str = sys.executable
    force: bool = False


@dataclass
class Outcome:
    """What is there now (in check mode: what would be tried), and why the sources before did not serve."""

    changed: bool
    dest: str
    source: str | None
    sha256: str | None
    size: int | None
    pinned: bool
    unavailable: list[dict[str, str]] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return values of the module."""
        return {key: value for key, value in asdict(self).items() if key != "before"}


class UnavailableError(LabError):
    """No source gave the file; `unavailable` is a list of {source, reason}."""

    def __init__(self, message: str, unavailable: list[dict[str, str]]) -> None:
        """Keep the reasons beside the message."""
        super().__init__(message)
        self.unavailable = unavailable


def record_path(dest: Path) -> Path:
    """Return the path of the record of where `dest` came from."""
    return dest.with_name(f"{dest.name}.source.json")


def check_wish(wish: Wish) -> None:
    """Raise LabError for options that cannot work, naming the fix."""
    if wish.dest.parent.is_dir() or not wish.dest.is_absolute():
        check_dest(wish.dest)  # in check mode a role may not have made the directory yet
    if not wish.sources:
        raise LabError("sources is empty: name at least one place to have the file from")
    if wish.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", wish.sha256):
        raise LabError(
            f"sha256 {wish.sha256!r} is not 64 hexadecimal digits: give what `sha256sum` prints, or leave it out"
        )
    if wish.connect_timeout < 1:
        raise LabError(f"connect_timeout {wish.connect_timeout} is not a number of seconds above 0")
    for source in wish.sources:
        kind = source.partition(":")[0]
        if not (source.startswith("/") or kind in _READERS):
            raise LabError(
                f"source {mask(source)!r} is of no known kind: write an https:// or http:// address, an absolute path, "
                "s3://bucket/key, or pypi:<distribution>==<version>#<file>"
            )
        if kind == "pypi":
            try:
                pypi.parse(source)
            except SourceError as error:
                raise LabError(f"source {source!r} is {error}") from error
        if kind == "s3" and not all(_bucket_and_key(source)):
            raise LabError(f"source {source!r} is not of the form s3://<bucket>/<key>")


def obtain(wish: Wish, *, check: bool = False) -> Outcome:
    """Have `wish.dest`. With `check` nothing is fetched or written. Raises LabError or OSError."""
    check_wish(wish)
    outcome, fetching = _present(wish)
    if check and fetching:
        _foretell(wish, outcome)
    if check or not outcome.changed:
        return outcome
    check_dest(wish.dest)
    with locked_part(wish.dest) as part:
        partial = _Partial(part, wish.dest)
        try:
            outcome, fetching = _present(wish)  # another run may have finished while we waited for the lock
            if fetching:
                _fetch(wish, partial, outcome)
                publish(part, wish.dest)
            if outcome.changed:
                _record(wish, outcome)
        except UnavailableError:
            partial.tidy(resumable=True)
            raise
        except BaseException:
            partial.tidy(resumable=False)
            raise
        partial.tidy(resumable=False)
    return outcome


def _present(wish: Wish) -> tuple[Outcome, bool]:
    """Compare what is there with what is asked for, without a network: the outcome so far, whether to fetch."""
    record = read_json(record_path(wish.dest))
    pin = _pin(wish, record)
    outcome = Outcome(
        changed=True, dest=str(wish.dest), source=mask(wish.sources[0]), sha256=pin, size=None, pinned=not wish.sha256
    )
    if not wish.dest.is_file():
        return outcome, True
    found, size = sha256_of(wish.dest), wish.dest.stat().st_size
    recorded = record if record.get("sha256") == found else {}
    outcome.before = {"sha256": found, "size": size, "source": recorded.get("source")}
    # With a record but no pin, the file came from a source that is no longer asked for.
    if wish.force or (pin != found and (pin or record)):
        return outcome, True
    # A file without a record was put there by somebody: it is taken, and pinned, as it is.
    outcome.sha256, outcome.size = found, size
    outcome.source = recorded.get("source") or str(wish.dest)
    outcome.unavailable = recorded.get("unavailable", [])
    outcome.changed = not recorded or recorded.get("pinned") != outcome.pinned
    return outcome, False


def _pin(wish: Wish, record: dict[str, Any]) -> str | None:
    """Return the checksum the file must have: as given, or as first seen from a source that is still asked for."""
    if wish.sha256:
        return wish.sha256
    known = [mask(source) for source in wish.sources] + [str(wish.dest)]
    if wish.force or record.get("source") not in known:
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

    def digest(self) -> tuple[str, int]:
        """Return SHA-256 and size of the file."""
        self.file.flush()
        return sha256_of(self.path), self.path.stat().st_size

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


def _fetch(wish: Wish, partial: _Partial, outcome: Outcome) -> None:
    """Fill the partial file from the first source that gives the right bytes; complete `outcome`."""
    pin = outcome.sha256
    network = Network(connect_timeout=wish.connect_timeout)
    _first_that_serves(wish, outcome, lambda source: _read(source, partial, wish, network, pin))


def _foretell(wish: Wish, outcome: Outcome) -> None:
    """Complete `outcome` with the first source that answers. Of those that are no web server nothing is known yet."""
    network = Network(connect_timeout=wish.connect_timeout)

    def answers(source: str) -> tuple[str | None, int | None]:
        if source.partition(":")[0] in ("http", "https"):
            ask(source, network)
        return outcome.sha256, outcome.size

    _first_that_serves(wish, outcome, answers)


def _first_that_serves(wish: Wish, outcome: Outcome, attempt: Callable[[str], tuple[str | None, int | None]]) -> None:
    """Try the sources in their order; keep what the first gives, its SHA-256 and size, and why the others did not."""
    outcome.unavailable = []
    for source in wish.sources:
        try:
            found, size = attempt(source)
        except SourceError as error:
            outcome.unavailable.append({"source": mask(source), "reason": str(error)})
        else:
            outcome.source, outcome.sha256, outcome.size = mask(source), found, size
            return
    reasons = "; ".join(f"{entry['source']}: {entry['reason']}" for entry in outcome.unavailable)
    raise UnavailableError(
        f"{wish.dest} could not be had from any of {len(wish.sources)} sources. {reasons}. "
        "Set `sources` to a place this host can reach, or put the file there by hand as a path in `sources`",
        outcome.unavailable,
    )


def _read(source: str, partial: _Partial, wish: Wish, network: Network, pin: str | None) -> tuple[str, int]:
    """Fill the partial file from one source; return SHA-256 and size. Raises SourceError, also for wrong bytes."""
    reader = _read_local if source.startswith("/") else _READERS[source.partition(":")[0]]
    reader(source, partial, wish, network)
    found, size = partial.digest()
    if pin and found != pin:
        partial.restart()
        origin = "asked for" if wish.sha256 else f"first seen ({record_path(wish.dest)}; `force` accepts another)"
        raise SourceError(f"wrong checksum: sha256 {found}, {pin} was {origin}")
    return found, size


def _record(wish: Wish, outcome: Outcome) -> None:
    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    content = {key: getattr(outcome, key) for key in ("source", "sha256", "size", "pinned", "unavailable")}
    write_json(record_path(wish.dest), {**content, "fetched": now})


def _read_http(source: str, partial: _Partial, _wish: Wish, network: Network) -> None:
    fetch(source, partial.file, network, partial.validator(source), lambda value: partial.remember(source, value))


def _read_local(source: str, partial: _Partial, _wish: Wish, _network: Network) -> None:
    path = Path(source)
    if source.startswith("file:"):
        path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(source).path))
    try:
        if not path.is_file():
            raise SourceError("no such file on this host" if not path.exists() else "not a regular file")
        with path.open("rb") as content:
            shutil.copyfileobj(content, partial.restart(), 1 << 20)
    except OSError as error:
        _raise_if_ours(error)
        raise SourceError(error.strerror or str(error)) from error


def _read_s3(source: str, partial: _Partial, _wish: Wish, network: Network) -> None:
    try:
        boto3 = importlib.import_module("boto3")  # an s3 source alone needs it
        botocore = importlib.import_module("botocore.exceptions")
        config = importlib.import_module("botocore.config")
    except ImportError as error:
        raise SourceError(f"{sys.executable} has no boto3: install python3-boto3 on this host") from error
    bucket, key = _bucket_and_key(source)
    try:
        limits = config.Config(connect_timeout=network.connect_timeout, read_timeout=READ_TIMEOUT)
        client = boto3.client("s3", config=limits)
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        shutil.copyfileobj(body, partial.restart(), 1 << 20)
    except (botocore.BotoCoreError, botocore.ClientError) as error:
        raise SourceError(str(error)) from error
    except OSError as error:
        _raise_if_ours(error)
        raise SourceError(str(error)) from error


def _bucket_and_key(source: str) -> tuple[str, str]:
    bucket, _, key = source[len("s3://") :].partition("/") if source.startswith("s3://") else ("", "", "")
    return bucket, key


def _read_pypi(source: str, partial: _Partial, wish: Wish, network: Network) -> None:
    # A fixed name, safe under the lock: what a killed run left is removed here.
    work = partial.path.with_name(f".{wish.dest.name}.pip")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        pypi.extract(source, partial.restart, work, wish.python, network)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _raise_if_ours(error: OSError) -> None:
    """Raise `error` again when it is a full disk on this side, which is no fault of the source."""
    if error.errno in DISK_ERRORS:
        raise error


_READERS = {
    "http": _read_http,
    "https": _read_http,
    "file": _read_local,
    "s3": _read_s3,
    "pypi": _read_pypi,
}
