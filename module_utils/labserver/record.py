"""What a host was before a role changed it: written once, before the change, and kept until the removal."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .files import read_json, write_json

FOLDER = "var/lib/labserver"


class Record:
    """The record of one role, below `root`."""

    def __init__(self, name: str, root: Path = Path("/")) -> None:
        """Read it; a torn one cannot be, as it is written whole."""
        self.path = root / FOLDER / f"{name}.json"
        self.content = read_json(self.path)

    def write(self, content: Mapping[str, Any]) -> None:
        """Write it, for everyone to read, whatever the umask."""
        self.content = dict(content)
        if not self.path.parent.is_dir():
            self.path.parent.mkdir(parents=True)
            self.path.parent.chmod(0o755)
        write_json(self.path, self.content)
        self.path.chmod(0o644)

    def remove(self) -> bool:
        """Remove it, and the folder when it is the last; return whether there was one."""
        with suppress(FileNotFoundError):
            self.path.unlink()
            with suppress(OSError):
                self.path.parent.rmdir()
            return True
        return False
