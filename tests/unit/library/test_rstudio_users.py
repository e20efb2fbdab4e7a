"""What there is to do about the accounts of RStudio Server's users."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import RunModule

HASH = "$y$j9T$secret"
ACCOUNTS = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
anna:x:1000:1000:RStudio user:/home/anna:/bin/bash
ben:x:1001:1001:Ben, room 5:/home/ben:/bin/bash
carl:x:1002:1002:RStudio user:/home/carl:/bin/bash
dora:x:1003:1003::/home/dora:/bin/bash
"""
SHADOWS = f"""\
root:*:1::::::
daemon:*:1::::::
nobody:*:1::::::
anna:{HASH}:1::::::
ben:!{HASH}:1::::::
carl:!:1::::::
dora:{HASH}:1::::::
"""
GROUP = """\
root:x:0:
anna:x:1000:
staff:x:50:ben,dora
rstudio-users:x:2000:anna,ben,carl
"""
NOTHING: dict[str, object] = {
    "changed": False,
    "failed": False,
    "missing_groups": [],
    "to_create": [],
    "to_set_password": [],
    "to_lock": [],
    "to_unlock": [],
    "to_expel": [],
    "to_remove": [],
    "to_restore": [],
    "groups_to_remove": [],
    "pending": False,
}
Compare = Callable[..., dict[str, Any]]


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    etc = tmp_path / "etc"
    etc.mkdir()
    for name, text in (("passwd", ACCOUNTS), ("shadow", SHADOWS), ("group", GROUP)):
        (etc / name).write_text(text)
    return etc


@pytest.fixture
def compare(etc: Path, run_module: RunModule) -> Compare:
    """Compare these users; return what differs from a result that has nothing to do."""

    def run(*users: dict[str, object], **options: object) -> dict[str, Any]:
        given: dict[str, Any] = {
            "users": list(users),
            "group": "rstudio-users",
            "comment": "RStudio user",
            "etc": str(etc),
            **options,
        }
        result = run_module("rstudio_users", **given)
        result.pop("invocation", None)
        assert HASH not in str(result)
        return {key: value for key, value in result.items() if key not in NOTHING or value != NOTHING[key]}

    return run


def test_nothing_is_to_do_for_a_member_with_a_password(compare: Compare) -> None:
    assert compare({"name": "anna"}) == {}
    assert compare({"name": "anna", "groups": ["anna"]}) == {}  # the primary group counts


def test_check_mode_returns_the_same(etc: Path, run_module: RunModule) -> None:
    options: dict[str, Any] = {"users": [{"name": "eva"}], "group": "g", "comment": "", "etc": str(etc)}
    assert run_module("rstudio_users", check=True, **options) == run_module("rstudio_users", **options)


def test_a_new_user_is_created_and_given_a_password(compare: Compare) -> None:
    assert compare({"name": "eva", "groups": ["lab", "staff"]}) == {
        "missing_groups": ["lab"],
        "to_create": [{"name": "eva", "groups": ["lab", "staff", "rstudio-users"], "exists": False}],
        "to_set_password": ["eva"],
        "pending": True,
    }


def test_the_login_group_is_created_where_it_is_missing(compare: Compare) -> None:
    assert compare({"name": "anna"}, group="others")["missing_groups"] == ["others"]
    assert compare(group="others") == {"missing_groups": ["others"], "pending": True}


def test_an_account_from_before_is_added_to_the_group_and_keeps_its_password(compare: Compare) -> None:
    assert compare({"name": "dora"}) == {
        "to_create": [{"name": "dora", "groups": ["rstudio-users"], "exists": True}],
        "pending": True,
    }


def test_a_user_without_a_password_is_given_one(compare: Compare) -> None:
    assert compare({"name": "carl"}) == {"to_set_password": ["carl"], "pending": True}


@pytest.mark.parametrize(
    ("user", "options"),
    [({"password": "reset"}, {}), ({}, {"password": "reset"}), ({}, {"interrupted": ["anna", "someone"]})],
)
def test_a_password_is_set_again_when_it_is_asked_for_or_was_not_finished(
    compare: Compare, user: dict[str, object], options: dict[str, object]
) -> None:
    assert compare({"name": "anna", **user}, **options) == {"to_set_password": ["anna"], "pending": True}


def test_a_locked_user_is_unlocked_or_given_another_password_which_unlocks_too(compare: Compare) -> None:
    assert compare({"name": "ben"}) == {"to_unlock": ["ben"], "pending": True}
    assert compare({"name": "ben", "password": "reset"}) == {"to_set_password": ["ben"], "pending": True}


def test_a_user_is_locked_and_expelled_once(compare: Compare) -> None:
    assert compare({"name": "anna", "state": "locked", "password": "reset"}) == {
        "to_lock": ["anna"],
        "to_expel": ["anna"],
        "pending": True,
    }
    assert compare({"name": "ben", "state": "locked"}) == {"to_expel": ["ben"], "pending": True}
    assert compare({"name": "ben", "state": "locked"}, group="root") == {}


def test_a_locked_user_who_has_no_password_needs_no_lock(compare: Compare) -> None:
    assert compare({"name": "carl", "state": "locked"}) == {"to_expel": ["carl"], "pending": True}


def test_a_locked_user_is_created_too_but_is_not_let_in(compare: Compare) -> None:
    assert compare({"name": "eva", "state": "locked"}) == {
        "to_create": [{"name": "eva", "groups": [], "exists": False}],
        "pending": True,
    }


def test_an_absent_user_is_removed_once(compare: Compare) -> None:
    assert compare({"name": "dora", "state": "absent", "remove_home": True, "groups": ["new"]}) == {
        "to_remove": [{"name": "dora", "remove_home": True}],
        "pending": True,
    }
    assert compare({"name": "eva", "state": "absent"}) == {}


def test_the_removal_takes_the_accounts_that_the_role_created(compare: Compare) -> None:
    users = [{"name": name} for name in ("anna", "ben", "carl", "dora", "eva", "root")]
    assert compare(*users, state="absent") == {
        "to_remove": [{"name": "anna", "remove_home": False}, {"name": "carl", "remove_home": False}],
        "pending": True,
    }


@pytest.mark.parametrize(
    ("users", "message"),
    [
        (["daemon"], "account of the system (daemon)"),
        (["nobody", "root"], "account of the system (nobody, root)"),
        (["anna", "anna"], "given twice (anna)"),
        (["Anna"], "small letters, digits, - and _ (Anna)"),
        (["anna\n"], "small letters"),
        (["-rf"], "small letters"),
    ],
)
def test_a_name_that_no_user_may_have_is_refused(compare: Compare, users: list[str], message: str) -> None:
    result = compare(*({"name": name, "state": "absent"} for name in users))
    assert result["failed"]
    assert "rstudio_server_users" in result["msg"]
    assert message in result["msg"]


def test_an_unreadable_file_is_explained(compare: Compare, etc: Path) -> None:
    (etc / "shadow").unlink()
    assert "shadow" in compare({"name": "anna"})["msg"]


def test_an_account_that_is_there_may_have_a_name_that_the_role_would_not_give(compare: Compare, etc: Path) -> None:
    with (etc / "passwd").open("a") as passwd:
        passwd.write("anna.smith:x:1004:1004::/home/anna.smith:/bin/bash\n")
    assert compare({"name": "anna.smith"})["to_set_password"] == ["anna.smith"]
    assert "(ben.smith)" in compare({"name": "ben.smith"})["msg"]


def test_the_removal_gives_accounts_from_before_back_what_they_had(compare: Compare, etc: Path) -> None:
    """Carl had no password and Ben a locked one, Dora was not in the group; a second run keeps the first's record."""
    people: list[dict[str, object]] = [{"name": "ben", "groups": ["lab"]}, {"name": "dora"}]
    compare(*people, comment="ours")
    compare({"name": "carl"}, comment="ours")
    record = etc.parent / "var/lib/labserver/rstudio_server.json"
    assert HASH not in record.read_text()
    first = record.read_text()
    (etc / "shadow").write_text(SHADOWS.replace(f"ben:!{HASH}", f"ben:{HASH}").replace("carl:!", f"carl:{HASH}"))
    (etc / "group").write_text(GROUP.replace("carl", "carl,dora") + "lab:x:2001:ben\n")
    compare(*people, {"name": "carl"}, comment="ours")
    assert record.read_text() == first
    assert compare(*people, state="absent", comment="ours") == {
        "to_restore": [
            {"name": "ben", "groups": ["lab"], "password": "locked"},
            {"name": "carl", "groups": [], "password": "!"},
            {"name": "dora", "groups": ["rstudio-users"], "password": ""},
        ],
        "groups_to_remove": ["lab"],
        "pending": True,
    }


def test_an_account_from_before_that_was_locked_is_let_in_again(compare: Compare, etc: Path) -> None:
    """Anna had a password, and was in the group, which was there."""
    compare({"name": "anna", "state": "locked"}, comment="ours")
    (etc / "shadow").write_text(SHADOWS.replace(f"anna:{HASH}", f"anna:!{HASH}"))
    group = (etc / "group").read_text()
    (etc / "group").write_text(re.sub("(rstudio-users:x:[0-9]+:).*", r"\1carl", group))
    compare({"name": "anna", "state": "locked"}, comment="ours")
    removal = compare({"name": "anna"}, state="absent", comment="ours")
    assert removal["to_restore"] == [
        {"name": "anna", "groups": [], "password": "unlocked", "left": ["rstudio-users"]},
    ]
    # Let in again meanwhile
    (etc / "shadow").write_text(SHADOWS)
    (etc / "group").write_text(group)
    compare({"name": "anna"}, comment="ours")
    assert compare({"name": "anna"}, state="absent", comment="ours") == {}


def test_in_check_mode_nothing_is_recorded(run_module: RunModule, etc: Path) -> None:
    run_module("rstudio_users", check=True, users=[{"name": "eva"}], group="g", comment="", etc=str(etc))
    assert not (etc.parent / "var").exists()


def test_a_group_from_before_stays(compare: Compare) -> None:
    compare({"name": "dora"}, comment="ours")
    assert "groups_to_remove" not in compare({"name": "dora"}, state="absent", comment="ours")


def test_the_group_of_a_host_that_an_earlier_release_set_up_goes(compare: Compare, etc: Path) -> None:
    (etc / "ansible/facts.d").mkdir(parents=True)
    (etc / "ansible/facts.d/labserver_rstudio_server.fact").touch()
    assert compare({"name": "dora"}, state="absent", comment="ours")["groups_to_remove"] == ["rstudio-users"]


def test_a_server_of_others_is_refused(compare: Compare, etc: Path) -> None:
    (etc / "rstudio").mkdir()
    (etc / "rstudio/rserver.conf").write_text("# Server Configuration File\n\n")
    assert compare({"name": "anna"}) == {}
    (etc / "rstudio/rserver.conf").write_text("www-port=80\n")
    assert "rstudio_server_config" in compare({"name": "anna"})["msg"]
    program = etc.parent / "usr/lib/rstudio-server/bin/rserver"
    program.parent.mkdir(parents=True)
    program.touch()
    fact = etc / "ansible/facts.d/labserver_rstudio_server.fact"
    fact.parent.mkdir(parents=True)
    fact.write_text('{"state": "unavailable"}')  # then, and somebody has installed it since
    assert "--skip-tags rstudio_server" in compare({"name": "anna"})["msg"]
    (etc / "systemd/system/rstudio-server.service.d").mkdir(parents=True)
    (etc / "systemd/system/rstudio-server.service.d/labserver.conf").touch()
    assert compare({"name": "anna"}) == {}


def test_a_port_that_another_program_has_is_refused(compare: Compare) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = compare({"name": "anna"}, port=port)["msg"]
        assert f"port {port} is taken by" in message
        assert f"(pid {os.getpid()})" in message
        assert "set rstudio_server_port" in message
        assert compare({"name": "anna"}, port=port, address="127.0.0.2") == {}
