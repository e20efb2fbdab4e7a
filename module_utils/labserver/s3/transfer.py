"""Upload or download files of this host by presigned URLs, each whole or not at all.

Runs on the host, with its own Python and nothing else.
"""

from __future__ import annotations

import email.utils
import hashlib
import http.client
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO

from ..download.address import scrub
from ..download.answer import OutOfReachError
from ..download.http import BUSY, Backoff
from ..errors import LabError
from ..files import replacing

BLOCK = 1 << 20  # bytes
TIMEOUT = 60  # seconds without a byte
AT_ONCE = 8
SHOWN = 5  # reasons in a message


# Whether the bucket is out of reach or refuses, for anything else is an error; and why one file was not transferred
Failure = tuple[bool, str]


def download(root: Path, path: str, url: str) -> None:
    """Write one object of the bucket to its place, whole or not at all."""
    dest = root / path
    if root.resolve() not in (dest.parent / "x").resolve().parents:
        raise LabError(f"its folder leads out of {root}: remove the link")
    dest.parent.mkdir(parents=True, exist_ok=True)
    if dest.is_symlink() or (dest.exists() and not dest.is_file()):
        raise LabError("a link, a folder or a device has its name: move that away")
    with replacing(dest) as part, _open(urllib.request.Request(url)) as answer:
        size, changed = _object(answer)
        _receive(answer, part, size)
        part.flush()
        os.utime(part.fileno(), (changed, changed))


def _open(request: urllib.request.Request, body: BinaryIO | None = None) -> Any:
    """Return the answer to a request; a bucket that is busy is asked again for a while."""
    backoff = Backoff()
    while True:
        if body:
            body.seek(0)
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            if error.code not in BUSY:
                raise
            backoff.wait(error.code, error.headers)


def _object(answer: http.client.HTTPResponse) -> tuple[int, float]:
    """Return the size of the object that a bucket answers, and when it was last changed."""
    headers = answer.headers
    try:
        if answer.status == http.client.OK and headers["ETag"]:
            return int(headers["Content-Length"]), email.utils.parsedate_to_datetime(
                headers["Last-Modified"]
            ).timestamp()
    except (TypeError, ValueError):
        pass
    raise ConnectionError(
        "what answered is no bucket, perhaps the login page of a network: log in to the network of the host where it "
        "asks for that"
    )


def _receive(answer: http.client.HTTPResponse, out: BinaryIO, told: int) -> None:
    """Write what a bucket answers, all of it and as it was there."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    while block := answer.read(BLOCK):
        out.write(block)
        digest.update(block)
        size += len(block)
    if size != told or _md5_of(answer.headers) not in (None, digest.hexdigest()):
        raise LabError("it came damaged: run again")


def _md5_of(headers: Message) -> str | None:
    """Return the MD5 of an object, where its ETag is that."""
    etag = headers["ETag"].strip('"')
    plain = headers.get("x-amz-server-side-encryption", "AES256") == "AES256"
    return etag if plain and re.fullmatch("[0-9a-f]{32}", etag) else None


def upload(root: Path, path: str, url: str, md5: str) -> None:
    """Send one file to the bucket, which checks its MD5."""
    with (root / path).open("rb") as file:
        headers = {
            "Content-Length": str(os.fstat(file.fileno()).st_size),
            "Content-MD5": md5,
            "Content-Type": "",  # else urllib names one of its own
        }
        _open(urllib.request.Request(url, file, headers, method="PUT"), file).close()


def _failure(error: Exception) -> Failure:
    """Explain an error, without the URL, which anyone could use."""
    if isinstance(error, urllib.error.HTTPError):
        answer = dict(re.findall("<(Code|Message)>([^<]*)<", error.read(4000).decode("utf-8", "replace")))
        if answer.get("Code") == "BadDigest":
            return False, "it was changed while it was sent: run again"
        return True, scrub(f"{error.code} {answer.get('Code', error.reason)} {answer.get('Message', '')}".rstrip())
    if isinstance(error, urllib.error.URLError):
        return not isinstance(error.reason, ssl.SSLError), f"the host does not reach the bucket: {error.reason}"
    out_of_reach = isinstance(error, (ConnectionError, TimeoutError, http.client.HTTPException, OutOfReachError))
    return out_of_reach, str(error) or type(error).__name__


def transfer(root: Path, direction: str, transfers: Sequence[dict[str, Any]]) -> str:
    """Transfer the files; return why some are unavailable, or nothing. Raises LabError."""

    def attempt(file: dict[str, Any]) -> Failure | None:
        try:
            if direction == "pull":
                download(root, file["path"], file["url"])
            else:
                upload(root, file["path"], file["url"], file["md5"])
        except (LabError, OutOfReachError, OSError, http.client.HTTPException) as error:
            unavailable, reason = _failure(error)
            return unavailable, f"{file['path']}: {reason}"
        return None

    if direction == "pull":
        root.mkdir(parents=True, exist_ok=True)
    elif not root.is_dir():
        raise LabError(
            f"there is no folder {root} to push: correct its path in s3_sync_folders, or run the role that creates it"
        )
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        failures = [failure for failure in pool.map(attempt, transfers) if failure]
    if not failures:
        return ""
    # Errors first, for not all reasons are shown
    failures.sort(key=lambda failure: failure[0])
    reasons = "; ".join(reason for _, reason in failures[:SHOWN])
    more = f"; and {len(failures) - SHOWN} more" if len(failures) > SHOWN else ""
    message = f"{len(failures)} of {len(transfers)} files were not transferred: {reasons}{more}"
    only_unavailable, _ = failures[0]
    if only_unavailable:
        return message
    raise LabError(message)
