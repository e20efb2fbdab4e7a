#!/usr/bin/python
"""Ansible module: whether a host has what an analysis needs, and which of its files are ours."""

from __future__ import annotations

DOCUMENTATION = r"""
module: analysis_info
short_description: Checks what an analysis needs, and that it replaces nothing of others
description:
  - Fails where the environment, the sentence splitter, the input or the folder of the page is missing, with the role to
    run first; and where the page or the command would replace a file that was not made here.
  - Changes nothing.
options:
  venv:
    description: The virtual environment of the program.
    type: path
    required: true
  command:
    description: The link to the program.
    type: path
    required: true
  page:
    description: Where the page is published.
    type: path
    required: true
  input:
    description: The text. Required with O(required=true).
    type: path
  nltk_data:
    description: Folder of NLTK's data, beside those in which NLTK itself looks.
    type: path
  required:
    description: Whether to fail. Otherwise only RV(ours) is returned. In check mode what is missing is no failure.
    type: bool
    default: true
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: labserver
"""

EXAMPLES = r"""
- name: Check what the analysis needs
  analysis_info:
    venv: /opt/labserver/venv
    command: /usr/local/bin/vec2pca
    page: /var/www/html/index.html
    input: /srv/labserver/sample.txt
  register: analysis
"""

RETURN = r"""
checksum:
  description: SHA-1 of the input; empty where there is none.
  returned: success
  type: str
ours:
  description: Those of O(page) and O(command) that were made here.
  returned: success
  type: list
  elements: str
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

# By what a page is known as one that may be replaced: an analysis, and role httpd's page until there is one
MARKS = (b'<meta name="generator" content="vec2pca ', b"No analysis has been published here yet.")
DISTRIBUTION_PAGES = (Path("/usr/share/apache2/default-site/index.html"), Path("/usr/share/httpd/noindex/index.html"))
NLTK_FOLDERS = ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")


def is_link_to_program(options: dict[str, Any]) -> bool:
    """Whether the command is a link to the program in the environment."""
    command = Path(options["command"])
    return command.is_symlink() and command.readlink() == Path(options["venv"], "bin", "vec2pca")


def is_analysis(page: Path, marks: tuple[bytes, ...] = MARKS[:1]) -> bool:
    """Whether a page is one of ours."""
    if not page.is_file() or page.is_symlink():
        return False
    with page.open("rb") as content:
        head = content.read(4096)
    return any(mark in head for mark in marks)


def is_of_distribution(page: Path) -> bool:
    """Whether a page is the one that comes with the web server."""
    return page.is_file() and any(
        other.is_file() and other.read_bytes() == page.read_bytes() for other in DISTRIBUTION_PAGES
    )


def missing(options: dict[str, Any]) -> Iterator[str]:
    """Say what is not there, and what to do about it."""
    venv, page = Path(options["venv"]), Path(options["page"])
    if not (venv / "bin" / "uv").exists():
        yield (
            f"there is no virtual environment {venv}. Run the role python_venv first (--tags python_venv,vec2pca), or "
            "set vec2pca_venv"
        )
    nltk_data = [Path(options["nltk_data"])] if options["nltk_data"] else []
    nltk_data += [Path(folder, "nltk_data") for folder in ("~", venv, venv / "share", venv / "lib", *NLTK_FOLDERS)]
    if not any((folder.expanduser() / "tokenizers" / "punkt_tab" / "english").is_dir() for folder in nltk_data):
        yield (
            f"there is no punkt in {nltk_data[0]}. Run the role nltk_punkt first (--tags nltk_punkt,vec2pca), or set "
            "vec2pca_nltk_data"
        )
    if not Path(options["input"]).is_file():
        yield (
            f"there is no {options['input']}. Run the role review_data first (--tags review_data,vec2pca), or set "
            "vec2pca_input to a text file with one document a line"
        )
    if not page.parent.is_dir():
        yield (
            f"there is no folder {page.parent} for the page. Run the role httpd first (--tags httpd,vec2pca), or set "
            "vec2pca_page to a file in a folder that exists"
        )


def foreign(options: dict[str, Any]) -> Iterator[str]:
    """Say what would be replaced."""
    page, command = Path(options["page"]), Path(options["command"])
    if os.path.lexists(page) and not (is_analysis(page, MARKS) or is_of_distribution(page)):
        yield (
            f"{page} is a page that was not made here, and is left as it is: set vec2pca_page to another file, such as "
            f"{page.with_name('vec2pca.html')}"
        )
    if os.path.lexists(command) and not is_link_to_program(options):
        yield f"{command} was not made here, and is left as it is: set vec2pca_command to another path"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "venv": {"type": "path", "required": True},
            "command": {"type": "path", "required": True},
            "page": {"type": "path", "required": True},
            "input": {"type": "path"},
            "nltk_data": {"type": "path"},
            "required": {"type": "bool", "default": True},
        },
        required_if=[("required", True, ["input"])],
        supports_check_mode=True,
    )
    options = module.params
    problems: list[str] = []
    if options["required"]:
        problems = [*foreign(options), *(() if module.check_mode else missing(options))]
    if problems:
        module.fail_json(msg=". ".join([*problems, ""]).strip())
    page, command = Path(options["page"]), Path(options["command"])
    ours = [str(page)] * is_analysis(page) + [str(command)] * is_link_to_program(options)
    there = options["input"] and Path(options["input"]).is_file()
    module.exit_json(changed=False, checksum=module.sha1(options["input"]) if there else "", ours=ours)


if __name__ == "__main__":
    main()
