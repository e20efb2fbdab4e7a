#!/usr/bin/python
"""Ansible module: several text files at once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: text_files
short_description: Writes several text files, in one call
description:
  - Writes those of the files that are missing or differ, each whole, with mode C(0644), and creates the folders that
    they are in, with mode C(0755). A task of M(ansible.builtin.copy) for each takes three calls to the host, also where
    nothing changes.
options:
  path:
    description: The folder, which exists and is left as it is.
    type: path
    required: true
  files:
    description: The files, a mapping of name to content, written in this order. Names are relative to O(path).
    type: dict
    required: true
  marks:
    description: A mapping of name to text. A file that exists is replaced only if it contains its text, by which pages
      that were made here are known.
    type: dict
    default: {}
  variable:
    description: The role's variable that O(path) comes from, for messages.
    type: str
    default: path
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  platform:
    platforms: posix
  check_mode:
    support: full
  diff_mode:
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Publish two pages
  text_files:
    path: /var/www/html
    files:
      labs/results.json: "{}"
      labs/index.html: "{{ lookup('ansible.builtin.template', 'index.html.j2') }}"
"""

RETURN = r"""
written:
  description: The files and folders that were created or changed or, in check mode, would be.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.text_files import write_text_files


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "files": {"type": "dict", "required": True},
            "marks": {"type": "dict", "default": {}},
            "variable": {"type": "str", "default": "path"},
        },
        supports_check_mode=True,
    )
    options = module.params
    root = Path(options["path"])
    written: list[str] = []
    diff: list[dict[str, str]] = []
    try:
        for change in write_text_files(
            root, options["files"], options["marks"], variable=options["variable"], check=module.check_mode
        ):
            path = str(change.path)
            written += [path] if path not in written else []
            diff.append({"before": change.before, "after": change.after, "before_header": path, "after_header": path})
        if not module.check_mode:
            for path in dict.fromkeys([*written, *(str(root / name) for name in options["files"])]):
                if module.set_default_selinux_context(path, changed=False) and path not in written:
                    written.append(path)
    except (LabError, OSError) as error:
        module.fail_json(msg=explain(error), changed=bool(written) and not module.check_mode, written=written)
    module.exit_json(changed=bool(written), written=written, diff=diff)


if __name__ == "__main__":
    main()
