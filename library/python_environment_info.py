#!/usr/bin/python
"""Ansible module: whether a Python virtual environment works."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_environment_info
short_description: Returns whether a Python virtual environment works
description:
  - An environment works when its Python runs, is O(interpreter), every file of its packages is there in full, and
    the modules in O(imports) can be found. Nothing of it is imported.
options:
  path:
    description: The virtual environment.
    type: path
    required: true
  interpreter:
    description: The Python that the environment is to be made with. It is an error when it does not run.
    type: path
    required: true
  imports:
    description: Modules that are to be importable in the environment.
    type: list
    elements: str
    default: []
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: labserver
"""

EXAMPLES = r"""
- name: Inspect the environment
  python_environment_info:
    path: /opt/lab
    interpreter: /usr/bin/python3
    imports: [numpy]
  register: environment
"""

RETURN = r"""
works:
  description: Whether the environment works.
  returned: success
  type: bool
problem:
  description: Why it does not work; empty when it does.
  returned: success
  type: str
index_url:
  description: The package index that its pip is configured for; empty for pip's default.
  returned: success
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.python_environment import index_url, problem


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "interpreter": {"type": "path", "required": True},
            "imports": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    try:
        found = problem(path, module.params["interpreter"], module.params["imports"])
    except LabError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, works=not found, problem=found, index_url=index_url(path))


if __name__ == "__main__":
    main()
