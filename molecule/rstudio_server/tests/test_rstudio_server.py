"""The server as its users see it, on a stand-in for the vendor's package. No test prints a password."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

SECRETS = "/srv/standin/secrets"
WORK = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", "."))
Browse = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def kept(host: Host) -> Path:
    """The folder on this machine with the host's passwords."""
    return WORK / "secrets" / str(host.ansible.get_variables()["inventory_hostname"])


@pytest.fixture
def session(host: Host, sign_in: Browse) -> Iterator[dict[str, Any]]:
    """A session of the student."""
    yield sign_in("student", "/session")[-1]
    host.run("pkill --exact rsession")


def test_no_page_shows_a_password(kept: Path, sign_in: Browse) -> None:
    text = "".join(answer["text"] for answer in sign_in("student", "/", "/session"))
    assert not any(file.read_text().strip() in text for file in kept.iterdir())


def test_passwords_are_kept_here_for_their_owner_alone(kept: Path) -> None:
    assert {file.name for file in kept.iterdir()} == {"student", "teacher"}
    assert {oct(path.stat().st_mode)[-3:] for path in (kept, kept.parent)} == {"700"}
    assert {oct(path.stat().st_mode)[-3:] for path in kept.iterdir()} == {"600"}
    passwords = {file.read_text().strip() for file in kept.iterdir()}
    assert {len(password) for password in passwords} == {20}
    assert len(passwords) == 2


def test_users_do_not_read_each_others_files(host: Host) -> None:
    assert host.file("/home/student").mode == 0o700


@pytest.mark.parametrize("user", ["student", "teacher"])
def test_no_list_of_processes_and_no_log_held_a_password(host: Host, kept: Path, user: str) -> None:
    """What is searched for is read from files, so that the search itself puts it nowhere."""
    host.check_output(f"getent shadow {user} | cut -d: -f2 >{SECRETS}/{user}.hash")
    for wanted in (f"{SECRETS}/{user}", f"{SECRETS}/{user}.hash"):
        assert host.run(f"test -s {wanted}").succeeded
        for where in (
            "cat /srv/standin/commands",
            "journalctl --no-pager --output=verbose",
            "find /var/log /run/log /tmp /root /etc/rstudio /etc/ansible /home -type f -exec cat {} +",
        ):
            found = host.run(f"{where} | grep --quiet --text --fixed-strings --file={wanted}")
            assert found.rc == 1, f"{where} holds what {wanted} does"
    log = (WORK / "ansible.log").read_text()
    assert (kept / user).read_text().strip() not in log


def test_that_search_would_have_found_one(host: Host) -> None:
    """The command line, the journal and the log are those of the tasks that handle passwords."""
    assert host.run("grep --quiet '^chpasswd' /srv/standin/commands").succeeded
    assert host.run(
        "journalctl --no-pager | grep --quiet 'ansible-ansible.builtin.user.*Invoked with.*name=student'"
    ).succeeded
    assert "Set the passwords" in (WORK / "ansible.log").read_text()


def test_a_session_runs_as_its_user(host: Host, session: dict[str, Any]) -> None:
    assert f'"uid": {host.user("student").uid}' in session["text"]
    assert '"home": "/home/student"' in session["text"]


def test_further_groups_were_made(host: Host) -> None:
    assert set(host.user("teacher").groups) >= {"lab-staff", "rstudio-users"}


def test_one_who_was_to_go_is_gone_and_the_home_folder_is_not(host: Host) -> None:
    assert not host.user("leaver").exists
    assert host.file("/home/leaver").is_directory


def test_the_limits_hold_for_the_server_and_its_sessions(host: Host, session: dict[str, Any]) -> None:
    assert session["status"] == 200
    shown = host.check_output("systemctl show rstudio-server --property=MemoryMax,TasksMax,OOMPolicy").splitlines()
    assert set(shown) == {f"MemoryMax={256 << 20}", "TasksMax=200", "OOMPolicy=continue"}
    group = host.check_output("systemctl show rstudio-server --value --property=ControlGroup")
    assert group in host.check_output("cat /proc/$(pgrep --exact rsession)/cgroup")


def test_a_session_that_takes_too_much_ends_alone(host: Host, sign_in: Browse) -> None:
    controlled = host.check_output("grep -E ':memory:.*rstudio|^0::' /proc/$(pgrep --exact rserver)/cgroup || true")
    if not controlled or (
        ":memory:" not in controlled and "memory" not in host.run("cat /sys/fs/cgroup/cgroup.controllers").stdout
    ):
        pytest.skip("this container may not limit memory")
    server = host.check_output("pgrep --exact rserver")
    # What is beyond the limit goes to swap first, if the machine has any
    swap = int(host.check_output("awk '/^SwapFree:/ { print int($2 / 1024) }' /proc/meminfo"))
    assert sign_in("student", f"/session/grow?mb={400 + swap}")[-1]["status"] == 503
    assert host.run("pgrep --exact rsession").rc == 1
    assert host.check_output("pgrep --exact rserver") == server
    assert sign_in("student", "/session")[-1]["status"] == 200
