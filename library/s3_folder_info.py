#!/usr/bin/python
"""Ansible module: which files of a folder and of a prefix of an S3 bucket differ."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_folder_info
short_description: Compares a folder with a prefix of an S3 bucket
description:
  - Runs on the controller, whose AWS credentials boto3 finds (E(AWS_PROFILE), E(AWS_ACCESS_KEY_ID), ...), on the files
    that M(ansible.builtin.find) found on a host with MD5 checksums.
  - Returns the files that M(s3_folder) has to transfer, each with a presigned URL. Whoever has that URL may transfer
    the file, so the task needs C(no_log).
  - A file is unchanged when size and MD5 are the same; where a bucket keeps no MD5 (it encrypts with KMS, or a file was
    uploaded in parts), when size and time are.
  - Changes nothing.
options:
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  prefix:
    description: What the keys begin with. Empty for the whole bucket.
    type: str
    default: ""
  path:
    description: Folder on the host.
    type: path
    required: true
  direction:
    description: V(pull) from the bucket to the host, V(push) from the host to the bucket.
    type: str
    choices: [pull, push]
    required: true
  files:
    description: What M(ansible.builtin.find) found in O(path), recursively, with C(checksum_algorithm=md5).
    type: list
    elements: dict
    required: true
  url_seconds:
    description: How long a presigned URL can be used.
    type: int
    default: 3600
  required:
    description: Whether a bucket that is not there, out of reach, or refuses the credentials is an error.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
  diff_mode:
    description: Returns details on what has changed, in diff mode.
    support: none
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: List the files of the folder
  ansible.builtin.find: {paths: /srv/results, recurse: true, get_checksum: true, checksum_algorithm: md5}
  register: found

- name: Compare the folder with the bucket
  s3_folder_info: {bucket: my-lab, prefix: results, path: /srv/results, direction: push, files: "{{ found.files }}"}
  delegate_to: localhost
  register: comparison
  no_log: true

- name: Upload the files that differ
  s3_folder: {path: /srv/results, direction: push, transfers: "{{ comparison.transfers }}"}
"""

RETURN = r"""
transfers:
  description: The files to transfer, option O(s3_folder#module:transfers) of M(s3_folder).
  returned: success
  type: list
  elements: dict
available:
  description: Whether the bucket could be read.
  returned: success
  type: bool
reason:
  description: Why not, and what helps; empty otherwise.
  returned: success
  type: str
"""

import posixpath
from pathlib import PurePosixPath

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.s3.compare import BucketUnavailableError, FileVersion, compare


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "prefix": {"type": "str", "default": ""},
            "path": {"type": "path", "required": True},
            "direction": {"type": "str", "choices": ["pull", "push"], "required": True},
            "files": {"type": "list", "elements": "dict", "required": True},
            "url_seconds": {"type": "int", "default": 3600},
            "required": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    files = {
        # As ansible.builtin.find spells it
        str(PurePosixPath(file["path"]).relative_to(posixpath.normpath(options["path"]))): FileVersion(
            file["size"], file["checksum"], file["mtime"]
        )
        for file in options["files"]
    }
    transfers, reason = [], ""
    try:
        transfers = compare(options["bucket"], options["prefix"], options["direction"], files, options["url_seconds"])
    except BucketUnavailableError as error:
        if options["required"]:
            module.fail_json(msg=str(error))
        reason = str(error)
    except LabError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, transfers=transfers, available=not reason, reason=reason)


if __name__ == "__main__":
    main()
