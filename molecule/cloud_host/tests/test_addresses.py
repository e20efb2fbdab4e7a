"""Connections leave from the chosen address, as the server at the other end sees it."""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

ASK = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=60).read().decode().strip())"
CROWD = """
import sys, urllib.request, source_address
from concurrent.futures import ThreadPoolExecutor
url, *addresses = sys.argv[1:]
def ask(address):
    with source_address.bound_here(address):
        return urllib.request.urlopen(url, timeout=60).read().decode().strip()
requests = addresses * 20
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(ask, requests)) == requests
"""


@pytest.fixture
def spare(host: Host, servers: dict[str, Any]) -> list[str]:
    first = host.ansible.get_variables()["inventory_hostname"] == "molecule-debian12"
    return list(servers["spare"][:2] if first else servers["spare"][4:6])


def test_each_is_seen_at_the_other_end(host: Host, servers: dict[str, Any], spare: list[str]) -> None:
    own = host.check_output("python3 -c %s %s", ASK, servers["client_address"])
    assert own not in spare
    host.check_output("printf %%s %s > /srv/ask.py", ASK)
    for address in spare:
        seen = host.check_output("python3 -m source_address %s /srv/ask.py %s", address, servers["client_address"])
        assert seen == address


def test_each_thread_has_its_own(host: Host, servers: dict[str, Any], spare: list[str]) -> None:
    host.check_output("python3 -c %s %s %s %s", CROWD, servers["client_address"], *spare)


def test_an_address_of_another_host_is_refused(host: Host, servers: dict[str, Any], spare: list[str]) -> None:
    other = next(address for address in servers["spare"] if address not in spare)
    result = host.run("python3 -m source_address %s /srv/ask.py %s", other, servers["client_address"])
    assert result.rc == 2
    assert f"{other} is not an address of this host" in result.stderr
    assert all(address in result.stderr for address in spare)


def test_they_come_back_at_boot(host: Host, spare: list[str]) -> None:
    unit = "labserver-source-addresses.service"
    assert host.service(unit).is_enabled
    own = host.interface("eth0").addresses[0]
    host.check_output("systemctl stop %s", unit)
    assert host.interface("eth0").addresses[:1] == [own]
    assert not set(spare) & set(host.interface("eth0").addresses)
    # One that the system's own network configuration brings is left as it is
    host.check_output("ip address add %s/32 dev eth0", spare[0])
    host.check_output("systemctl start %s", unit)
    assert set(spare) <= set(host.interface("eth0").addresses)
    assert host.check_output("ip -4 -oneline address show to %s", spare[0]).count("inet ") == 1
    host.check_output("ip address del %s/32 dev eth0", spare[0])
    host.check_output("systemctl restart %s", unit)
