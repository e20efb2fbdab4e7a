"""Many files, or parts of them, read anywhere: paths, patterns, http(s) and S3; plain or compressed."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from vec2pca.errors import Vec2pcaError
from vec2pca.labserver.content.codecs import BLOCK
from vec2pca.labserver.content.signatures import HEAD, recognise, require_readable
from vec2pca.labserver.content.source import MissingError, Source, damaged, unpacked
from vec2pca.labserver.download import http
from vec2pca.labserver.download.address import identity, mask
from vec2pca.labserver.download.answer import ADVICE, Beginning, OutOfReachError, SourceError
from vec2pca.labserver.download.connection import Network
from vec2pca.labserver.download.declared import check_head
from vec2pca.labserver.errors import LabError

PART = 8 << 20  # bytes of a plain file that one task reads at most; a compressed file is read by one task
_COMPRESSED_BLOCK = 64 << 10
_WILDCARD = re.compile(r"[*?[]")
_NETWORK = Network(connect_timeout=60)
_HELP = "Name files, folders, patterns such as 'reviews/*.json.gz', https:// or s3:// addresses"


@dataclass(frozen=True)
class Input:
    """One file. size: bytes. kind: one of READABLE. version: what changes when the file does, where it is told.

    proof: by which a web server is asked for a part of this version alone.
    """

    address: str
    size: int
    kind: str
    version: str = ""
    proof: str = ""
    divisible: bool = True

    @property
    def shown(self) -> str:
        """What messages call it: the address without its secrets."""
        return mask(self.address)

    def parts(self, size: int = PART) -> list[Part]:
        """Return what the tasks read: the whole file, or equal ranges of bytes of a plain one."""
        if self.kind != "plain" or not self.divisible:
            return [Part(self, 0, self.size)]
        number = -(-self.size // size)
        return [Part(self, self.size * i // number, self.size * (i + 1) // number) for i in range(number)]


@dataclass
class Part:
    """The lines of a file that begin in a range of its bytes. warnings: what was passed over in reading them."""

    input: Input
    begin: int
    end: int
    done: int = field(default=0, init=False)  # bytes read
    warnings: list[str] = field(default_factory=list, init=False)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.input.shown} (from byte {self.begin:,} on)" if self.begin else self.input.shown

    @property
    def size(self) -> int:
        """Return its bytes, as they lie on the disk."""
        return self.end - self.begin

    def blocks(self) -> Iterator[bytes]:
        """Yield its text. Raises LabError for a file that is damaged, missing or not what was listed."""
        address = self.input.address
        if self.input.kind == "plain":
            yield from self._lines()
        else:
            self.warnings.clear()
            packed = self._raw(0, _COMPRESSED_BLOCK)
            yield from unpacked(packed, self.input.kind, self.input.shown, self._damaged, self.warnings)
        if self.input.version and self.input.version != (now := version_of(address)):
            raise LabError(f"{self.input.shown} changed while it was read ({now}): run again when nothing writes to it")

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines that begin in the range: from behind the newline before it to the one that ends the last."""
        at = max(self.begin - 1, 0)
        inside = not self.begin
        for block in self._raw(at, BLOCK):
            if not at:  # the file may be another here than where it was listed
                require_readable(self.name, *recognise(block[:HEAD]))
            start = 0
            if not inside:
                start = block.find(b"\n") + 1
                if not start:
                    at += len(block)
                    if at >= self.end:
                        return
                    continue
                inside = True
                if at + start >= self.end:
                    return
            is_last = self.end < self.input.size and at + len(block) >= self.end  # else the end is that of the file
            stop = block.find(b"\n", max(self.end - 1 - at, start)) + 1 if is_last else 0
            at += len(block)
            yield block[start : stop or len(block)]
            if stop:
                return

    def _raw(self, begin: int, size: int) -> Iterator[bytes]:
        """Yield the bytes of the file from `begin` on."""
        at = begin
        with closing(open_at(self.input, begin)) as file:
            while block := file.read(size):
                at += len(block)
                self.done = at - begin
                yield block
        if at < self.input.size and is_remote(self.input.address):
            raise ConnectionError(f"{self.input.shown} ended after {at:,} of {self.input.size:,} bytes")
        if at != self.input.size:
            raise LabError(
                f"{self.input.shown} has {at:,} bytes here, and {self.input.size:,} where it was listed: give "
                "every host the same file, and run again when nothing writes to it"
            )

    def _damaged(self, why: str) -> LabError:
        return damaged(self.input.shown, self.input.kind, why, self.done, self.input.size)


def is_remote(address: str) -> bool:
    """Tell whether an address is no path."""
    return address.startswith(("http://", "https://", "s3://"))


def version_of(address: str) -> str:
    """Return what tells a file from a later one of its name; empty for a path: dates differ between hosts."""
    return list_one(address).version if is_remote(address) else ""


def open_at(source: Input, begin: int) -> BinaryIO:
    """Open a file at a byte. Raises LabError where it cannot be opened at all."""
    address = source.address
    try:
        if address.startswith("s3://"):
            return _get_object(address, begin)
        if is_remote(address):
            with _explained(address):
                return http.open_at(address, Beginning(source.proof, source.size), begin, _NETWORK)
        file = Path(address).open("rb")  # noqa: SIM115 - the caller closes it
        file.seek(begin)
    except FileNotFoundError as error:
        raise LabError(
            f"{address} does not exist here: put it on every host, or name it by https:// or s3://"
        ) from error
    except PermissionError as error:
        raise LabError(f"{address} may not be read here: have the user of the cluster read it") from error
    return file


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Name the address, without its secrets; what may be over in a moment is a ConnectionError: Spark tries again."""
    try:
        yield
    except OutOfReachError as error:
        raise ConnectionError(f"{mask(address)}: {error}") from None
    except SourceError as error:
        raise LabError(f"{mask(address)}: {error}: run again, or fetch it, and name the file") from None


def _s3() -> Any:
    try:
        import boto3
    except ImportError as error:
        raise LabError(
            "s3:// needs the package boto3 on every host: python -m pip install 'vec2pca[cluster]'"
        ) from error
    return boto3.client("s3")


def _bucket(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def _get_object(address: str, begin: int) -> BinaryIO:
    bucket, key = _bucket(address)
    body: BinaryIO = _s3().get_object(Bucket=bucket, Key=key, **({"Range": f"bytes={begin}-"} if begin else {}))["Body"]
    return body


def list_one(address: str) -> Input:
    """Look at one file. Raises LabError where it is not there."""
    if address.startswith("s3://"):
        bucket, key = _bucket(address)
        head = _s3().head_object(Bucket=bucket, Key=key)
        size, version = head["ContentLength"], head["ETag"]
        head = _get_object(address, 0).read(HEAD) if size else b""
        return Input(address, size, kind_of(head, address), version)
    if is_remote(address):
        with _explained(address):
            found = http.inspect_file(address, HEAD, _NETWORK)
            check_head(found.head, urlsplit(address).path, "name another address")
        size, proof = found.begun.total or 0, found.begun.validator
        return Input(address, size, kind_of(found.head, mask(address)), found.version, proof, found.ranges)
    try:
        source = Source(Path(address), address)
    except MissingError as error:
        raise LabError(f"{address} does not exist. {_HELP}") from error
    source.require_text()
    return Input(address, source.size, source.kind)


def kind_of(head: bytes, address: str) -> str:
    """Return the one of READABLE that the first bytes of a file tell. Raises LabError for one that cannot be read."""
    kind, advice = recognise(head)
    require_readable(address, kind, advice)
    return kind


def _expand_s3(name: str) -> list[str]:
    bucket, key = _bucket(name)
    pattern = f"{key}*" if not key or key.endswith("/") else key
    wildcard = _WILDCARD.search(pattern)
    if not wildcard:
        return [name]
    pages = _s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=pattern[: wildcard.start()])
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return [f"s3://{bucket}/{key}" for key in fnmatch.filter(keys, pattern) if not key.endswith("/")]


def _expand_path(name: str) -> list[str]:
    path = Path(name.removeprefix("file://")).absolute()
    if path.is_dir():
        return [str(entry) for entry in path.iterdir() if _is_shown(entry)]
    if path.exists() or not _WILDCARD.search(name):
        return [str(path)]
    return [str(found) for found in Path("/").glob(str(path)[1:]) if _is_shown(found)]


def _is_shown(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def find_inputs(names: Sequence[str]) -> list[Input]:
    """Return the files that the names stand for, each once, in the order of their addresses. Raises Vec2pcaError."""
    try:
        files: dict[object, str] = {}
        for address in sorted({address for name in names for address in expand(name)}):
            files.setdefault(_file(address), address)
        return [list_one(address) for address in files.values()]
    except LabError as error:
        raise Vec2pcaError(str(error)) from error
    except ConnectionError as error:
        fix = "" if str(error).endswith(tuple(ADVICE.values())) else ": correct the address, or have this host reach it"
        raise Vec2pcaError(f"{error}{fix}") from error
    except Exception as error:
        if type(error).__module__.startswith("botocore"):
            raise Vec2pcaError(
                f"S3: {error}. Check the address, and who you are to AWS: aws sts get-caller-identity"
            ) from error
        raise


def _file(address: str) -> object:
    """Return what all names of a file have in common: of a path the file itself, of an address all but its proofs."""
    if is_remote(address):
        return identity(address)
    try:
        status = Path(address).stat()
    except OSError:  # told when it is looked at
        return address
    return status.st_dev, status.st_ino


def expand(name: str) -> list[str]:
    """Return the addresses that a name stands for. Raises LabError where there are none."""
    if name.startswith("s3://"):
        found = _expand_s3(name)
    elif is_remote(name):
        found = [name]
    else:
        found = _expand_path(name)
    if not found:
        raise LabError(f"{name} stands for no file. {_HELP}")
    return found
