#!/usr/bin/python
"""Ansible module: whether a host has what an analysis needs, and which of its files are ours."""

from __future__ import annotations

DOCUMENTATION = r"""
module: analysis_info
short_description: Checks what an analysis needs, and that it replaces nothing of others
description:
  - Fails where the environment, the sentence splitter, the input or the folder of the page is missing, with the role to
    run first; and where the page or the command would replace a file that was not made here.
  - Changes nothing.
options:
  venv:
    description: The virtual environment of the program.
    type: path
    required: true
  command:
    description: The link to the program, where there is to be one.
    type: path
  page:
    description: Where the page is published.
    type: path
    required: true
  input:
    description: The text, where it is a file of the host.
    type: path
  nltk_data:
    description: Folder of NLTK's data, beside those in which NLTK itself looks.
    type: path
  role:
    description: The role whose variables the messages name.
    type: str
    default: vec2pca
  required:
    description: Whether to fail. Otherwise only RV(ours) is returned. In check mode what is missing is no failure.
    type: bool
    default: true
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
- name: Check what the analysis needs
  analysis_info:
    venv: /opt/labserver/venv
    command: /usr/local/bin/vec2pca
    page: /var/www/html/index.html
    input: /srv/labserver/sample.txt
  register: analysis
"""

RETURN = r"""
checksum:
  description: SHA-1 of the input; empty where there is none.
  returned: success
  type: str
ours:
  description: Those of O(page) and O(command) that were made here.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.analysis import foreign, is_link_to_program, missing
from ansible.module_utils.labserver.pages import ANALYSIS, is_page


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "venv": {"type": "path", "required": True},
            "command": {"type": "path"},
            "page": {"type": "path", "required": True},
            "input": {"type": "path"},
            "nltk_data": {"type": "path"},
            "role": {"type": "str", "default": "vec2pca"},
            "required": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    problems: list[str] = []
    if options["required"]:
        problems = [*foreign(options), *(() if module.check_mode else missing(options))]
    if problems:
        module.fail_json(msg=". ".join([*problems, ""]).strip())
    ours = [path for path in (options["page"],) if is_page(Path(path), ANALYSIS)]
    ours += [path for path in (options["command"],) if path and is_link_to_program(options)]
    there = options["input"] and Path(options["input"]).is_file()
    module.exit_json(changed=False, checksum=module.sha1(options["input"]) if there else "", ours=ours)


if __name__ == "__main__":
    main()
