"""What an analysis needs of a host, and which files it would replace that are not ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .own_folder import MARK
from .pages import ANALYSIS, PLACEHOLDER, is_page

DISTRIBUTION_PAGES = (Path("/usr/share/apache2/default-site/index.html"), Path("/usr/share/httpd/noindex/index.html"))
PUNKT = ("punkt_tab/english", "punkt_tab.zip")
NLTK_FOLDERS = ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")


def is_link_to_program(options: Mapping[str, Any]) -> bool:
    """Whether the command is a link to the program in the environment, or in one of ours at another place."""
    command = Path(options["command"])
    if not command.is_symlink():
        return False
    target = command.readlink()
    if target == Path(options["venv"], "bin", "vec2pca"):
        return True
    return target.parts[-2:] == ("bin", "vec2pca") and (not target.exists() or (target.parents[1] / MARK).is_file())


def is_of_distribution(page: Path) -> bool:
    """Whether a page is the one that comes with the web server."""
    return page.is_file() and any(
        other.is_file() and other.read_bytes() == page.read_bytes() for other in DISTRIBUTION_PAGES
    )


def missing(options: Mapping[str, Any]) -> Iterator[str]:
    """Return what is missing, and what to do about it."""
    venv, page, role = Path(options["venv"]), Path(options["page"]), options["role"]
    if not (venv / "bin" / "uv").exists():
        maker = "spark" if role == "vec2pca_cluster" else "python_venv"
        yield (
            f"there is no virtual environment {venv}. Run the role {maker} first (--tags {maker},{role}), or set "
            f"{role}_venv"
        )
    nltk_data = [Path(options["nltk_data"])] if options["nltk_data"] else []
    nltk_data += [Path(folder, "nltk_data") for folder in ("~", venv, venv / "share", venv / "lib", *NLTK_FOLDERS)]
    tables = [folder.expanduser() / "tokenizers" / name for folder in nltk_data for name in PUNKT]
    if not any(path.exists() for path in tables):
        yield (
            f"there is no {tables[0]}. Run the role nltk_punkt first (--tags nltk_punkt,{role}), or set "
            f"{role}_nltk_data"
        )
    if options["input"] and not Path(options["input"]).is_file():
        yield (
            f"there is no {options['input']}. Run the role review_data first (--tags review_data,vec2pca), or set "
            "vec2pca_input to a text file with one document a line"
        )
    if not page.parent.is_dir():
        yield (
            f"there is no folder {page.parent} for the page. Run the role httpd first (--tags httpd,{role}), "
            f"or set {role}_page to a file in a folder that exists"
        )


def foreign(options: Mapping[str, Any]) -> Iterator[str]:
    """Return which files of others would be replaced."""
    page, command, role = Path(options["page"]), options["command"], options["role"]
    if os.path.lexists(page) and not (is_page(page, ANALYSIS, PLACEHOLDER) or is_of_distribution(page)):
        yield (
            f"{page} is a page that was not made here, and is left as it is: set {role}_page to another file, "
            f"such as {page.with_name('vec2pca.html')}"
        )
    if command and os.path.lexists(command) and not is_link_to_program(options):
        yield f"{command} was not made here, and is left as it is: set vec2pca_command to another path"
