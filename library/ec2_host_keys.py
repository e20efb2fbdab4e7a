#!/usr/bin/python
"""Ansible module: pins the SSH host keys of EC2 machines."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_host_keys
short_description: Pins the SSH host keys of EC2 machines
description:
  - cloud-init writes a machine's public host keys on its console, which only the owner of the account can read. This
    module reads them there and puts them into a known_hosts file of the project, so that the first connection already
    knows whom it talks to.
  - A machine whose console does not show them within O(wait) is left to SSH, which pins the key of the first
    connection (C(StrictHostKeyChecking=accept-new)).
  - What is in the file about other machines is kept.
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
      new:
        description: Whether the machine was made just now, so that what is known of its address is not of it.
        type: bool
        default: false
  path:
    description: The known_hosts file. Its folder is made if it is not there.
    type: path
    required: true
  state:
    description: V(absent) forgets the addresses.
    type: str
    choices: [present, absent]
    default: present
  region:
    description: The region. Required with O(state=present).
    type: str
  wait:
    description: Seconds to wait for the keys of machines that are new.
    type: int
    default: 90
requirements: [boto3]
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
    details: In check mode it reads the consoles once.
  diff_mode:
    description: Shows the file before and after.
    support: full
author: labserver
"""

EXAMPLES = r"""
- name: Pin the keys of a machine that was just made
  ec2_host_keys:
    machines: [{id: i-0123456789abcdef0, address: 203.0.113.7, new: true}]
    region: us-west-2
    path: .secrets/known_hosts

- name: Forget an address that is given back
  ec2_host_keys:
    machines: [{address: 203.0.113.7}]
    path: .secrets/known_hosts
    state: absent
"""

RETURN = r"""
learned:
  description: Addresses whose keys were read from the console.
  returned: success
  type: list
  elements: str
unknown:
  description: Addresses whose keys are not known; the first connection pins them.
  returned: success
  type: list
  elements: str
"""

import contextlib
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.labserver.aws_resources import IMPORT_ERROR, client, explained
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.host_keys import Keys, console_of, forget, known, learn, listen, read

with contextlib.suppress(ImportError):  # told below
    import boto3


def listened(module: AnsibleModule, before: str) -> dict[str, Keys]:
    """Ask the consoles of the machines that are new, or that nobody knows yet."""
    region: str = module.params["region"]
    asked = [one for one in module.params["machines"] if one["new"] or not known(before, one["address"])]
    if not asked:
        return {}
    wait = module.params["wait"] if any(one["new"] for one in asked) and not module.check_mode else 0
    ec2 = client(boto3.session.Session(), "ec2", region)
    with explained(region):
        keys: dict[str, Keys] = listen(asked, lambda instance: console_of(ec2, instance), wait)
    return keys


def main() -> None:
    """Run the module."""
    machine = {
        "address": {"type": "str", "required": True},
        "id": {"type": "str"},
        "new": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={
            "machines": {"type": "list", "elements": "dict", "required": True, "options": machine},
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "region": {"type": "str"},
            "wait": {"type": "int", "default": 90},
        },
        required_if=[("state", "present", ["region"])],
        supports_check_mode=True,
    )
    path, machines = Path(module.params["path"]), module.params["machines"]
    addresses = [one["address"] for one in machines]
    found: dict[str, Keys] = {}
    try:
        before = read(path)
        if module.params["state"] == "absent":
            after = forget(before, addresses)
        elif IMPORT_ERROR:
            module.fail_json(msg=missing_required_lib("boto3"), exception=str(IMPORT_ERROR))
        else:
            found = listened(module, before)
            after = learn(forget(before, [one["address"] for one in machines if one["new"]]), found)
        if after != before and not module.check_mode:
            write(path, after)
    except LabError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=explain(error))
    module.exit_json(
        changed=after != before,
        learned=sorted(found),
        unknown=[address for address in addresses if not known(after, address)],
        diff={"before": before, "after": after},
    )


def write(path: Path, text: str) -> None:
    """Put the file in place, whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(path)


if __name__ == "__main__":
    main()
