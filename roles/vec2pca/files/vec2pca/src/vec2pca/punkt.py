"""The sentence splitter, punkt of NLTK, and what is said where it or its data is missing or damaged."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vec2pca.errors import Vec2pcaError

# The entries of the English tables: fewer are what a copy that broke off, an empty file or a page of HTML holds
TABLES = {"abbrev_types": 156, "collocations": 37, "sent_starters": 39, "ortho_context": 20_366}


@contextlib.contextmanager
def only_part_of_nltk() -> Iterator[None]:
    """Let `nltk.tokenize.punkt` be imported without all of NLTK and what that imports (scipy, scikit-learn, ...).

    It needs a few small modules of NLTK; its package imports everything, which costs 3 seconds and 120 MB. So for a
    moment `nltk` and `nltk.tokenize` are packages that have run no code of their own. Nothing of it stays behind.
    """
    if "nltk" in sys.modules:
        yield
        return
    try:
        for name in ("nltk", "nltk.tokenize"):
            spec = importlib.util.find_spec(name)
            if spec is None:
                raise ModuleNotFoundError(name)
            sys.modules[name] = importlib.util.module_from_spec(spec)
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "nltk"]:
            del sys.modules[name]


def load_punkt() -> Callable[[str], list[str]]:
    """Return punkt's English sentence splitter, str -> list of str.

    Source: Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary Detection", 2006.
    """
    for part in (only_part_of_nltk(), contextlib.nullcontext()):
        with contextlib.suppress(ImportError, AttributeError), part:  # another NLTK may need more of itself
            return import_punkt()
    raise Vec2pcaError("NLTK cannot be imported. Install it: python -m pip install nltk")


def check_tables(parameters: Any) -> None:
    """Raise ValueError for punkt's parameters where they were read from files that are not whole."""
    for name, least in TABLES.items():
        if (entries := len(getattr(parameters, name))) < least:
            raise ValueError(f"the table {name} holds {entries:,} of {least:,} entries")


def import_punkt() -> Callable[[str], list[str]]:
    """Return the splitter; raise `Vec2pcaError` with the fix where its data is missing or damaged."""
    with contextlib.suppress(ImportError):  # NLTK before 3.10 has no limit
        # It is on the time of day: a machine that stands still for a moment would end the reading. It is against a
        # match that takes for ever, which punkt's do not: they take as long as the text is, and the pieces are short.
        limits: Any = importlib.import_module("nltk.redos")
        limits.DEFAULT_TIMEOUT = None
    data = importlib.import_module("nltk.data")
    punkt = importlib.import_module("nltk.tokenize.punkt")
    folders = [Path(folder) / "tokenizers" for folder in data.path]
    there = [path for folder in folders for path in (folder / "punkt_tab", folder / "punkt_tab.zip") if path.exists()]
    load = punkt.PunktTokenizer
    try:
        splitter = load("english")
        check_tables(splitter._params)  # noqa: SLF001 - it has no other way to them
    except (ImportError, AttributeError, MemoryError):
        raise
    except Exception as error:
        if there:  # what NLTK raises for damaged files is of many kinds
            why = next((line.strip() for line in str(error).splitlines() if line.strip(" *")), type(error).__name__)
            raise Vec2pcaError(
                f"NLTK's punkt_tab data (the sentence splitter) at {there[0]} is damaged or cannot be read ({why}). "
                "Remove it and get it again: python -m nltk.downloader punkt_tab (or, with labserver, role nltk_punkt)"
            ) from None
        if not isinstance(error, LookupError):
            raise
        looked = "\n".join(f"  {folder}" for folder in data.path)
        raise Vec2pcaError(
            "NLTK's punkt_tab data (the sentence splitter) was not found. Get it with\n"
            "  python -m nltk.downloader punkt_tab\n"
            "or unzip punkt_tab.zip into a folder `tokenizers` below one of the following,\n"
            f"or below a folder that the environment variable NLTK_DATA names:\n{looked}"
        ) from None
    split: Callable[[str], list[str]] = splitter.tokenize
    return split
