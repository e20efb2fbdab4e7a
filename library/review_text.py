#!/usr/bin/python
"""Ansible module: fields of JSON records as lines of text."""

from __future__ import annotations

DOCUMENTATION = r"""
module: review_text
short_description: Writes fields of JSON records as lines of text
description:
  - Reads a file with one JSON object a line, plain or compressed as for M(review_sample), and writes the text of one or
    more fields of each as one line of UTF-8. Several fields are joined by a space, newlines inside become spaces.
  - Blank lines are passed over. A record that is a literal of Python, as the older Amazon sets have them
    (in single quotes, say), is read as such, and a warning tells how many were.
  - The text is what Python's C(json.loads) gives; the Python package orjson is used where it is importable.
    Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes U+FFFD.
  - A line longer than 1 MiB is treated as a bad record.
  - Nothing is done as long as source, parameters and output are what C(<dest>.manifest.json) says, as for
    M(review_sample).
options:
  src:
    description: The file of records, a regular file on the host.
    type: path
    required: true
  dest:
    description: Where the text goes. Compressed when the name ends in C(.gz), C(.zst), C(.bz2) or C(.xz).
    type: path
    required: true
  fields:
    description: The fields to take, in order. They must hold text.
    type: list
    elements: str
    default: [reviewText]
  html:
    description: Whether to turn HTML tags to spaces and to decode HTML entities.
    type: bool
    default: false
  on_error:
    description:
      - What to do with a line that is not a JSON object, lacks a field, or holds something else than text in it.
      - V(fail) fails with the number of the line. V(skip) leaves it out, counts it and warns.
    type: str
    choices: [fail, skip]
    default: fail
  max_errors:
    description: With O(on_error=skip), how many such lines to accept. Default is any number.
    type: int
  progress:
    description: A file to write the progress to, as in M(review_sample).
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
- name: Write the text of the sampled reviews
  review_text:
    src: /srv/data/reviews.sample.json
    dest: /srv/data/reviews.txt

- name: Write summary and text, bearing ten bad records
  review_text:
    src: /srv/data/reviews.sample.json
    dest: /srv/data/reviews.txt
    fields: [summary, reviewText]
    html: true
    on_error: skip
    max_errors: 10
"""

RETURN = r"""
dest:
  description: Path of the text.
  returned: success
  type: str
lines:
  description: Lines of the source; in check mode null when they are not known.
  returned: success
  type: int
written:
  description: Lines of text written; in check mode null when they are not known.
  returned: success
  type: int
left_out:
  description: Records left out; in check mode null when they are not known.
  returned: success
  type: int
blank:
  description: Blank lines, which were passed over; in check mode null when they are not known.
  returned: success
  type: int
loose:
  description: Records that were literals of Python, not JSON; in check mode null when they are not known.
  returned: success
  type: int
errors:
  description: The first ten records left out.
  returned: success
  type: list
  elements: dict
  contains:
    line:
      description: Number of the line, from 1.
      type: int
    reason:
      description: What is wrong with it.
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
from ansible.module_utils.labserver.reviews.text import TextRequest


def main() -> None:
    """Run the module."""
    run_module(
        TextRequest,
        {
            "fields": {"type": "list", "elements": "str", "default": ["reviewText"]},
            "html": {"type": "bool", "default": False},
            "on_error": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
            "max_errors": {"type": "int"},
            "progress": {"type": "path"},
        },
    )


if __name__ == "__main__":
    main()
