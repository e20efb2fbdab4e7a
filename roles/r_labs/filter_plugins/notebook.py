"""The scripts of the labs as notebooks of Jupyter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any

KERNEL = {"name": "ir", "display_name": "R", "language": "R"}
# The scripts write their plots into files
PLOTS = """\
for (file in Sys.glob(file.path(results_folder, "{}-*-light.svg"))) IRdisplay::display_svg(file = file)"""


def r_notebooks(scripts: Mapping[str, str], labs: Iterable[str]) -> dict[str, str]:
    """Return the notebook of each lab, by name of the file, from the scripts by theirs."""
    return {f"{lab}.ipynb": r_notebook(scripts[f"{lab}.R"], lab) for lab in labs}


def r_notebook(script: str, name: str) -> str:
    """Return the text of a notebook from that of a script: comments at the margin become text, the rest cells.

    A comment after an empty line begins a cell. The last cell shows the plots of the lab of this name.
    """
    cells: list[dict[str, Any]] = []

    def add(kind: str, source: str) -> None:
        if source:
            code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
            cells.append({"cell_type": kind, "id": f"{name}-{len(cells)}", "metadata": {}, "source": source, **code})

    for block in re.split(r"\n\n(?=#)", script.strip()):
        lines = block.split("\n")
        comment = list(takewhile(lambda line: line.startswith("#"), lines))
        add("markdown", _markdown("\n".join(comment), title=not cells))
        add("code", "\n".join(lines[len(comment) :]).strip("\n"))
    add("code", PLOTS.format(name))
    notebook = {"cells": cells, "metadata": {"kernelspec": KERNEL}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1) + "\n"


def _markdown(comment: str, *, title: bool) -> str:
    text = re.sub(r"^# ?", "", comment, flags=re.MULTILINE)
    text = re.sub(r"^-{4} (.*?) -+$", r"## \1", text)
    text = re.sub(r"\s*Run me with:.*", "", text, flags=re.DOTALL)
    return f"# {text}" if title else text


class FilterModule:
    """What Ansible asks this file for."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names templates use."""
        return {"r_notebooks": r_notebooks}
