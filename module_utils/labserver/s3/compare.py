"""Compare a folder of a host with a prefix of a bucket, and presign a URL for each file that is to be transferred.

Runs on the controller, whose credentials sign: the host needs none.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from ..errors import LabError

PUT_LIMIT = 5 << 30  # bytes that S3 takes in one request
NO_BUCKET = "there is no such bucket: correct s3_sync_bucket, or create the bucket first"
DENIED = (
    "access is denied: use credentials that may list, read and write the bucket (AWS_PROFILE), or correct"
    " s3_sync_bucket"
)
# The answer to a HEAD request has the status alone
ADVICE = {
    "404": NO_BUCKET,
    "NoSuchBucket": NO_BUCKET,
    "403": DENIED,
    "AccessDenied": DENIED,
    "400": "the credentials are refused: they may have expired, log in again (aws sso login) or set others",
    "ExpiredToken": "the credentials have expired: log in again (aws sso login) or set others",
}
UNAVAILABLE = (
    exceptions.ClientError,
    exceptions.ConnectionError,
    exceptions.CredentialRetrievalError,
    exceptions.HTTPClientError,
    exceptions.NoCredentialsError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)


class BucketUnavailableError(LabError):
    """The bucket is not there, out of reach, or refuses the credentials."""


@dataclass(frozen=True)
class HostFile:
    """A file on the host."""

    size: int
    md5: str
    mtime: float


@dataclass(frozen=True)
class S3Object:
    """A file in the bucket."""

    size: int
    etag: str
    mtime: float


class Bucket:
    """A bucket, as the controller's credentials see it."""

    def __init__(self, name: str, url_seconds: int) -> None:
        """Find the bucket; presigned URLs hold for `url_seconds`."""
        self.name = name
        self._url_seconds = url_seconds
        # A URL must name, and be signed for, the region of the bucket. boto3 names it in the virtual style alone,
        # which a server that stands in for AWS does not know.
        default = boto3.client("s3")
        region = default.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        style = "virtual" if ".amazonaws." in default.meta.endpoint_url else "path"
        self._client = boto3.client(
            "s3",
            region_name=region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                request_checksum_calculation="when_required",
            ),
        )

    def objects(self, prefix: str) -> dict[str, S3Object]:
        """Return the objects below the prefix, by their path from there."""
        found = {}
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for entry in page.get("Contents", []):
                path = entry["Key"][len(prefix) :]
                if not path or path.endswith("/"):  # what the console creates to show a folder
                    continue
                found[path] = S3Object(entry["Size"], entry["ETag"].strip('"'), entry["LastModified"].timestamp())
        return found

    def etag_is_md5(self, key: str, etag: str) -> bool:
        """Whether the ETag of an object is the MD5 of its content."""
        if not re.fullmatch("[0-9a-f]{32}", etag):
            return False
        encryption = self._client.head_object(Bucket=self.name, Key=key).get("ServerSideEncryption", "AES256")
        return bool(encryption == "AES256")

    def presign(self, method: str, **parameters: Any) -> str:
        """Return a URL that allows one operation, without credentials, for some time."""
        return str(
            self._client.generate_presigned_url(
                method, Params={"Bucket": self.name, **parameters}, ExpiresIn=self._url_seconds
            )
        )


def _unchanged(bucket: Bucket, direction: str, key: str, file: HostFile, there: S3Object) -> bool:
    if file.size != there.size:
        return False
    if file.md5 == there.etag:
        return True
    if bucket.etag_is_md5(key, there.etag):
        return False
    # A file that was pulled has the time of its object
    return int(file.mtime) == int(there.mtime) if direction == "pull" else file.mtime <= there.mtime


def pull(bucket: Bucket, prefix: str, files: Mapping[str, HostFile]) -> list[dict[str, str]]:
    """Return what the host has to download."""
    transfers = []
    for path, there in sorted(bucket.objects(prefix).items()):
        key = prefix + path
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise LabError(f"s3://{bucket.name}/{key} is no path below a folder: rename it, or set another prefix")
        if path in files and _unchanged(bucket, "pull", key, files[path], there):
            continue
        transfers.append({"path": path, "url": bucket.presign("get_object", Key=key)})
    return transfers


def push(bucket: Bucket, prefix: str, files: Mapping[str, HostFile]) -> list[dict[str, str]]:
    """Return what the host has to upload."""
    objects = bucket.objects(prefix)
    transfers = []
    for path, file in sorted(files.items()):
        key = prefix + path
        if path in objects and _unchanged(bucket, "push", key, file, objects[path]):
            continue
        if file.size > PUT_LIMIT:
            raise LabError(f"{path} is larger than 5 GiB, which one request cannot send: compress or split it")
        md5 = base64.b64encode(bytes.fromhex(file.md5)).decode()
        transfers.append({"path": path, "url": bucket.presign("put_object", Key=key, ContentMD5=md5), "md5": md5})
    return transfers


def compare(
    name: str, prefix: str, direction: str, files: Mapping[str, HostFile], url_seconds: int
) -> list[dict[str, str]]:
    """Return the transfers that bring both sides in line. Raises BucketUnavailableError and LabError."""
    prefix = prefix.strip("/")
    work = {"pull": pull, "push": push}[direction]
    try:
        return work(Bucket(name, url_seconds), prefix and f"{prefix}/", files)
    except exceptions.NoCredentialsError as error:
        raise BucketUnavailableError(
            "the controller has no AWS credentials: set AWS_PROFILE, or run aws configure"
        ) from error
    except exceptions.SSLError as error:
        raise LabError(f"s3://{name}: {error}: set AWS_CA_BUNDLE to the certificates that you trust") from error
    except UNAVAILABLE as error:
        code = error.response["Error"]["Code"] if isinstance(error, exceptions.ClientError) else ""
        raise BucketUnavailableError(f"s3://{name}: {ADVICE.get(code, error)}") from error
    except exceptions.BotoCoreError as error:
        raise LabError(f"s3://{name}: {error}: correct the AWS configuration of the controller") from error
