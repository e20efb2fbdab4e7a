#!/usr/bin/python
"""Ansible module: files of a folder that are uploaded to an S3 bucket, or downloaded from it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_folder
short_description: Transfers files between a folder and an S3 bucket
description:
  - Runs on a host without AWS credentials, which transfers each file by the presigned URL from M(s3_folder_info).
  - A file is transferred whole or not at all. Files that are on one side only are never deleted.
options:
  path:
    description: The folder. O(direction=pull) creates it.
    type: path
    required: true
  direction:
    description: V(pull) from the bucket to the host, over files there that differ; V(push) from the host to the bucket.
    type: str
    choices: [pull, push]
    required: true
  transfers:
    description: The files to transfer, as M(s3_folder_info) returns them.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Path of the file below O(path).
        type: str
        required: true
      url:
        description: The presigned URL.
        type: str
        required: true
      md5:
        description: MD5 of a file that is uploaded, in base64, which the URL was signed for.
        type: str
  required:
    description: Whether a bucket that is out of reach or refuses a file is an error.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
  diff_mode:
    description: Returns details on what has changed, in diff mode.
    support: full
    details: Lists the files that are transferred.
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Download the files that differ
  s3_folder:
    path: /srv/sets
    direction: pull
    transfers: "{{ comparison.transfers }}"  # registered from s3_folder_info, which has the whole example
"""

RETURN = r"""
available:
  description: Whether all files were transferred.
  returned: success
  type: bool
reason:
  description: Why not; empty otherwise.
  returned: success
  type: str
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.labserver.download.module import MaskingModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.s3.transfer import transfer


def main() -> None:
    """Run the module."""
    module = MaskingModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "direction": {"type": "str", "choices": ["pull", "push"], "required": True},
            "transfers": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "str", "required": True},
                    "url": {"type": "str", "required": True, "no_log": True},
                    "md5": {"type": "str", "no_log": False},
                },
            },
            "required": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    root, direction, transfers = Path(module.params["path"]), module.params["direction"], module.params["transfers"]
    there = root.is_dir()
    files = "".join(f"{one['path']}\n" for one in transfers)
    result: dict[str, Any] = {
        "changed": bool(transfers) or (direction == "pull" and not there),
        "diff": {"before": "", "after": files, "after_header": f"files to {direction}, {root}"},
    }
    reason = ""
    if not module.check_mode:
        os.umask(0o022)  # others read what is pulled
        try:
            reason = transfer(root, direction, transfers)
        except OSError as error:
            module.fail_json(msg=explain(error), **result)
        except LabError as error:
            module.fail_json(msg=str(error), **result)
    if reason and module.params["required"]:
        module.fail_json(msg=reason, **result)
    module.exit_json(available=not reason, reason=reason, **result)


if __name__ == "__main__":
    main()
