#!/usr/bin/python
"""Ansible module: a Python virtual environment with pinned packages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_environment
short_description: Creates a Python virtual environment with pinned packages
description:
  - An environment works when its Python runs, is O(interpreter), every file of its packages is there in full and can be
    read by everybody, and the modules in O(imports) can be found. Nothing of it is imported. One that does not work is
    created anew. Then C(uv) installs O(requirements).
  - A folder that holds anything that was not made here is refused.
  - Of pip's settings on the host, C(pip.conf) and C(PIP_*), those count that say where packages come from and how they
    are reached (C(index-url), C(extra-index-url), C(find-links), C(no-index), C(trusted-host), C(proxy), C(cert),
    C(client-cert), C(timeout)). The umask, and what C(PYTHONPATH), C(PIP_TARGET) and the like say, do not.
options:
  path:
    description: The virtual environment.
    type: path
    required: true
  interpreter:
    description: The Python that the environment is made with. It is an error when it does not run. Required with
      O(state=present).
    type: path
  imports:
    description: Modules that are to be importable in the environment.
    type: list
    elements: str
    default: []
  installer:
    description: Requirements of C(uv), with hashes, as pip reads them.
    type: str
    default: ""
  requirements:
    description: Requirements of the packages, with hashes. Empty to install none.
    type: str
    default: ""
  build_requirements:
    description: Requirements, with hashes, of what builds those of O(requirements) that are only there as sources. They
      are installed first. Empty where each comes as a wheel.
    type: str
    default: ""
  compile:
    description: Whether the packages are compiled to byte code, for users who cannot write it, and would compile at
      every start.
    type: bool
    default: false
  variable:
    description: The role's variable that O(path) comes from, for messages.
    type: str
    default: python_venv_path
  index_url:
    description: Package index. Empty for the one of the host's pip.
    type: str
    default: ""
  recorded:
    description: Whether an earlier release, which marked no folders, recorded this environment as its own.
    type: bool
    default: false
  state:
    description: V(absent) removes an environment that was made here.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  platform:
    platforms: posix
  check_mode:
    support: full
    details: What C(uv) would install can only be told where the environment works.
  diff_mode:
    support: none
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Create the environment
  python_environment:
    path: /opt/lab
    interpreter: /usr/bin/python3
    imports: [numpy]
    installer: "{{ lookup('ansible.builtin.file', 'uv.txt') }}"
    requirements: "{{ lookup('ansible.builtin.file', 'lab.txt') }}"
"""

RETURN = r"""
problem:
  description: Why it had to be created, or would have to be; empty when it worked.
  returned: success
  type: str
version:
  description: Version of its Python; empty where there is no environment.
  returned: success
  type: str
"""

import os
from pathlib import Path

from ansible.module_utils.labserver.download.module import MaskingModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.own_folder import OwnFolder
from ansible.module_utils.labserver.python_environment import PythonEnvironment, closed_folder, problem, version


def ensure(module: MaskingModule, folder: OwnFolder) -> str:
    """Create the environment where it does not work, install the packages; return why it did not work."""
    options = module.params
    folder.require(whole=True)
    environment = PythonEnvironment(
        folder, options["interpreter"], options["index_url"], module.check_mode, options["compile"]
    )
    found: str = problem(folder.path, options["interpreter"], options["imports"])
    if found:
        environment.create(options["installer"])
        folder.changed = True
    else:
        folder.ensure(whole=True)
    if not (found and module.check_mode):
        build = options["build_requirements"]
        if build and environment.install(build):
            folder.changed = True
        if options["requirements"] and environment.install(options["requirements"], isolated=not build):
            folder.changed = True
    closed = closed_folder(folder.path)
    if closed:
        module.warn(
            f"only its owner may enter {closed}, so that others cannot use the environment {folder.path}: set "
            f"{options['variable']} to a folder elsewhere, or let them in (chmod o+x {closed})"
        )
    return found


def main() -> None:
    """Run the module."""
    module = MaskingModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "interpreter": {"type": "path"},
            "imports": {"type": "list", "elements": "str", "default": []},
            "installer": {"type": "str", "default": ""},
            "requirements": {"type": "str", "default": ""},
            "build_requirements": {"type": "str", "default": ""},
            "compile": {"type": "bool", "default": False},
            "variable": {"type": "str", "default": "python_venv_path"},
            "index_url": {"type": "str", "default": ""},
            "recorded": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["interpreter"])],
        supports_check_mode=True,
    )
    options = module.params
    os.umask(0o022)
    found = ""
    try:
        folder = OwnFolder(Path(options["path"]), options["variable"], options["recorded"], module.check_mode)
        if options["state"] == "present":
            found = ensure(module, folder)
        elif not folder.remove_whole():
            module.warn(f"{folder.path} was not made here, and is left as it is")
    except (LabError, OSError) as error:
        module.fail_json(msg=explain(error))
    module.exit_json(changed=folder.changed, problem=found, version=version(Path(options["path"])))


if __name__ == "__main__":
    main()
