"""A port that somebody else has is named, with who has it and what to set."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.labserver.ports import Listener

if TYPE_CHECKING:
    from tests.support.modules import RunModule


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_free_ports_pass(run_module: RunModule, free: int) -> None:
    result = run_module("port_check", ports={"spark_master_port": free}, check=True)
    assert not result["failed"], result["msg"]
    assert not result["changed"]


def test_a_port_that_is_taken_is_told_with_its_program(run_module: RunModule, taken: int) -> None:
    result = run_module("port_check", ports={"spark_master_port": taken}, user="nobody")
    assert result["failed"]
    assert f"port {taken} is taken by" in result["msg"]
    assert f"(pid {os.getpid()}): set spark_master_port to another port" in result["msg"]


def test_programs_of_its_user_may_have_it_already(run_module: RunModule, taken: int) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    assert not run_module("port_check", ports={"spark_master_port": taken}, user=me)["failed"]


@pytest.mark.parametrize("port", [0, 65536, -1, "http", "80.5", ""])
def test_what_is_no_port_is_told_with_its_variable(run_module: RunModule, port: object) -> None:
    result = run_module("port_check", ports={"rstudio_server_port": port})
    assert result["msg"] == f"rstudio_server_port is {port}, which is no port: set it to 1 to 65535"


@pytest.mark.parametrize(
    ("listens", "address", "met"),
    [
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("127.0.0.1", "localhost", True),
        ("::ffff:0.0.0.0", "10.0.0.1", True),
        ("127.0.0.1", "127.0.0.11", False),
        ("::1", "127.0.0.1", False),
    ],
)
def test_an_address_is_met_in_any_spelling(listens: str, address: str, *, met: bool) -> None:
    assert Listener(listens, 80, "", "", "").meets(address) is met


def test_one_port_for_two_things_is_refused(run_module: RunModule, free: int) -> None:
    result = run_module("port_check", ports={"spark_master_port": free, "spark_worker_port": free})
    assert f"spark_master_port and spark_worker_port are both {free}" in result["msg"]
