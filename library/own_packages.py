#!/usr/bin/python
"""Ansible module: which packages of the distribution a role has installed itself."""

from __future__ import annotations

DOCUMENTATION = r"""
module: own_packages
short_description: Tells packages that a role installed from those that were there before
description:
  - Records once, before a role installs its packages, which of them are there already, in
    C(/var/lib/labserver/<name>.json). By that record it tells at the removal which ones may go.
options:
  name:
    description: Name of the component, which is the name of its role.
    type: str
    required: true
  packages:
    description: The packages that the role installs, or removes.
    type: list
    elements: str
    required: true
  state:
    description: V(present), before the packages are installed; V(absent), before they are removed.
    type: str
    choices: [present, absent]
    required: true
  root:
    description: Folder that stands for the root of the file system, for tests.
    type: path
    default: /
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Record which packages are there
  own_packages:
    name: r_base
    packages: [r-base-core, r-base-dev]
    state: present
"""

RETURN = r"""
removable:
  description: The packages that the role installed and that nothing else needs.
  returned: with O(state=absent)
  type: list
  elements: str
used_by:
  description: The packages that people installed and that would go with them.
  returned: with O(state=absent)
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import explain
from ansible.module_utils.labserver.packages import dependents, installed
from ansible.module_utils.labserver.record import Record


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "packages": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "required": True},
            "root": {"type": "path", "default": "/"},
        },
        supports_check_mode=True,
    )
    name, packages = module.params["name"], module.params["packages"]
    root = Path(module.params["root"])
    record = Record(name, root)
    # An earlier release kept no record, and took all of them for its own
    known = bool(record.content) or (root / f"etc/ansible/facts.d/labserver_{name}.fact").exists()
    try:
        if module.params["state"] == "present":
            if not known and not module.check_mode:
                record.write({"before": installed(packages)})
            module.exit_json(changed=False)
        before = record.content.get("before", [])
        own = [package for package in installed(packages) if package not in before] if known else []
        used_by = dependents(own) if own else []
    except OSError as error:
        module.fail_json(msg=explain(error))
    module.exit_json(changed=False, removable=[] if used_by else own, used_by=used_by)


if __name__ == "__main__":
    main()
