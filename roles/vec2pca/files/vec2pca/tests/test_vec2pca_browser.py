"""The page in headless Chromium, driven over WebDriver (plain HTTP). Skips where there is no Chromium.

AXE_JS=path/to/axe.min.js adds the accessibility checks; VEC2PCA_SCREENSHOTS=folder keeps the screenshots.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.browser import Browser, needs_chromium, served
from support.results import result
from vec2pca.cli import main
from vec2pca.page import render

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, topic_text: Callable[[int], str]) -> Path:
    folder = tmp_path_factory.mktemp("page")
    text, about = folder / "t.txt", folder / "about.json"
    text.write_text(topic_text(400))
    about.write_text(json.dumps({"Data set": "made up", "Did not answer": ["a", "b"]}))
    out = folder / "page.html"
    arguments = ["--min-count", "5", "--features", "20", "--components", "4", "--epochs", "20", "--about", str(about)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vec2pca.text.load_punkt", lambda: lambda line: [line])
        assert main([str(text), str(out), *arguments, "--link", "Source=/r.txt", "--header=/header.html"]) == 0
    out.write_text(served(out.read_text()))
    return out


@pytest.fixture
def opened(browser: Browser, page: Path) -> Browser:
    browser.open(page)
    browser.look("light", 1280, 1000)
    browser.complaints()
    return browser


def test_loads_without_complaint_and_without_a_network(opened: Browser, page: Path) -> None:
    opened.open(page)
    assert opened.complaints() == []
    assert opened.js("return performance.getEntriesByType('resource').map(e => e.name)") == []
    assert opened.js("return document.querySelector('#words-map').hidden") is False


def test_search_chooses_a_word_and_shows_its_neighbours(opened: Browser) -> None:
    opened.keys("#search", "guitar")
    assert opened.js("return document.querySelector('#word h3').textContent") == "guitar"
    near = opened.js("return [...document.querySelectorAll('.nearest button')].map(b => b.textContent)")
    assert set(near[:5]) <= {"drums", "bass", "chorus", "melody", "verse", "song", "record", "band", "album"}
    assert "guitar: nearest are" in opened.js("return document.querySelector('#status').textContent")
    assert opened.js("return document.querySelectorAll('td.picked').length") == 4
    opened.click(".nearest button")
    assert opened.js("return document.querySelector('#word h3').textContent") == near[0]


def test_the_beginning_of_a_word_and_enter_find_it(opened: Browser) -> None:
    opened.keys("#search", "kitch\ue007")
    assert opened.js("return document.querySelector('#word h3').textContent") == "kitchen"


def test_the_map_zooms_and_moves_by_keyboard(opened: Browser) -> None:
    state = "return document.querySelector('#map').toDataURL()"
    wait = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
    opened.js_later(wait)
    whole = opened.js(state)
    seen = {whole}
    for keys in ("++", "\ue012", "-"):
        opened.keys("#map", keys)
        opened.js_later(wait)
        seen.add(opened.js(state))
    assert len(seen) == 4
    opened.keys("#map", "0")
    opened.js_later(wait)
    assert opened.js(state) == whole


def test_other_axes_draw_another_map(opened: Browser) -> None:
    label = "return document.querySelector('#map').getAttribute('aria-label')"
    assert "PC0 to the right, PC1 upwards" in opened.js(label)
    opened.js("const s = document.querySelector('#x-axis'); s.value = 3; s.dispatchEvent(new Event('change'))")
    assert "PC3 to the right, PC1 upwards" in opened.js(label)


def test_downloads_hold_every_word(opened: Browser) -> None:
    csv, text = opened.downloads("#get-csv", "#get-json")
    rows = [line.split(",") for line in csv.splitlines()]
    data = json.loads(text)
    assert rows[0] == ["word", "count", "PC0", "PC1", "PC2", "PC3"]
    assert [row[0] for row in rows[1:]] == data["words"]
    assert [float(row[2]) for row in rows[1:]] == [scores[0] for scores in data["scores"]]
    assert data["about"]["Data set"] == "made up"


def test_without_javascript_the_table_and_the_lists_are_there(opened: Browser, page: Path) -> None:
    with opened.without_scripts():
        opened.open(page)
    assert opened.js("return document.querySelector('#words-map').hidden") is True
    assert opened.js("return document.querySelector('table').rows.length") > 20
    assert "guitar" in opened.js("return document.querySelector('main').innerText")


def test_on_paper_there_are_no_controls_and_the_whole_table(opened: Browser) -> None:
    with opened.on_paper():
        hidden = "return [...document.querySelectorAll('.controls, nav, .buttons')].every(e => !e.offsetParent)"
        assert opened.js(hidden)
        assert opened.js("const s = document.querySelector('.scroll'); return s.scrollHeight - s.clientHeight") <= 1


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_fits_and_is_accessible(opened: Browser, tmp_path: Path, colours: str, width: int) -> None:
    opened.look(colours, width, 1000)
    opened.js_later("setTimeout(arguments[0], 200)")  # the map is drawn again
    opened.keep_screenshot(f"vec2pca-{colours}-{width}", tmp_path)
    assert opened.js("return document.documentElement.scrollWidth") <= width
    assert opened.violations() == []


def test_the_spread_of_a_word_over_samples_is_shown_and_downloaded(browser: Browser, tmp_path: Path) -> None:
    found = result(50)
    spread = [i / 100 for i in range(50)]
    page = tmp_path / "consensus.html"
    page.write_text(render(found, "T", {}, [], spread))
    browser.open(page)
    browser.keys("#search", found.words[7])
    assert "Spread 0.070" in browser.js("return document.querySelector('#word').textContent")
    csv, text = browser.downloads("#get-csv", "#get-json")
    assert [line.rsplit(",", 1)[1] for line in csv.splitlines()] == ["spread", *(f"{value:g}" for value in spread)]
    assert json.loads(text)["spread"] == spread
