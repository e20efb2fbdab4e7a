"""The pages that the roles publish, told from those of others by what stands in them."""

from __future__ import annotations

from pathlib import Path

ANALYSIS = b'<meta name="generator" content="vec2pca '
PLACEHOLDER = b"No analysis has been published here yet."  # role httpd's page until there is one
HEADER = b'<nav class="site" aria-label="Server">'  # role report's, of all pages
MEASURED = b'<dl class="measured">'  # role report's, a part of its page
REPORT = b": what this server has</title>"
_HEAD = 4096  # bytes; it is in the first ones


def is_page(path: Path, *kinds: bytes) -> bool:
    """Whether a file is one of these pages."""
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as content:
        head = content.read(_HEAD)
    return any(kind in head for kind in kinds)
