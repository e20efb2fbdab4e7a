"""The one way in which all of this project connects to AWS."""

from __future__ import annotations

import os
from typing import Any

from .errors import ATTEMPTS, AwsError, explained

AT_ONCE = 8  # calls
DEFAULT_REGION = "us-west-2"


def usual_region(profile_name: str | None = None) -> str:
    """Return the region where none is given: the environment's, as the AWS tools read it, the profile's, or ours."""
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if named:
        return named
    import botocore.session

    with explained(DEFAULT_REGION):
        return botocore.session.Session(profile=profile_name).get_scoped_config().get("region") or DEFAULT_REGION


class AwsClients:
    """Makes clients with the given credentials, or those that the AWS command line would use."""

    def __init__(
        self,
        region: str | None = None,
        *,
        endpoint_url: str | None = None,
        profile_name: str | None = None,
        aws_config: Any = None,
        **credentials: Any,
    ) -> None:
        """Take the connection options of a module of amazon.aws; no call is made."""
        import boto3

        self._credentials = {**credentials, "endpoint_url": endpoint_url}
        self._config = aws_config
        self.region = region or usual_region(profile_name)
        with explained(self.region):
            self.session = boto3.session.Session(profile_name=profile_name)

    def client(self, service: str, region: str = "", *, seconds: int | None = None) -> Any:
        """Make a client that tries again, later each time, where AWS is busy or a connection breaks.

        With `seconds` it asks once, and waits no longer than that for the connection, and then for the answer.
        """
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1 if seconds else ATTEMPTS},
            connect_timeout=seconds or 10,
            read_timeout=seconds or 60,
            max_pool_connections=AT_ONCE,
        )
        region = region or self.region
        with explained(region):
            try:
                return self.session.client(
                    service,
                    region_name=region,
                    config=config.merge(self._config) if self._config else config,
                    **self._credentials,
                )
            except OSError as error:  # botocore has errors of its own for the network
                raise AwsError(
                    f"a program that gives the AWS credentials cannot be run ({error.strerror}: {error.filename}): "
                    "correct credential_process in ~/.aws/config, or set AWS_PROFILE to another profile",
                    type(error).__name__,
                ) from error
