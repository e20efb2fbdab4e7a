"""What the tests of downloads share."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

DATA = bytes(range(256)) * 2000

SHA = hashlib.sha256(DATA).hexdigest()


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def record(dest: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(f"{dest}.source.json").read_text())
    return content
