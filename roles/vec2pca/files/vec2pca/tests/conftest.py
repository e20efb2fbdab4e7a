"""What the tests share: a small text with topics in it, punkt or a stand-in for it, and a browser."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).parent))  # for the folder support

from support.browser import Browser, chromium
from vec2pca import text as vec2pca_text
from vec2pca.errors import Vec2pcaError
from vec2pca.punkt import load_punkt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOPICS = [
    "guitar drums bass chorus melody verse song record band album",
    "actor scene script camera director film plot drama cast screen",
    "flour sugar oven butter bread cake spoon dough recipe kitchen",
]


def make_text(lines: int, seed: int = 0) -> str:
    """`lines` reviews, each of three sentences on one of three topics."""
    rng = random.Random(seed)
    out = []
    for _ in range(lines):
        words = rng.choice(TOPICS).split()
        out.append(" ".join(f"The {' and the '.join(rng.choices(words, k=6))}." for _ in range(3)))
    return "\n".join(out) + "\n"


def punkt() -> Callable[[str], list[str]] | None:
    """Punkt where its data is there."""
    try:
        return load_punkt()
    except Vec2pcaError:
        return None


PUNKT = punkt()


@pytest.fixture(autouse=True)
def sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without punkt's data, full stops do: most tests are not about sentences."""
    if PUNKT is None:
        monkeypatch.setattr(
            vec2pca_text, "load_punkt", lambda: lambda line: line.replace(". ", ".\0").split("\0") if line else []
        )


@pytest.fixture
def needs_punkt() -> None:
    """Skip a test that is about punkt where its data is missing."""
    if PUNKT is None:
        pytest.skip("punkt_tab is not in NLTK_DATA or NLTK's other folders")


@pytest.fixture(scope="session")
def topic_text() -> Callable[[int], str]:
    """The maker of texts with topics."""
    return make_text


@pytest.fixture
def small_text(tmp_path: Path) -> Path:
    """A file of 400 reviews, about 30 different words, each some 200 times."""
    path = tmp_path / "small.txt"
    path.write_text(make_text(400))
    return path


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium, one for all tests."""
    with chromium(tmp_path_factory.mktemp("profile")) as it:
        yield it
