"""Fixtures that tests of modules and of scripts share."""

from __future__ import annotations

import http.server
import importlib
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import botocore.loaders
import botocore.session
import pytest
from ansible.module_utils import _internal
from ansible.module_utils.common import warnings
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.testing import patch_module_args
from moto import mock_aws
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from tests.support.modules import RawServer, Server

if TYPE_CHECKING:
    from tests.support.modules import RunModule

LOADER = botocore.loaders.create_loader()
REGIONS = ("us-west-2", "us-east-1", "eu-west-1", "sa-east-1")


@pytest.fixture
def throw_away_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set keys of no account, and hide the settings of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "throw-away-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "throw-away-secret")
    # In every region that is looked at moto makes a thousand images, which takes a second
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")


@pytest.fixture(autouse=True)
def forget_warnings() -> Callable[[], None]:
    """Forget the warnings of the module before: Ansible keeps those of a process, which runs one module."""

    def forget() -> None:
        warnings._global_warnings.clear()
        warnings._global_deprecations.clear()

    forget()
    return forget


@pytest.fixture
def run_module(
    capsys: pytest.CaptureFixture[str], forget_warnings: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> RunModule:
    """Run a module in this process, the way Ansible does, with real arguments and real output."""
    # As on a host. A test that loaded a plugin has set it, and warnings would not be in the result
    monkeypatch.setattr(_internal, "is_controller", False)

    def run(name: str, /, *, check: bool = False, diff: bool = False, **options: object) -> dict[str, Any]:
        arguments = {key: value for key, value in options.items() if value is not None}
        capsys.readouterr()
        forget_warnings()
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff}
        given = json.loads(json.dumps({**arguments, **internal}, default=str))
        with patch_module_args(given), pytest.raises(SystemExit):
            importlib.import_module(name).main()
        result: dict[str, Any] = {"failed": False, **json.loads(capsys.readouterr().out)}
        return result

    return run


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve pages, past any proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.close()


@pytest.fixture
def raw_server(server: Server) -> Iterator[RawServer]:  # noqa: ARG001 - takes the proxies away
    """Serve bytes as they are."""
    raw = RawServer()
    yield raw
    raw.close()


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def tls_server(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve TLS with a certificate that nobody trusts; give the address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", *names]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(throw_away_keys: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001 - comes first
    """An empty account."""
    # Reading the model of EC2 takes longer than most tests: every session shares one reader
    monkeypatch.setattr(botocore.session, "create_loader", lambda _: LOADER)
    # In every region that is looked at moto makes a network
    few = [region for region in RegionsAndZonesBackend.regions if region.name in REGIONS]
    monkeypatch.setattr(RegionsAndZonesBackend, "regions", few)
    with mock_aws():
        yield


@pytest.fixture
def clients(account: None) -> AwsClients:  # noqa: ARG001 - comes first
    """Clients of it."""
    return AwsClients()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long botocore would have waited between its attempts."""
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken


@pytest.fixture
def no_credentials(account: None) -> Iterator[None]:  # noqa: ARG001 - comes first
    """Take the credentials away."""
    with pytest.MonkeyPatch.context() as patch:  # ends before moto does, which wants them back
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        yield
