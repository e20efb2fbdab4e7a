#!/usr/bin/python
"""Ansible module: the record of one component of the server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: component
short_description: Records one component of the lab server on the host
description:
  - Keeps what a role made, where it is, or why it could not be had, as a local fact of the host, so that any later
    run can report it, also one that ran other roles only.
  - The fact is C(ansible_facts['ansible_local']['labserver_<name>']). Of the addresses in it, passwords and the values
    of queries are left out.
options:
  name:
    description: Name of the component, which is the name of its role.
    type: str
    required: true
  state:
    description:
      - V(ready), it is there and works.
      - V(unavailable), it cannot be had here, for O(reason).
      - V(absent) forgets the component, and what the host was before it (C(/var/lib/labserver/<name>.json)).
    type: str
    choices: [ready, unavailable, absent]
    default: ready
  where:
    description: Path, address or version by which people find it.
    type: str
    default: ""
  stays:
    description: Whether what was made at an earlier O(where) stays when that changes, of which a warning tells then.
      With O(state=absent) and another path than was recorded, the record stays too, as long as that path exists.
    type: bool
    default: false
  places:
    description: Further paths of what was made. One that is there and no longer among them, nor at O(where), is told as
      with O(stays).
    type: list
    elements: path
    default: []
  reason:
    description: Why it is unavailable, and what would help. Required with O(state=unavailable).
    type: str
    default: ""
  unavailable:
    description: Parts of a component that is ready that could not be had, a mapping of name to reason.
    type: dict
    default: {}
  details:
    description: Further facts for the report.
    type: dict
    default: {}
  strict:
    description:
      - Whether what is unavailable is an error. It is recorded first; then the module fails, with reasons and O(fix).
    type: bool
    default: false
  fix:
    description: What the user can do about what is unavailable, in a sentence for the error message.
    type: str
    default: ""
  path:
    description: Folder of the host's local facts.
    type: path
    default: /etc/ansible/facts.d
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
- name: Record the swap
  component:
    name: swap
    where: /var/swap.1

- name: Record that there can be no swap
  component:
    name: swap
    state: unavailable
    reason: the kernel has no swap

- name: Record the R packages, and fail where some are missing and nothing may be
  component:
    name: r_packages
    where: foreach, doMC
    unavailable: {xgboost: "the repository is out of reach"}
    strict: true
    fix: Set r_base_repository to a repository that the host can reach.
"""

RETURN = r"""
component:
  description: The record as it is now kept.
  returned: when there is one
  type: dict
"""

import json
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.labserver.download.address import scrubbed
from ansible.module_utils.labserver.download.module import MaskingModule
from ansible.module_utils.labserver.files import read_json
from ansible.module_utils.labserver.record import Record

REPORT_ONLY = "To have it reported only, set labserver_strict: false"


def same_place(one: str, other: str) -> bool:
    """Return whether two texts are the same, or two spellings of a path."""
    return one == other or (one[:1] == other[:1] == "/" and os.path.realpath(one) == os.path.realpath(other))


def left_behind(earlier: dict[str, Any], record: dict[str, Any], *, stays: bool) -> list[str]:
    """Return where an earlier run made what this one does not know of."""
    now = [record["where"], *record.get("places", [])]
    where = str(earlier.get("where", "")) if stays and record["where"] else ""
    places = [path for path in earlier.get("places", []) if "places" in record and os.path.lexists(path)]
    if record["state"] == "absent" and not os.path.lexists(where):
        where = ""
    return [path for path in (where, *places) if path and not any(same_place(path, one) for one in now)]


def main() -> None:
    """Run the module."""
    module = MaskingModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["ready", "unavailable", "absent"], "default": "ready"},
            "where": {"type": "str", "default": ""},
            "stays": {"type": "bool", "default": False},
            "places": {"type": "list", "elements": "path", "default": []},
            "reason": {"type": "str", "default": ""},
            "unavailable": {"type": "dict", "default": {}},
            "details": {"type": "dict", "default": {}},
            "strict": {"type": "bool", "default": False},
            "fix": {"type": "str", "default": ""},
            "path": {"type": "path", "default": "/etc/ansible/facts.d"},
        },
        supports_check_mode=True,
    )
    # Everybody reads the record; the addresses in it may come from the user's own variables
    record: dict[str, Any] = {
        key: scrubbed(module.params[key]) for key in ("name", "state", "where", "reason", "unavailable", "details")
    }
    places = module.params["places"]
    if places:
        record["places"] = places
    if record["state"] == "unavailable" and not record["reason"]:
        module.fail_json(msg=f"component {record['name']}: state=unavailable needs a reason; set it")
    fact = Path(module.params["path"]) / f"labserver_{record['name']}.fact"
    before = fact.read_text(encoding="utf-8") if fact.exists() else ""
    after = "" if record["state"] == "absent" else json.dumps(record, indent=2, sort_keys=True) + "\n"
    known = Record(record["name"])
    left = left_behind(read_json(fact), record, stays=module.params["stays"])
    if left and not after:
        after = before  # of what is there still
    changed = before != after or (not after and known.path.exists())
    if left:
        module.warn(
            f"{record['name']} was at {', '.join(left)} before, and what was made there stays. To remove it, run "
            f"playbooks/remove.yml --tags {record['name']} with the variables of then"
        )
    if changed and not module.check_mode:
        if after:
            os.umask(0o022)  # whoever gathers facts may read it
            fact.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(module.tmpdir) / fact.name
            draft.write_text(after, encoding="utf-8")
            draft.chmod(0o644)
            module.atomic_move(str(draft), str(fact))
        else:
            fact.unlink(missing_ok=True)
            known.remove()
    result: dict[str, Any] = {"changed": changed, "diff": {"before": before, "after": after}}
    if after:
        result["component"] = json.loads(after)
    missing = [record["reason"]] if record["state"] == "unavailable" else []
    missing += [f"{name}: {reason}" for name, reason in record["unavailable"].items()]
    if missing and module.params["strict"]:
        sentences = [
            f"{record['name']} is unavailable: {'; '.join(missing)}".rstrip(". "),
            module.params["fix"],
            REPORT_ONLY,
        ]
        module.fail_json(msg=" ".join(f"{sentence.rstrip('.')}." for sentence in sentences if sentence), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
