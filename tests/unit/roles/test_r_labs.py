"""The labs as notebooks: the same code as the scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import load_plugin

SCRIPTS = Path(__file__).resolve().parents[3] / "roles/r_labs/files/scripts"
TEXTS = {path.name: path.read_text() for path in SCRIPTS.iterdir()}
notebooks = load_plugin("r_labs/filter_plugins/notebook.py")


def cells(text: str) -> list[dict[str, Any]]:
    return list(json.loads(text)["cells"])


@pytest.mark.parametrize("lab", ["forest", "boosting", "flights"])
def test_a_notebook_has_the_code_of_its_script(lab: str) -> None:
    found = cells(notebooks.r_notebooks(TEXTS, [lab])[f"{lab}.ipynb"])
    code = "\n".join(cell["source"] for cell in found if cell["cell_type"] == "code")
    lines = [line for line in TEXTS[f"{lab}.R"].splitlines() if line and not line.startswith("#")]
    assert [line for line in code.splitlines() if line][:-1] == lines  # the last shows the plots
    assert len({cell["id"] for cell in found}) == len(found) > 7
    assert all(cell["source"].strip() for cell in found)


def test_comments_at_the_margin_become_text() -> None:
    script = "# Lab: one\n#\n# Two.  Run me with:  Rscript a.R\n\nx <- 1\n\n# ---- Part ------\n\nf <- 2 # there\n"
    assert [(cell["cell_type"], cell["source"]) for cell in cells(notebooks.r_notebook(script, "a"))[:-1]] == [
        ("markdown", "# Lab: one\n\nTwo."),
        ("code", "x <- 1"),
        ("markdown", "## Part"),
        ("code", "f <- 2 # there"),
    ]
