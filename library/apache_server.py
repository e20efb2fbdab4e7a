#!/usr/bin/python
"""Ansible module: Apache of a host, for a site of ours beside those of others."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apache_server
short_description: Prepares Apache for the lab's site, beside sites of others
description:
  - Other people's sites go on as before. Ports are added in a file of our own. What the distribution ships is switched
    off only where it is untouched and in the way, and put back by the removal.
  - What the host was is recorded at the first run, in C(/var/lib/labserver/httpd.json).
options:
  state:
    description:
      - V(checked), before Apache is installed. Fails for a port that another program has, for a name that another site
        answers to, for a folder whose first page is that of others, for files of others by the names of ours, and for a
        configuration that is not valid. Records what the host was.
      - V(present) enables the modules, sets the ports and links the site, whose file is empty at first.
      - V(moved), once the site is written, removes our pages from the folders that it served before.
      - V(absent) removes the site, the extensions and the pages that are ours, and puts back what was changed.
    type: str
    choices: [checked, present, moved, absent]
    default: present
  family:
    description: The family of systems, for the paths.
    type: str
    choices: [Debian, RedHat]
    required: true
  ports:
    description: The ports of the site, a mapping of the variable that sets it to the port.
    type: dict
    default: {}
  server_name:
    description: The name of the site.
    type: str
    default: localhost
  document_root:
    description: The folder that is served. It is created where it is missing.
    type: path
    required: true
  modules:
    description: Modules of Apache to enable, where the distribution has such a thing.
    type: list
    elements: str
    default: []
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
- name: Check ports and sites before Apache is installed
  apache_server:
    state: checked
    family: Debian
    ports: {httpd_port: 8081}
    server_name: lab.example.org
    document_root: /var/www/html
"""

RETURN = r"""
alone:
  description: Whether Apache serves nothing else, and was not there before us.
  returned: with O(state=present)
  type: bool
version:
  description: Version of Apache.
  returned: with O(state=present)
  type: str
write_page:
  description: Whether there is no first page yet other than the distribution's.
  returned: with O(state=present)
  type: bool
moved:
  description: Whether the site served another folder before.
  returned: with O(state=present)
  type: bool
foreign:
  description: The configurations of others.
  returned: with O(state=present)
  type: list
  elements: str
packages:
  description: The packages of Apache that are ours, and that nobody else uses.
  returned: with O(state=absent)
  type: list
  elements: str
used_by:
  description: Who else uses Apache.
  returned: with O(state=absent)
  type: list
  elements: str
active:
  description: Whether Apache ran before us.
  returned: with O(state=absent)
  type: bool
enabled:
  description: Whether Apache started at boot before us.
  returned: with O(state=absent)
  type: bool
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.apache.config import layout
from ansible.module_utils.labserver.apache.server import Server
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.record import Record


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["checked", "present", "moved", "absent"], "default": "present"},
            "family": {"type": "str", "choices": ["Debian", "RedHat"], "required": True},
            "ports": {"type": "dict", "default": {}},
            "server_name": {"type": "str", "default": "localhost"},
            "document_root": {"type": "path", "required": True},
            "modules": {"type": "list", "elements": "str", "default": []},
            "root": {"type": "path", "default": "/"},
        },
        supports_check_mode=True,
    )
    options = module.params
    root = Path(options["root"])
    try:
        server = Server(
            plan=layout(options["family"], root),
            record=Record("httpd", root),
            ports={name: int(port) for name, port in options["ports"].items()},
            server_name=options["server_name"],
            root=Path(options["document_root"]),
            check=module.check_mode,
        )
        result: dict[str, Any] = {}
        if options["state"] == "checked":
            server.prepare()
        elif options["state"] == "present":
            result = server.configure(options["modules"])
        elif options["state"] == "moved":
            server.leave()
        else:
            result = server.restore()
    except LabError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=explain(error))
    module.exit_json(changed=server.changed, **result)


if __name__ == "__main__":
    main()
