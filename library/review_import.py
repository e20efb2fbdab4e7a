#!/usr/bin/python
"""Ansible module: a CSV file of reviews as the JSON lines of the Amazon review sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: review_import
short_description: Turns a CSV file of reviews into the JSON lines of the Amazon review sets
description:
  - Reads a comma-separated file with a header line, UTF-8, plain or compressed as for M(review_sample), and writes one
    JSON object a row with the text as C(reviewText). Blank rows are passed over.
  - Nothing is done as long as source, parameters and output are what C(<dest>.manifest.json) says, as for
    M(review_sample).
options:
  src:
    description: The CSV file, a regular file on the host.
    type: path
    required: true
  dest:
    description: Where the JSON lines go. Compressed when the name ends in C(.gz), C(.zst), C(.bz2) or C(.xz).
    type: path
    required: true
  text_column:
    description: The column with the text of the review.
    type: str
    default: text
  fields:
    description: Further JSON fields, a mapping of field to column.
    type: dict
    default: {}
  numbers:
    description: Those of O(fields) that are written as JSON numbers; the others are written as strings.
    type: list
    elements: str
    default: []
  html:
    description: Whether to turn HTML tags to spaces and to decode HTML entities in the text.
    type: bool
    default: false
  on_error:
    description:
      - What to do with a row that is not CSV or not UTF-8, has other columns than the header, or holds something else
        than a number that JSON can hold where O(numbers) wants one.
      - V(fail) fails with the number of the line. V(skip) leaves it out, counts it and warns.
    type: str
    choices: [fail, skip]
    default: fail
  max_errors:
    description: With O(on_error=skip), how many such rows to accept. Default is any number.
    type: int
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
- name: Turn the movie reviews into JSON lines
  review_import:
    src: /srv/data/movie_reviews.csv
    dest: /srv/data/movie_reviews.json.gz
    fields:
      overall: label
      source: source
    html: true
"""

RETURN = r"""
dest:
  description: Path of the JSON lines.
  returned: success
  type: str
lines:
  description: Number of reviews; in check mode null when it is not known.
  returned: success
  type: int
left_out:
  description:
    - Rows left out; in check mode null when they are not known.
    - Of what is not CSV each line counts, for a quote left open takes in the rows behind it.
  returned: success
  type: int
errors:
  description: The first ten rows left out.
  returned: success
  type: list
  elements: dict
  contains:
    line:
      description: Number of the line where the row ends, from 1.
      type: int
    reason:
      description: What is wrong with it.
      type: str
sha256:
  description: SHA-256 of the output; in check mode null when it is not known.
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

from ansible.module_utils.labserver.reviews.csv_import import ImportRequest
from ansible.module_utils.labserver.reviews.module import run_module


def main() -> None:
    """Run the module."""
    run_module(
        ImportRequest,
        {
            "text_column": {"type": "str", "default": "text"},
            "fields": {"type": "dict", "default": {}},
            "numbers": {"type": "list", "elements": "str", "default": []},
            "html": {"type": "bool", "default": False},
            "on_error": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
            "max_errors": {"type": "int"},
        },
    )


if __name__ == "__main__":
    main()
