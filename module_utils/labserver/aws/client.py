"""The one way in which all of this project connects to AWS."""

from __future__ import annotations

from typing import Any

from .errors import ATTEMPTS, explained

AT_ONCE = 8  # calls


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
        with explained(region or ""):
            self.session = boto3.session.Session(profile_name=profile_name)
        self.region = region or self.session.region_name or ""

    def client(self, service: str, region: str = "") -> Any:
        """Make a client that tries again, later each time, where AWS is busy or a connection breaks."""
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=10,
            max_pool_connections=AT_ONCE,
        )
        region = region or self.region
        with explained(region):
            return self.session.client(
                service,
                region_name=region,
                config=config.merge(self._config) if self._config else config,
                **self._credentials,
            )
