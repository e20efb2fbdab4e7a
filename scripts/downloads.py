"""Files that the scripts fetch with the project's own module."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from machine import ROOT, check


def fetch_punkt(folder: Path) -> None:
    """Fetch NLTK's punkt as role nltk_punkt does."""
    import yaml  # in the environment only, and this file is read before there is one

    defaults = yaml.safe_load((ROOT / "roles/nltk_punkt/defaults/main.yml").read_text(encoding="utf-8"))
    archive = folder / "punkt_tab.zip"
    folder.mkdir(parents=True, exist_ok=True)
    fetch(archive, defaults["nltk_punkt_sources"], defaults["nltk_punkt_sha256"])
    shutil.unpack_archive(archive, folder)


def fetch(dest: Path, sources: Sequence[str], sha256: str) -> None:
    """Fetch a file with module dataset_file."""
    arguments = json.dumps({"dest": str(dest), "sources": sources, "sha256": sha256})
    check("ansible", "localhost", "--module-name", "dataset_file", "--args", arguments)
