"""Compare a folder of a host with a prefix of a bucket, and sign an address for each file that is to be transferred.

Runs on the controller, whose credentials sign. Reads and writes JSON; what goes wrong is told on standard error.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

PUT_LIMIT = 5 << 30  # bytes that S3 takes in one request
REMEDIES = {
    "404": "there is no such bucket: correct s3_sync_bucket, or make the bucket first",
    "NoSuchBucket": "there is no such bucket: correct s3_sync_bucket, or make the bucket first",
    "403": "access is denied: use credentials that may list, read and write the bucket (AWS_PROFILE), or correct "
    "s3_sync_bucket",
    "AccessDenied": "access is denied: use credentials that may list, read and write the bucket (AWS_PROFILE)",
    "400": "the credentials are refused: they may have expired, log in again (aws sso login) or set others",
    "ExpiredToken": "the credentials have expired: log in again (aws sso login) or set others",
}


class PlanError(Exception):
    """What keeps a folder from being synced, and what helps."""


@dataclass(frozen=True)
class File:
    """A file on the host."""

    size: int
    md5: str
    time: float


@dataclass(frozen=True)
class Object:
    """A file in the bucket."""

    size: int
    etag: str
    time: float


class Bucket:
    """A bucket, as the controller's credentials see it."""

    def __init__(self, name: str, seconds: int) -> None:
        """Find the bucket; signed addresses hold for so many seconds."""
        self.name = name
        self._seconds = seconds
        # An address must name, and be signed for, the region of the bucket. boto3 names it in the virtual style alone,
        # which a server that stands in for AWS does not know.
        asking = boto3.client("s3")
        region = asking.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        style = "virtual" if ".amazonaws." in asking.meta.endpoint_url else "path"
        self._client = boto3.client(
            "s3",
            region_name=region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                request_checksum_calculation="when_required",
            ),
        )

    def objects(self, prefix: str) -> dict[str, Object]:
        """Return the files below the prefix, by their path from there."""
        found = {}
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for entry in page.get("Contents", []):
                path = entry["Key"][len(prefix) :]
                if not path or path.endswith("/"):  # what the console makes to show a folder
                    continue
                found[path] = Object(entry["Size"], entry["ETag"].strip('"'), entry["LastModified"].timestamp())
        return found

    def keeps_md5(self, key: str, etag: str) -> bool:
        """Tell whether the ETag of a file is its MD5."""
        if not re.fullmatch("[0-9a-f]{32}", etag):
            return False
        kind = self._client.head_object(Bucket=self.name, Key=key).get("ServerSideEncryption", "AES256")
        return bool(kind == "AES256")

    def sign(self, method: str, **parameters: Any) -> str:
        """Return an address that allows one thing, without credentials, for some time."""
        return str(
            self._client.generate_presigned_url(
                method, Params={"Bucket": self.name, **parameters}, ExpiresIn=self._seconds
            )
        )


def same(bucket: Bucket, direction: str, key: str, file: File, there: Object) -> bool:
    """Tell whether a file is the same on both sides."""
    if file.size != there.size:
        return False
    if file.md5 == there.etag:
        return True
    if bucket.keeps_md5(key, there.etag):
        return False
    # A file that was pulled has the time of its object
    return int(file.time) == int(there.time) if direction == "pull" else file.time <= there.time


def pull(bucket: Bucket, prefix: str, files: dict[str, File]) -> list[dict[str, Any]]:
    """Return what is to be fetched."""
    transfers = []
    for path, there in sorted(bucket.objects(prefix).items()):
        key = prefix + path
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise PlanError(f"s3://{bucket.name}/{key} is no path below a folder: rename it, or set another prefix")
        if path in files and same(bucket, "pull", key, files[path], there):
            continue
        transfers.append({"path": path, "url": bucket.sign("get_object", Key=key)})
    return transfers


def push(bucket: Bucket, prefix: str, files: dict[str, File]) -> list[dict[str, Any]]:
    """Return what is to be sent."""
    objects = bucket.objects(prefix)
    transfers = []
    for path, file in sorted(files.items()):
        key = prefix + path
        if path in objects and same(bucket, "push", key, file, objects[path]):
            continue
        if file.size > PUT_LIMIT:
            raise PlanError(f"{path} is larger than 5 GiB, which one request cannot send: compress or split it")
        md5 = base64.b64encode(bytes.fromhex(file.md5)).decode()
        transfers.append({"path": path, "url": bucket.sign("put_object", Key=key, ContentMD5=md5), "md5": md5})
    return transfers


def plan(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the transfers that make both sides the same. Raises PlanError."""
    files = {
        str(PurePosixPath(file["path"]).relative_to(asked["root"])): File(file["size"], file["checksum"], file["mtime"])
        for file in asked["files"]
    }
    prefix = asked["prefix"].strip("/")
    work = {"pull": pull, "push": push}[asked["direction"]]
    try:
        return work(Bucket(asked["bucket"], asked["seconds"]), prefix and f"{prefix}/", files)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise PlanError(f"s3://{asked['bucket']}: {REMEDIES.get(code, error)}") from error
    except NoCredentialsError as error:
        raise PlanError("the controller has no AWS credentials: set AWS_PROFILE, or run aws configure") from error
    except BotoCoreError as error:
        raise PlanError(f"s3://{asked['bucket']}: {error}") from error


if __name__ == "__main__":
    try:
        print(json.dumps(plan(json.load(sys.stdin))))
    except PlanError as error:
        sys.exit(str(error))
