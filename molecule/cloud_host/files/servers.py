"""Servers in the network of the hosts: S3, played by moto, and a page that shows a client its address.

Bound to the gateway of the hosts' network. Runs until the file with its addresses is removed, or an hour.
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

# Before boto3 and moto are imported, for neither may find what is real
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-west-2"}
os.environ.update(CREDENTIALS)

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

BUCKET = "labserver-data"


class ClientAddress(BaseHTTPRequestHandler):
    """Answers with the address of the client."""

    def do_GET(self) -> None:
        """Answer."""
        text = f"{self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is named there
        """Log nothing."""


def main(address_file: Path, subnet: str, gateway: str) -> None:
    """Serve, and write how to reach it."""
    client_address = ThreadingHTTPServer((gateway, 0), ClientAddress)
    Thread(target=client_address.serve_forever, daemon=True).start()
    s3 = ThreadedMotoServer(gateway, 0, verbose=False)
    s3.start()
    endpoint = f"http://{gateway}:{s3.get_host_and_port()[1]}"
    bucket = boto3.resource("s3", endpoint_url=endpoint).Bucket(BUCKET)
    bucket.create(CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    bucket.put_object(Key="sets/reviews.json", Body=b'{"reviewText": "good"}\n')
    bucket.put_object(Key="sets/more/ähnlich +1.txt", Body=b"a few words\n" * 200_000)
    bucket.put_object(Key="sets/more/")  # as the console makes a folder
    bucket.put_object(Key="outside/../../etc/cron.d/evil", Body=b"evil")
    spare = list(ipaddress.ip_network(subnet).hosts())[-8:]
    draft = address_file.with_suffix(".draft")
    draft.write_text(
        json.dumps(
            {
                "environment": {"AWS_ENDPOINT_URL": endpoint, **CREDENTIALS},
                "bucket": BUCKET,
                "client_address": f"http://{gateway}:{client_address.server_port}/",
                "spare": [str(address) for address in spare],
            }
        )
    )
    draft.replace(address_file)
    for _ in range(3600):
        if not address_file.exists():
            return
        time.sleep(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
