#!/usr/bin/python
"""Ansible module: one run at a time on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_lock
short_description: Lets one run at a time configure a host
description:
  - Records on the host which run configures it, and fails, with who that is and since when, where another run does.
  - >-
    The record holds while that run lives. A run of the same controller lives as long as its process; one of another
    controller as long as its SSH connection, which Ansible keeps for a minute after its last task. A reboot ends it.
  - Fails as well for a host that the same run has by another name.
  - Then waits for whatever holds the locks of apt and dpkg, such as the upgrades of a machine that has just booted.
  - C(run) and C(alive) are set by the action plugin of the same name.
options:
  path:
    description: The record, in a folder that a reboot empties.
    type: path
    default: /run/labserver-run.json
  run:
    description: The run; C(controller), C(process), C(user), C(playbook), and C(host), its name in the inventory.
    type: dict
  alive:
    description: The processes of Ansible that live on the controller.
    type: list
    elements: str
    default: []
  package_locks:
    description: Files that the package manager locks.
    type: list
    elements: path
    default: [/var/lib/dpkg/lock-frontend, /var/lib/dpkg/lock, /var/lib/apt/lists/lock]
  lock_timeout:
    description: How long to wait for these, in seconds.
    type: int
    default: 600
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  platform:
    platforms: posix
  check_mode:
    support: full
  diff_mode:
    support: none
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Let no other run configure the host at the same time
  run_lock:
"""

RETURN = r"""
run:
  description: The record.
  returned: success
  type: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.run_lock import take, wait_for_locks


def main() -> None:
    """Run the module."""
    locks = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock"]
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/run/labserver-run.json"},
            "run": {"type": "dict"},
            "alive": {"type": "list", "elements": "str", "default": []},
            "package_locks": {"type": "list", "elements": "path", "default": locks},
            "lock_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        record = take(Path(params["path"]), params["run"], params["alive"], write=not module.check_mode)
        waited = wait_for_locks([Path(path) for path in params["package_locks"]], params["lock_timeout"])
    except (LabError, OSError) as error:
        module.fail_json(msg=explain(error))
    if waited:
        module.warn(waited)
    module.exit_json(changed=False, run=record)


if __name__ == "__main__":
    main()
