#!/usr/bin/python
"""Ansible module: the published results of the labs in R."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_result
short_description: Publishes the results of the labs in R, and reports which are current
description:
  - Reports which labs cannot run, which of the others have a current result, and which are to be run. Publishes what
    a lab that was run has written, and removes results of labs that cannot run or are not selected.
  - A result is published as C(<lab>.json) in O(path) under a key, a digest of all that it depends on, which are
    scripts, data, settings, and the versions of R and of the packages that are installed.
options:
  path:
    description: Folder of the published results.
    type: path
    required: true
  labs:
    description: The labs that are selected, a mapping of name to a mapping of these lists, each of which may be left
      out. C(scripts) and C(data), the files that it reads; C(requires), packages that it cannot run without;
      C(requires_any), packages of which it requires one; C(suggests), packages that it can do without; C(settings),
      values of any kind.
    type: dict
    required: true
  inputs:
    description: What the results depend on, as it is on the host.
    type: dict
    required: true
    suboptions:
      packages:
        description: The packages that R finds, name to version; R itself as C(R).
        type: dict
        required: true
      scripts:
        description: Checksums of the scripts, file to checksum.
        type: dict
        default: {}
      data:
        description: Checksums of the data, file to checksum.
        type: dict
        default: {}
      missing_data:
        description: Why data are not there, file to reason.
        type: dict
        default: {}
      package_hint:
        description: The reason for a package that is not installed, with C({}) for its name.
        type: str
        default: R has no package {}.
  name:
    description: A lab that was run, one of O(labs), whose result is published.
    type: str
  result:
    description: The JSON object that the lab has written. Required with O(name).
    type: str
  remove:
    description: Labs whose results are removed when they cannot run or are not among O(labs).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
  diff_mode:
    description: Shows the key of each result before and after.
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Find out which labs are to be run
  lab_result:
    path: /var/www/html/labs
    labs:
      forest: {scripts: [forest.R], data: [wine.csv], requires: [randomForest], suggests: [tictoc]}
    inputs:
      packages: {R: 4.5.0, randomForest: 4.7-1.2}
      scripts: {forest.R: 6f1ed002ab5595859014ebf0951522d9}
      data: {wine.csv: 4a402cf041b025d4566d954c3b9ba863}
  register: labs

- name: Show them
  ansible.builtin.debug:
    var: labs.outdated
"""

RETURN = r"""
available:
  description: The labs that can run, in the order of O(labs).
  returned: success
  type: list
  elements: str
unavailable:
  description: Why labs cannot run, and which packages others do without, name to reason.
  returned: success
  type: dict
outdated:
  description: The labs that can run and have no current result.
  returned: success
  type: list
  elements: str
published:
  description: The current results, lab to the object that is published.
  returned: success
  type: dict
summaries:
  description: The same without their plots.
  returned: success
  type: dict
keys:
  description: The keys of the labs that can run.
  returned: success
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.r.labs import Lab, LabInputs, LabResults


def publish(module: AnsibleModule) -> dict[str, Any]:
    """Publish a result, remove obsolete ones; return the module's results."""
    options = module.params
    labs = [Lab.read(name, lab) for name, lab in options["labs"].items()]
    found = LabResults(Path(options["path"]), labs, LabInputs(**options["inputs"]))
    before = {name: result["key"] for name, result in found.results.items()}
    if options["name"] is not None:
        found.publish(options["name"], options["result"], check=module.check_mode)
    after = {name: result["key"] for name, result in found.results.items()}
    for name in options["remove"]:
        if name not in found.keys and found.path(name).exists():
            before[name] = "(obsolete)"
            if not module.check_mode:
                found.path(name).unlink()
    return {
        "changed": before != after,
        "available": list(found.keys),
        "unavailable": found.unavailable,
        "outdated": [name for name in found.keys if name not in found.results],
        "published": found.results,
        "summaries": {
            name: {key: value for key, value in result.items() if key != "plots"}
            for name, result in found.results.items()
        },
        "keys": found.keys,
        "diff": {
            state: "".join(f"{name} {key}\n" for name, key in sorted(keys.items()))
            for state, keys in (("before", before), ("after", after))
        },
    }


def main() -> None:
    """Run the module."""
    files = {"type": "dict", "default": {}}
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "labs": {"type": "dict", "required": True},
            "inputs": {
                "type": "dict",
                "required": True,
                "options": {
                    "packages": {"type": "dict", "required": True},
                    "scripts": files,
                    "data": files,
                    "missing_data": files,
                    "package_hint": {"type": "str", "default": "R has no package {}."},
                },
            },
            "name": {"type": "str"},
            "result": {"type": "str"},
            "remove": {"type": "list", "elements": "str", "default": []},
        },
        required_together=[("name", "result")],
        supports_check_mode=True,
    )
    try:
        result = publish(module)
    except LabError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=explain(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
