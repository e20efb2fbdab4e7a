#!/usr/bin/python
"""Ansible module: the hashes of passwords that Jupyter's servers read."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_passwords
short_description: Hashes the passwords of users for their Jupyter servers
description:
  - Keeps one file a user, which root alone can read, with the hash of the password as Jupyter's
    C(PasswordIdentityProvider) reads it. Each hash has a salt of its own, so one that matches the password stays.
  - Runs in a Python that has C(argon2-cffi), as Jupyter's environment has.
options:
  path:
    description: The folder of the hashes, which holds nothing else, and is made where it is missing.
    type: path
    required: true
  users:
    description: The users. Files of others are removed.
    type: list
    elements: str
    required: true
  passwords:
    description: The passwords that are known, by user. A user who has none here keeps the hash that is there.
    type: dict
    required: true
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Hash the passwords
  jupyter_passwords:
    path: /etc/labserver-jupyter/passwords
    users: [anna]
    passwords: {anna: "{{ lookup('ansible.builtin.file', '.secrets/host/anna') }}"}
"""

RETURN = r"""
unknown:
  description: Users who have neither a password here nor a hash.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

try:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError
except ImportError:
    HAS_ARGON2 = False
else:
    HAS_ARGON2 = True

PREFIX = "argon2:"


def matches(file: Path, password: str) -> bool:
    """Return whether a file holds a hash of the password."""
    text = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    try:
        return text.startswith(PREFIX) and bool(PasswordHasher().verify(text[len(PREFIX) :], password))
    except (InvalidHashError, VerificationError):
        return False


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "users": {"type": "list", "elements": "str", "required": True},
            "passwords": {"type": "dict", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    if not HAS_ARGON2:
        module.fail_json(msg="This Python has no argon2-cffi: set ansible_python_interpreter to that of Jupyter")
    folder, users, passwords = Path(module.params["path"]), module.params["users"], module.params["passwords"]
    closed = folder.is_dir() and folder.stat().st_mode & 0o777 == 0o700
    wrong = [user for user in users if user in passwords and not matches(folder / user, passwords[user])]
    others = [file for file in folder.iterdir() if file.name not in users] if folder.is_dir() else []
    if not module.check_mode:
        if not closed:
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        for file in others:
            file.unlink()
        for user in wrong:
            # As much work as Jupyter's own
            hasher = PasswordHasher(memory_cost=10240, time_cost=10, parallelism=8)
            draft = folder / f".{user}"  # one that a killed run leaves is another's, and removed by the next
            draft.touch(mode=0o600)
            draft.write_text(f"{PREFIX}{hasher.hash(passwords[user])}\n", encoding="utf-8")
            draft.replace(folder / user)
    unknown = [user for user in users if user not in passwords and not (folder / user).exists()]
    module.exit_json(changed=bool(wrong or others or not closed), unknown=unknown)


if __name__ == "__main__":
    main()
