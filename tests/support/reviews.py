"""What the tests of the review modules share."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.labserver.content.codecs import encoder
from ansible.module_utils.labserver.content.source import Source
from ansible.module_utils.labserver.sampling.draws import Draw
from ansible.module_utils.labserver.sampling.engine import sample
from ansible.module_utils.labserver.sampling.flags import Z

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("LABSERVER_DATA", ROOT.parent / "shared" / "data"))


def numbered(path: Path, lines: int, *, width: int = 0) -> Path:
    path.write_bytes(b"".join(b"%d%s\n" % (i, b"." * (i * 7919 % (width + 1))) for i in range(lines)))
    return path


def draw(
    path: Path, dest: Path, *, seed: int = 0, z: float = Z, fraction: float | None = None, count: int | None = None
) -> list[bytes]:
    sample(Source(path), dest, Draw(seed, fraction, count), encode=encoder(dest), z=z)
    return dest.read_bytes().splitlines(keepends=True)
