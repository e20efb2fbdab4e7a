"""Send or fetch files of this host by addresses that were signed elsewhere. Reads JSON; tells on standard error.

Runs on the host, with its own Python and nothing else.
"""

from __future__ import annotations

import email.utils
import hashlib
import http.client
import json
import os
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 1 << 20
TIMEOUT = 60  # seconds without a byte


class TransferError(Exception):
    """Why a file was not transferred."""


def fetch(root: Path, transfer: dict[str, Any]) -> None:
    """Write one file of the bucket to its place, whole or not at all."""
    dest = root / transfer["path"]
    dest.parent.mkdir(parents=True, exist_ok=True)
    if root.resolve() not in (dest.parent / "x").resolve().parents:
        raise TransferError(f"its folder leads out of {root}: remove the link")
    draft = dest.parent / f".s3_sync.{dest.name}"
    try:
        with urllib.request.urlopen(transfer["url"], timeout=TIMEOUT) as answer, draft.open("wb") as out:
            receive(answer, out)
        changed = email.utils.parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
        draft.chmod(0o644)
        os.utime(draft, (changed, changed))
        draft.replace(dest)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def receive(answer: http.client.HTTPResponse, out: BinaryIO) -> None:
    """Write what a bucket answers, all of it and as it was there."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    while block := answer.read(BLOCK):
        out.write(block)
        digest.update(block)
        size += len(block)
    if size != int(answer.headers["Content-Length"]) or md5_of(answer.headers) not in (None, digest.hexdigest()):
        raise TransferError("it came damaged: run again")


def md5_of(headers: Message) -> str | None:
    """Return the MD5 of a file in the bucket, where its ETag is that."""
    etag = headers["ETag"].strip('"')
    plain = headers.get("x-amz-server-side-encryption", "AES256") == "AES256"
    return etag if plain and re.fullmatch("[0-9a-f]{32}", etag) else None


def send(root: Path, transfer: dict[str, Any]) -> None:
    """Send one file to the bucket, which checks what it gets."""
    with (root / transfer["path"]).open("rb") as file:
        headers = {
            "Content-Length": str(os.fstat(file.fileno()).st_size),
            "Content-MD5": transfer["md5"],
            "Content-Type": "",  # else urllib names one of its own
        }
        request = urllib.request.Request(transfer["url"], file, headers, method="PUT")
        urllib.request.urlopen(request, timeout=TIMEOUT).close()


def reason(error: Exception) -> str:
    """Return what went wrong, without the address, which anyone could use."""
    if isinstance(error, urllib.error.HTTPError):
        said = dict(re.findall("<(Code|Message)>([^<]*)<", error.read(4000).decode("utf-8", "replace")))
        if said.get("Code") == "BadDigest":
            return "it was changed while it was sent: run again"
        return f"{error.code} {said.get('Code', error.reason)} {said.get('Message', '')}".rstrip()
    if isinstance(error, urllib.error.URLError):
        return f"the host does not reach the bucket: {error.reason}"
    return str(error) or type(error).__name__


def attempt(work: Any, root: Path, transfer: dict[str, Any]) -> str:
    """Transfer one file; return why not, or nothing."""
    try:
        work(root, transfer)
    except (TransferError, OSError, http.client.HTTPException) as error:
        return f"{transfer['path']}: {reason(error)}"
    return ""


def main() -> None:
    """Transfer what standard input asks for."""
    asked = json.load(sys.stdin)
    if asked["check"]:
        return
    work = {"pull": fetch, "push": send}[asked["direction"]]
    with ThreadPoolExecutor(max_workers=8) as pool:
        reasons = list(pool.map(lambda one: attempt(work, Path(asked["root"]), one), asked["transfers"]))
    failed = [text for text in reasons if text]
    if failed:
        more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
        sys.exit(f"{len(failed)} of {len(reasons)} files were not transferred: {'; '.join(failed[:5])}{more}")


if __name__ == "__main__":
    main()
