"""Compare a host's accounts with the users of RStudio Server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import LabError
from ..files import read_json

FIRST_USER_ID = 1000
NOBODY_ID = 65534
FACT = "ansible/facts.d/labserver_rstudio_server.fact"
DROPIN = "systemd/system/rstudio-server.service.d/labserver.conf"
NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class User:
    """A user as the role's variable describes it."""

    name: str
    state: str
    groups: list[str]
    password: str
    remove_home: bool


@dataclass(frozen=True)
class Account:
    """An account of the host. Of its password no more is kept than whether there is one."""

    uid: int
    gid: int
    comment: str
    has_password: bool
    locked: bool
    # What stands in place of a password: `locked` for one that is locked, and nothing for one that is not
    no_password: str


@dataclass(frozen=True)
class Accounts:
    """The host's accounts and groups, by name."""

    accounts: dict[str, Account]
    group_ids: dict[str, int]
    members: dict[str, frozenset[str]]

    def in_group(self, user: str, group: str) -> bool:
        """Whether the user is a member of the group, or has it as primary group."""
        account = self.accounts.get(user)
        primary = account is not None and account.gid == self.group_ids.get(group)
        return primary or user in self.members.get(group, ())


@dataclass
class AccountChanges:
    """What there is to do, each a list of names unless said otherwise."""

    missing_groups: list[str] = field(default_factory=list)
    # Accounts to create, or to add to groups: name, groups, and whether the account exists
    to_create: list[dict[str, Any]] = field(default_factory=list)
    to_set_password: list[str] = field(default_factory=list)
    to_lock: list[str] = field(default_factory=list)
    to_unlock: list[str] = field(default_factory=list)
    # Locked users who are in the group that may log in
    to_expel: list[str] = field(default_factory=list)
    # Accounts to remove: name, remove_home
    to_remove: list[dict[str, Any]] = field(default_factory=list)
    # Accounts from before the role: name, groups to leave, what stood in place of a password, and `left`, groups that
    # it was taken out of
    to_restore: list[dict[str, Any]] = field(default_factory=list)
    groups_to_remove: list[str] = field(default_factory=list)


def read_accounts(etc: Path) -> Accounts:
    """Read passwd, shadow and group."""

    def lines(name: str) -> list[list[str]]:
        text = (etc / name).read_text(encoding="utf-8", errors="surrogateescape")
        return [line.split(":") for line in text.split("\n") if ":" in line]

    passwords = {fields[0]: fields[1] for fields in lines("shadow")}
    accounts = {
        name: Account(
            uid=int(uid),
            gid=int(gid),
            comment=comment,
            has_password=passwords.get(name, "").strip("!*") != "",
            locked=passwords.get(name, "").startswith("!"),
            no_password=_no_password(passwords.get(name, "")),
        )
        for name, _, uid, gid, comment, *_rest in lines("passwd")
        if uid.isdigit() and gid.isdigit()
    }
    groups = [fields for fields in lines("group") if fields[2].isdigit()]
    return Accounts(
        accounts=accounts,
        group_ids={fields[0]: int(fields[2]) for fields in groups},
        members={fields[0]: frozenset(fields[3].split(",")) for fields in groups},
    )


def _no_password(password: str) -> str:
    if password.strip("!*"):
        return "locked" if password.startswith("!") else ""
    return password


def check_server(etc: Path) -> None:
    """Raise a LabError for a server, or a configuration of one, that another than the role has put there."""
    # One that was out of reach, as the record may say, is not there by the role
    if (etc / DROPIN).exists() or read_json(etc / FACT).get("state") == "ready":
        return
    if (etc.parent / "usr/lib/rstudio-server/bin/rserver").exists():
        raise LabError(
            "RStudio Server is installed already, and not by this role, which would replace its configuration: leave it"
            " and run with --skip-tags rstudio_server, or uninstall the package rstudio-server first"
        )
    file = etc / "rstudio/rserver.conf"
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    if any(line.strip() and not line.startswith("#") for line in text.splitlines()):
        raise LabError(
            f"{file} holds settings that are not the role's: write them into rstudio_server_config, and move it away"
        )


def check_names(names: list[str], accounts: dict[str, Account]) -> None:
    """Raise a LabError for a name that no user may have."""
    system = {"nobody"} | {
        name for name, account in accounts.items() if account.uid < FIRST_USER_ID or account.uid == NOBODY_ID
    }
    found = {
        "a name that is not of small letters, digits, - and _": {
            name for name in names if not NAME.fullmatch(name) and name not in accounts
        },
        "a name that is given twice": {name for name in names if names.count(name) > 1},
        "the name of an account of the system": system.intersection(names),
    }
    problems = [f"{problem} ({', '.join(sorted(wrong))})" for problem, wrong in found.items() if wrong]
    if problems:
        raise LabError(f"rstudio_server_users has {', '.join(problems)}. Give each user once, by another name.")


def plan_changes(
    users: list[User], found: Accounts, login_group: str, password: str, interrupted: list[str]
) -> AccountChanges:
    """Compare. `interrupted` are users whose password a run was setting when it ended."""
    check_names([user.name for user in users], found.accounts)
    changes = AccountChanges()
    for user in users:
        account = found.accounts.get(user.name)
        if user.state == "absent":
            if account:
                changes.to_remove.append({"name": user.name, "remove_home": user.remove_home})
            continue
        present = user.state == "present"
        groups = [*user.groups, *([login_group] if present else [])]
        if not account or not all(found.in_group(user.name, group) for group in groups):
            changes.to_create.append({"name": user.name, "groups": groups, "exists": account is not None})
        if not present:
            if account and account.has_password and not account.locked:
                changes.to_lock.append(user.name)
            if user.name in found.members.get(login_group, ()):
                changes.to_expel.append(user.name)
        elif (
            not account or not account.has_password or "reset" in (password, user.password) or user.name in interrupted
        ):
            changes.to_set_password.append(user.name)
        elif account.locked:
            changes.to_unlock.append(user.name)
    named = [login_group, *(group for user in users if user.state != "absent" for group in user.groups)]
    changes.missing_groups = [group for group in dict.fromkeys(named) if group not in found.group_ids]
    return changes


def history(
    changes: AccountChanges, found: Accounts, comment: str, login_group: str, known: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is known of the host before the role, with what the changes are about to change."""
    created = {*known.get("groups", []), *changes.missing_groups}
    accounts: dict[str, Any] = {name: dict(before) for name, before in known.get("accounts", {}).items()}
    for name, account in found.accounts.items():
        if account.comment == comment:
            continue
        asked = [one["groups"] for one in changes.to_create if one["name"] == name]
        added = [group for groups in asked for group in groups if not found.in_group(name, group)]
        password = account.no_password if name in [*changes.to_set_password, *changes.to_unlock] else ""
        password = "unlocked" if name in changes.to_lock else password
        was_member = name in changes.to_expel and login_group not in created
        if added or password or was_member:
            before = accounts.setdefault(name, {"groups": [], "password": password})
            if was_member and login_group not in before["groups"]:
                before["left"] = [login_group]
            before["groups"] = sorted({*before["groups"], *added} - {*before.get("left", [])})
            before["password"] = before["password"] or password
    return {"groups": sorted(created), "accounts": accounts}


def plan_removal(
    users: list[User], found: Accounts, comment: str, login_group: str, known: Mapping[str, Any], etc: Path
) -> AccountChanges:
    """Return the accounts of these users that carry the comment by which the role marks its own.

    Other accounts get back what they had; groups go that the role created, and that nobody else is in.
    """
    changes = AccountChanges(
        to_remove=[
            {"name": user.name, "remove_home": user.remove_home}
            for user in users
            if user.name in found.accounts and found.accounts[user.name].comment == comment
        ]
    )
    removed = {account["name"] for account in changes.to_remove}
    accounts = known.get("accounts", {})
    for name in sorted(found.accounts.keys() & accounts.keys() - removed):
        groups = [group for group in accounts[name]["groups"] if name in found.members.get(group, ())]
        password = accounts[name]["password"]
        if found.accounts[name].no_password == password or (
            password == "unlocked" and not found.accounts[name].locked  # noqa: S105 - no password
        ):
            password = ""
        left = [group for group in accounts[name].get("left", []) if not found.in_group(name, group)]
        if groups or password or left:
            restored = {"name": name, "groups": groups, "password": password}
            changes.to_restore.append({**restored, "left": left} if left else restored)
    # An earlier release kept no record; it had the login group to itself
    groups = known.get("groups", [login_group] if (etc / FACT).exists() else [])
    for group in groups:
        leaving = {one["name"] for one in changes.to_restore if group in one["groups"]}
        others = {*found.members.get(group, ())} - removed - leaving - {""}
        if group in found.group_ids and (group == login_group or not others):
            changes.groups_to_remove.append(group)
    return changes
