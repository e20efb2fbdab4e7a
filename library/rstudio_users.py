#!/usr/bin/python
"""Ansible module: what there is to do about the accounts of RStudio Server's users."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rstudio_users
short_description: Compares the host's accounts with the users of RStudio Server
description:
  - Reads C(passwd), C(shadow) and C(group), and returns the names of users for whom something has to be done. Changes
    no account, and returns no password and no hash. Fails for a name that no user may have, above all that of an
    account of the system.
  - Before it says what to do, it records what accounts and groups were before the role, without hashes, in
    C(/var/lib/labserver/rstudio_server.json), for the removal to put back.
  - Fails as well where another program has the port, and where RStudio Server is there that is not the role's.
options:
  users:
    description: The users.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the account.
        type: str
        required: true
      state:
        description: V(locked) keeps the account and lets nobody in, V(absent) removes the account.
        type: str
        choices: [present, locked, absent]
        default: present
      groups:
        description: Further groups of the user.
        type: list
        elements: str
        default: []
      password:
        description: V(reset) gives the user another password.
        type: str
        choices: [keep, reset]
        default: keep
      remove_home:
        description: Whether the home folder goes with the account.
        type: bool
        default: false
  state:
    description: V(absent) returns in RV(to_remove) the accounts of O(users) that carry O(comment), and nothing else.
    type: str
    choices: [present, absent]
    default: present
  group:
    description: The group whose members may log in.
    type: str
    required: true
  comment:
    description: The comment (GECOS field) of the accounts that the role created.
    type: str
    required: true
  password:
    description: V(reset) gives every user another password. A user without one is given one in any case.
    type: str
    choices: [keep, reset]
    default: keep
  interrupted:
    description: Users whose password an earlier run was setting when it ended. It is set again.
    type: list
    elements: str
    default: []
  port:
    description: The port of the server, which no other program may have. 0 for none.
    type: int
    default: 0
  address:
    description: The address that it listens on.
    type: str
    default: 0.0.0.0
  etc:
    description: Folder of C(passwd), C(shadow) and C(group).
    type: path
    default: /etc
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Compare the accounts with the users
  rstudio_users:
    users: [{name: anna, groups: [staff]}, {name: ben, state: locked}]
    group: rstudio-users
    comment: RStudio user
  register: accounts
"""

RETURN = r"""
missing_groups:
  description: Groups to create.
  returned: success
  type: list
  elements: str
to_create:
  description: Accounts to create, or to add to groups. Each has C(name), all C(groups) that the user has to be in, and
    C(exists), whether there is an account.
  returned: success
  type: list
  elements: dict
to_set_password:
  description: Users to give a password. That unlocks the account too.
  returned: success
  type: list
  elements: str
to_lock:
  description: Users whose password to lock.
  returned: success
  type: list
  elements: str
to_unlock:
  description: Users whose password to unlock.
  returned: success
  type: list
  elements: str
to_expel:
  description: Locked users to take out of O(group), and whose sessions to end.
  returned: success
  type: list
  elements: str
to_remove:
  description: Accounts to remove, with O(users[].name) and O(users[].remove_home).
  returned: success
  type: list
  elements: dict
to_restore:
  description: With O(state=absent), accounts from before the role. Each has C(name), the C(groups) that the role added
    it to, and the C(password) field that it had when it had none, C(locked) when it had a locked one, C(unlocked) when
    the role locked it, or nothing; and C(left), groups that the role took it out of.
  returned: success
  type: list
  elements: dict
groups_to_remove:
  description: With O(state=absent), groups that the role created and that nobody else is in.
  returned: success
  type: list
  elements: str
pending:
  description: Whether there is anything to do.
  returned: success
  type: bool
"""

from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.ports import check_ports
from ansible.module_utils.labserver.record import Record
from ansible.module_utils.labserver.rstudio.accounts import (
    User,
    check_server,
    history,
    plan_changes,
    plan_removal,
    read_accounts,
)


def main() -> None:
    """Run the module."""
    password = {"type": "str", "choices": ["keep", "reset"], "default": "keep", "no_log": False}
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "users": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "state": {"type": "str", "choices": ["present", "locked", "absent"], "default": "present"},
                    "groups": names,
                    "password": password,
                    "remove_home": {"type": "bool", "default": False},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "group": {"type": "str", "required": True},
            "comment": {"type": "str", "required": True},
            "password": password,
            "interrupted": names,
            "port": {"type": "int", "default": 0},
            "address": {"type": "str", "default": "0.0.0.0"},  # noqa: S104 - compared with, not bound to
            "etc": {"type": "path", "default": "/etc"},
        },
        supports_check_mode=True,
    )
    options = module.params
    users = [User(**user) for user in options["users"]]
    try:
        etc = Path(options["etc"])
        record = Record("rstudio_server", etc.parent)
        found = read_accounts(etc)
        if options["state"] == "absent":
            changes = plan_removal(users, found, options["comment"], options["group"], record.content, etc)
        else:
            changes = plan_changes(users, found, options["group"], options["password"], options["interrupted"])
            check_server(etc)
            if options["port"]:
                check_ports({"rstudio_server_port": options["port"]}, ["rstudio-server"], options["address"])
            before = history(changes, found, options["comment"], options["group"], record.content)
            if before != record.content and not module.check_mode:
                record.write(before)
    except LabError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=explain(error))
    result = asdict(changes)
    module.exit_json(changed=False, pending=any(result.values()), **result)


if __name__ == "__main__":
    main()
