#!/usr/bin/python
"""Ansible module: a uniform random sample of the lines of a file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: review_sample
short_description: Draws a uniform random sample of the lines of a file
description:
  - Takes exactly C(int(fraction * lines)), or O(count), distinct lines of a file. Every such subset is equally likely.
  - Lines keep their order and their bytes. A last line without a newline counts, and so does an empty line.
  - The file is read once, whatever its size, in little memory. It may be plain, or compressed with gzip, bzip2, xz or
    (where the Python package zstandard is importable) zstd, which is seen from its content. A gzip is read faster where
    the Python package isal is importable. The lab's virtual environment has both. What is no text, such as an archive,
    UTF-16 or a Parquet file, is refused by name.
  - The same seed gives the same lines on every Python and from every compression of the same text.
  - Nothing is done as long as source, parameters and output are what C(<dest>.manifest.json) says, which is written
    with the output. The source is compared by size, modification time and a digest of 64 blocks spread over it.
options:
  src:
    description: The file to sample, a regular file on the host.
    type: path
    required: true
  dest:
    description: Where the sample goes. Compressed when the name ends in C(.gz), C(.zst), C(.bz2) or C(.xz).
    type: path
    required: true
  fraction:
    description: Part of the lines to take, above 0 and at most 1. Excludes O(count).
    type: float
  count:
    description: Number of lines to take. It is an error when the file has fewer.
    type: int
  seed:
    description: Seed of the random numbers.
    type: int
    default: 0
  progress:
    description:
      - A file to write the progress to, at most once a second, as a JSON object with C(bytes), C(size), C(percent),
        C(seconds) and C(finished), for a long run under C(async).
    type: path
extends_documentation_fragment: [ansible.builtin.action_common_attributes, ansible.builtin.files]
attributes:
  platform:
    platforms: posix
  check_mode:
    support: full
    details: The counts are returned when a manifest of the same source has them. O(src) may be missing.
  diff_mode:
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Draw a tenth of the reviews
  review_sample:
    src: /srv/data/reviews.json.gz
    dest: /srv/data/reviews.sample.json
    fraction: 0.1
    seed: 42
"""

RETURN = r"""
lines:
  description: Lines of the source; in check mode null when they are not known.
  returned: success
  type: int
sampled:
  description: Lines of the sample; in check mode null when they are not known.
  returned: success
  type: int
seed:
  description: Seed of the sample.
  returned: success
  type: int
fraction:
  description: O(fraction), or null.
  returned: success
  type: float
count:
  description: O(count), or null.
  returned: success
  type: int
dest:
  description: Path of the sample.
  returned: success
  type: str
manifest:
  description: Path of its manifest.
  returned: success
  type: str
source_digest:
  description: SHA-256 of 64 blocks of 4 KiB spread over the source, by which a change of it is noticed.
  returned: success
  type: str
reason:
  description: Why the output was (or in check mode, would be) made; empty when it is up to date.
  returned: success
  type: str
"""

from ansible.module_utils.labserver.reviews.module import run_module
from ansible.module_utils.labserver.reviews.sample import SampleRequest


def main() -> None:
    """Run the module."""
    run_module(
        SampleRequest,
        {
            "fraction": {"type": "float"},
            "count": {"type": "int"},
            "seed": {"type": "int", "default": 0},
            "progress": {"type": "path"},
        },
        mutually_exclusive=[("fraction", "count")],
    )


if __name__ == "__main__":
    main()
