"""After the removal: the host is what it was before."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

import pytest
from testinfra.host import Host

# What may differ, and why
MAY_DIFFER = {
    "/etc/passwd*": "accounts are compared by their lines",
    "/etc/shadow*": "accounts are compared by their lines",
    "/etc/group*": "accounts are compared by their lines",
    "/etc/gshadow*": "accounts are compared by their lines",
    "/etc/sub[ug]id*": "accounts are compared by their lines",
    "/etc/.pwd.lock": "the lock of the accounts",
    "/etc/ld.so.cache": "an index of the libraries of packages",
    "/var/lib/dpkg/*": "the package manager's own records",
    "/var/lib/ucf/*": "the package manager's own records",
    "/var/lib/systemd/*": "systemd's own records",
    "/etc/alternatives/*": "links of packages that stay: libraries and compilers",
    "/usr/share/*/*cache*": "an index of packages",
    "/home/student*": "home folders are kept",
    "/home/administrator/.ansible*": "Ansible's temporary folder",
    "/etc/ansible*": "the folder of local facts, with that of build_deps, whose packages stay",
    "/var/lib/apache2/module/*abled_by_admin": "Debian's records of modules, empty",
}
OF_PACKAGE = "rstudio-server:"  # RStudio Server's own account, which its package makes and leaves


@pytest.fixture(scope="module")
def surveys(host: Host) -> dict[str, Any]:
    return {name: json.loads(host.file(f"/root/survey/{name}.json").content_string) for name in ("before", "after")}


def may_differ(path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in MAY_DIFFER)


def test_files_from_before_have_their_bytes_owner_and_mode(surveys: dict[str, Any]) -> None:
    before, after = surveys["before"]["files"], surveys["after"]["files"]
    changed = {path: (before[path], after.get(path)) for path in before if before[path] != after.get(path)}
    assert {path: change for path, change in changed.items() if not may_differ(path)} == {}


def test_new_files_are_those_of_packages_that_stay(surveys: dict[str, Any]) -> None:
    new = surveys["after"]["files"].keys() - surveys["before"]["files"].keys()
    owned = set(surveys["after"]["owned"])
    links = {path for path in new if str(surveys["after"]["files"][path][-1]).startswith("/etc/alternatives/")}
    unowned = {path for path in new - links if path not in owned and path.replace("/usr", "", 1) not in owned}
    assert sorted(path for path in unowned if not may_differ(path)) == []


def test_accounts_and_groups_are_those_from_before(surveys: dict[str, Any]) -> None:
    for name, lines in surveys["before"]["accounts"].items():
        after = {line for line in surveys["after"]["accounts"][name] if not line.startswith(OF_PACKAGE)}
        assert after == set(lines), name


def test_packages_from_before_are_there(surveys: dict[str, Any]) -> None:
    assert not set(surveys["before"]["packages"]) - set(surveys["after"]["packages"])


@pytest.mark.parametrize(
    ("name", "port", "text"), [("localhost", 80, "front"), ("wiki.example.org", 80, "wiki"), ("x", 8090, "shop")]
)
def test_the_sites_of_others_answer(host: Host, name: str, port: int, text: str) -> None:
    code = (
        "import sys, urllib.request as u;"
        "r = u.Request(f'http://127.0.0.1:{sys.argv[2]}/', headers={'Host': sys.argv[1]});"
        "print(u.urlopen(r).read().decode())"
    )
    answer = host.check_output("python3 -c %s %s %s", code, name, str(port))
    assert answer.strip() == f"this is the {text}"


def test_our_ports_are_closed(host: Host) -> None:
    assert not any(name.endswith((":8081", ":8787")) for name in host.socket.get_listening_sockets())


def test_r_still_loads_what_others_installed(host: Host) -> None:
    assert host.check_output("Rscript -e 'library(iterators); library(theirs); cat(seven())'") == "7"


def test_the_page_of_others_is_served_still(fetch: Callable[..., Any]) -> None:
    assert fetch("/", port=80).text.strip() == "this is the front"
