"""The first of several review sets that is available."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..download.fetch import download
from ..download.request import DownloadRequest, DownloadResult
from ..errors import LabError


def download_first(
    folder: Path,
    sets: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    *,
    in_use: str,
    connect_timeout: int,
    python: str,
    check: bool,
) -> tuple[str, DownloadResult, dict[str, str]]:
    """Fetch the first of the sets that is available, whose descriptions are in `sets`.

    Returns its name, empty where none is available, its file, and the title of each set before it to the reason why
    that is not. Raises LabError, also where anything but the reach is wrong.
    """
    missing = sorted(set(names) - set(sets))
    if missing or not names:
        raise LabError(
            f"{', '.join(missing) or 'no review set'} is asked for and not described: describe it (title, file, "
            f"sources), or use {', '.join(sets)}"
        )
    for name in names:
        absent = sorted({"title", "file", "sources"} - set(sets[name]))
        if absent:
            raise LabError(f"the description of the review set {name} has no {', '.join(absent)}: add it")
    file = DownloadResult(changed=False, dest="")
    unavailable: dict[str, str] = {}
    # A source that answers one day and not the next must not change the set in use
    for name in [in_use] if in_use in names else names:
        description = sets[name]
        sha256, sources = description.get("sha256"), description["sources"]
        request = DownloadRequest(
            dest=folder / description["file"],
            sources=[sources] if isinstance(sources, str) else list(sources),
            sha256=sha256 and sha256.lower(),
            connect_timeout=connect_timeout,
            python=python,
            variable="review_data_path",
        )
        file = download(request, required=False, check=check)
        if file.available:
            return name, file, unavailable
        unavailable[description["title"]] = file.reason
    return "", file, unavailable
