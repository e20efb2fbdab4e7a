#!/usr/bin/python
"""Ansible module: a folder of ours, beside the files of others."""

from __future__ import annotations

DOCUMENTATION = r"""
module: own_folder
short_description: Creates a folder, and removes from it what is ours alone
description:
  - A folder that is made here gets a file C(.labserver), by which its removal knows that it may go once it is empty.
    A folder that was there before stays as it is, with its mode and all files that are not ours.
options:
  path:
    description: The folder. Folders above it that do not exist are made as well.
    type: path
    required: true
  variable:
    description: The role's variable that O(path) comes from, for messages.
    type: str
    default: path
  files:
    description:
      - Names of files in the folder that the modules of this project make, which keep a record beside them,
        C(.source.json) or C(.manifest.json).
      - With O(state=present), one that is there without a record is refused, as it would be replaced. With
        O(state=absent), those with a record are removed, unless it says that the file was there before.
    type: list
    elements: str
    default: []
  contents:
    description: With O(state=absent), what is ours by its name alone, files and, with a slash at the end, folders. They
      may be patterns with C(*).
    type: list
    elements: str
    default: []
  whole:
    description: Whether all of the folder is to be ours. One that holds anything else is then left as it is, and
      RV(ours) is false.
    type: bool
    default: false
  recorded:
    description: Whether an earlier release, which marked no folders, recorded this one as its own.
    type: bool
    default: false
  state:
    description: V(absent) removes O(files) and O(contents), or with O(whole) all that is in a folder of ours, and then
      the folder if it was made here and nothing else is in it.
    type: str
    choices: [present, absent]
    default: present
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
- name: Create the folder of the data
  own_folder: {path: /srv/data, variable: lab_path}

- name: Remove the data
  own_folder: {path: /srv/data, variable: lab_path, files: [sample.txt], state: absent}
"""

RETURN = r"""
ours:
  description: With O(whole), whether the folder is ours, or is none yet that could not be.
  returned: success
  type: bool
kept:
  description: With O(state=absent), what is not ours in the folder.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.own_folder import OwnFolder


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "variable": {"type": "str", "default": "path"},
            "files": {"type": "list", "elements": "str", "default": []},
            "contents": {"type": "list", "elements": "str", "default": []},
            "whole": {"type": "bool", "default": False},
            "recorded": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    options = module.params
    kept: list[str] = []
    ours = True
    try:
        folder = OwnFolder(Path(options["path"]), options["variable"], options["recorded"], module.check_mode)
        if options["whole"]:
            ours = folder.is_free()
        if options["state"] == "present" and ours:
            folder.check_files(options["files"])
            folder.ensure(whole=options["whole"])
        elif options["state"] == "absent" and options["whole"]:
            folder.remove_whole()
        elif options["state"] == "absent":
            kept = folder.remove(options["files"], options["contents"])
    except (LabError, OSError) as error:
        module.fail_json(msg=explain(error))
    module.exit_json(changed=folder.changed, ours=ours, kept=kept)


if __name__ == "__main__":
    main()
