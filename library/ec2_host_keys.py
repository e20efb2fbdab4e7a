#!/usr/bin/python
"""Ansible module: pins the SSH host keys of EC2 machines."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_host_keys
short_description: Pins the SSH host keys of EC2 machines
description:
  - Reads the public host keys that cloud-init wrote on a machine's console, which only the owner of the account can
    read, and puts them into a known_hosts file, with the id of the instance behind them, where it keeps the lines of
    other machines. Keys that are known as those of another instance are replaced, and so are keys without an id (SSH
    notes none) where the console shows others.
  - A machine whose console does not show them within O(wait) is left to SSH, which pins the key of the first
    connection (C(StrictHostKeyChecking=accept-new)).
options:
  machines:
    description: The machines.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: Address by which SSH reaches it.
        type: str
        required: true
      id:
        description: Id of the instance. Required with O(state=present).
        type: str
      name:
        description: Its name, which is for people.
        type: str
      new:
        description: Whether the machine was created just now, so that known keys of its address are those of another.
        type: bool
        default: false
  path:
    description: The known_hosts file. Its folder is created if it does not exist.
    type: path
    required: true
  state:
    description: V(absent) removes the addresses.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: Seconds to wait for the keys of machines that are new.
    type: int
    default: 90
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
    details: In check mode it reads the consoles once.
  diff_mode:
    description: Returns details on what has changed, in diff mode.
    support: full
    details: Shows the file before and after.
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Pin the keys of a machine that was just created
  ec2_host_keys:
    machines: [{id: i-0123456789abcdef0, address: 203.0.113.7, new: true}]
    region: us-west-2
    path: .secrets/known_hosts

- name: Remove an address that was released
  ec2_host_keys:
    machines: [{address: 203.0.113.7}]
    path: .secrets/known_hosts
    state: absent
"""

RETURN = r"""
learned:
  description: Addresses whose keys were read from the console, now or when the machine had another address.
  returned: success
  type: list
  elements: str
replaced:
  description: Addresses of which other keys were known, those of a machine that had them before.
  returned: success
  type: list
  elements: str
unknown:
  description: Addresses whose keys are not known; the first connection pins them.
  returned: success
  type: list
  elements: str
unproven:
  description: Addresses of which no console showed the keys, now or before; what is known of them SSH has pinned.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.common.warnings import warn
from ansible.module_utils.labserver.aws.console import (
    add_keys,
    console_output,
    is_about,
    is_known,
    keys_of,
    known_instances,
    remove_keys,
    wait_for_keys,
)
from ansible.module_utils.labserver.aws.errors import explained
from ansible.module_utils.labserver.aws.module import clients_of
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.files import replacing
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def is_new(machine: dict[str, Any], known: str) -> bool:
    """Whether the keys that are known of the address, if any, are of another machine."""
    instances = known_instances(known, machine["address"])
    return machine["new"] or bool(instances and machine["id"] not in instances)


def keys_from_consoles(module: AnsibleAWSModule, before: str) -> dict[str, list[str]]:
    """Read the consoles of the instances that are new, or whose keys are not in the file as theirs."""
    machines = module.params["machines"]
    unknown = [one for one in machines if one["new"] or one["id"] not in known_instances(before, one["address"])]
    # Without an Elastic IP, an instance has another address after each start, and its keys stay
    kept = {one["address"]: keys_of(before, one["id"]) for one in unknown if not one["new"]}
    moved = {address: keys for address, keys in kept.items() if keys}
    unknown = [one for one in unknown if one["address"] not in moved]
    if not unknown:
        return moved
    wait = module.params["wait"] if any(is_new(one, before) for one in unknown) and not module.check_mode else 0
    clients = clients_of(module)
    ec2 = clients.client("ec2")
    with explained(clients.region):
        keys: dict[str, list[str]] = wait_for_keys(unknown, lambda instance: console_output(ec2, instance), wait)
    return {**moved, **keys}


def changed_keys(before: str, after: str, addresses: list[str]) -> list[str]:
    """Return the addresses whose known keys are no longer in the file."""

    def keys(text: str, address: str) -> set[str]:
        return {" ".join(line.split()[1:3]) for line in text.splitlines() if is_about(line, address)}

    return [
        address for address in addresses if keys(before, address) and not keys(before, address) & keys(after, address)
    ]


def write(path: Path, text: str) -> None:
    """Put the file in place, whole, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write(text.encode())
    path.chmod(0o600)


def main() -> None:
    """Run the module."""
    machine = {
        "address": {"type": "str", "required": True},
        "id": {"type": "str"},
        "name": {"type": "str"},
        "new": {"type": "bool", "default": False},
    }
    module = AnsibleAWSModule(
        argument_spec={
            "machines": {"type": "list", "elements": "dict", "required": True, "options": machine},
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wait": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    path, machines = Path(module.params["path"]), module.params["machines"]
    addresses = [one["address"] for one in machines]
    found: dict[str, list[str]] = {}
    replaced: list[str] = []
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if module.params["state"] == "absent":
            after = remove_keys(before, addresses)
        else:
            found = keys_from_consoles(module, before)
            kept = remove_keys(before, [one["address"] for one in machines if is_new(one, before)])
            after = add_keys(kept, found, {one["address"]: one["id"] for one in machines})
            replaced = changed_keys(before, after, addresses)
        if after != before and not module.check_mode:
            write(path, after)
    except LabError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=explain(error))
    unproven = [
        one["address"]
        for one in machines
        if module.params["state"] == "present" and one["id"] not in known_instances(after, one["address"])
    ]
    for address in replaced:
        # Not by the module, which passes it to exit_json in a way that ansible-core deprecates
        warn(f"{address} is the address of another machine now: the host key of the one before is forgotten")
    module.exit_json(
        changed=after != before,
        learned=sorted(found),
        replaced=replaced,
        unknown=[address for address in addresses if not is_known(after, address)],
        unproven=unproven,
        diff={"before": before, "after": after},
    )


if __name__ == "__main__":
    main()
