"""Compare a folder of a host with a prefix of a bucket, and presign a URL for each file that is to be transferred.

Runs on the controller, whose credentials sign: the host needs none.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore import exceptions
from botocore.config import Config

from ..aws.client import AwsClients
from ..aws.errors import AwsError, explained
from ..errors import LabError

PUT_LIMIT = 5 << 30  # bytes that S3 takes in one request
# What keeps a bucket from being read without being a mistake in the configuration
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
class FileVersion:
    """A file on the host, or in the bucket, where its ETag stands for the MD5."""

    size: int
    md5: str
    mtime: float


class Bucket:
    """A bucket, as the controller's credentials see it."""

    def __init__(self, name: str, url_seconds: int) -> None:
        """Find the bucket; presigned URLs hold for `url_seconds`."""
        self.name = name
        self._url_seconds = url_seconds
        # A URL must name, and be signed for, the region of the bucket. boto3 names it in the virtual style alone,
        # which a server that stands in for AWS does not know.
        clients = AwsClients()
        default = clients.client("s3")
        region = default.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        style = "virtual" if ".amazonaws." in default.meta.endpoint_url else "path"
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": style},
            request_checksum_calculation="when_required",
        )
        self._client = AwsClients(region or clients.region, aws_config=config).client("s3")

    def objects(self, prefix: str) -> dict[str, FileVersion]:
        """Return the objects below the prefix, by their path from there."""
        found = {}
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for entry in page.get("Contents", []):
                path = entry["Key"][len(prefix) :]
                if not path or path.endswith("/"):  # what the console creates to show a folder
                    continue
                found[path] = FileVersion(entry["Size"], entry["ETag"].strip('"'), entry["LastModified"].timestamp())
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


def _unchanged(bucket: Bucket, direction: str, key: str, file: FileVersion, in_bucket: FileVersion) -> bool:
    if file.size != in_bucket.size:
        return False
    if file.md5 == in_bucket.md5:
        return True
    if bucket.etag_is_md5(key, in_bucket.md5):
        return False
    # A file that was pulled has the time of its object
    return int(file.mtime) == int(in_bucket.mtime) if direction == "pull" else file.mtime <= in_bucket.mtime


def pull(bucket: Bucket, prefix: str, files: Mapping[str, FileVersion]) -> list[dict[str, str]]:
    """Return what the host has to download."""
    transfers = []
    for path, in_bucket in sorted(bucket.objects(prefix).items()):
        key = prefix + path
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise LabError(f"s3://{bucket.name}/{key} is no path below a folder: rename it, or set another prefix")
        if path in files and _unchanged(bucket, "pull", key, files[path], in_bucket):
            continue
        transfers.append({"path": path, "url": bucket.presign("get_object", Key=key)})
    return transfers


def push(bucket: Bucket, prefix: str, files: Mapping[str, FileVersion]) -> list[dict[str, str]]:
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
    name: str, prefix: str, direction: str, files: Mapping[str, FileVersion], url_seconds: int
) -> list[dict[str, str]]:
    """Return the transfers that bring both sides in line. Raises BucketUnavailableError and LabError."""
    prefix = prefix.strip("/")
    work = {"pull": pull, "push": push}[direction]
    try:
        with explained("S3"):
            return work(Bucket(name, url_seconds), prefix and f"{prefix}/", files)
    except AwsError as error:
        cause = error.__cause__
        unavailable = isinstance(cause, UNAVAILABLE) and not isinstance(cause, exceptions.SSLError)
        raise (BucketUnavailableError if unavailable else LabError)(f"s3://{name}: {error}") from error
