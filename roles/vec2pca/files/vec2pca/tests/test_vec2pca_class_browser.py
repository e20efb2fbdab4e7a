"""The page of a class in headless Chromium. Skips where there is no Chromium."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.browser import Browser, needs_chromium, served
from support.classes import make_class
from vec2pca.class_page import class_csv, render_class, rounded

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_chromium

UP, DOWN, LEFT, RIGHT, HOME, END = "\ue013", "\ue015", "\ue012", "\ue014", "\ue011", "\ue010"
STATUS = "return document.querySelector('#status').textContent"
PANEL = "return document.querySelector('#pair').innerText"
CHOOSE = "const s = document.querySelector('#measure'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))"
WORDS = "return [...document.querySelectorAll('#word-table tbody td')].map(d => d.parentNode.cells[0].textContent)"
SERVERS = "return [...document.querySelectorAll('#host-table tbody tr')].map(r => r.cells[0].textContent)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("classes")
    found = {}
    for hosts in (2, 3, 20, 30, 200):
        found[hosts] = folder / f"class-{hosts}.html"
        page = render_class(make_class(hosts, training=hosts != 2), [], "/header.html")
        found[hosts].write_text(served(page), encoding="utf-8")
    return found


def show(browser: Browser, page: Path) -> Browser:
    browser.look("light", 1280, 1000)
    browser.open(page)
    browser.js("document.documentElement.style.scrollBehavior = 'auto'")  # no click while the page still scrolls
    return browser


def words(browser: Browser) -> list[str]:
    return list(dict.fromkeys(browser.js(WORDS)))


@pytest.mark.parametrize("hosts", [2, 3, 20, 30, 200])
def test_loads_without_complaint_and_without_a_network(browser: Browser, pages: dict[int, Path], hosts: int) -> None:
    show(browser, pages[hosts]).complaints()
    browser.open(pages[hosts])
    assert browser.complaints() == []
    assert browser.js("return performance.getEntriesByType('resource').filter(e => !/^data:/.test(e.name))") == []
    assert browser.js("return document.querySelectorAll('[data-script][hidden]').length") == 0


@pytest.mark.parametrize("hosts", [3, 20, 200])
def test_the_arrow_keys_move_through_the_heat_map_and_tell_the_pair(
    browser: Browser, pages: dict[int, Path], hosts: int
) -> None:
    found = rounded(make_class(hosts))
    show(browser, pages[hosts])
    names = [found["hosts"][i]["name"] for i in found["order"]]

    def pair(r: int, c: int, key: str = "cosine_agreement") -> str:
        value = found["pairs"][key][found["order"][r]][found["order"][c]]
        return f"{names[r]} and {names[c]}: {key.replace('_', ' ')} {value:.3f}"

    browser.keys("#heat", HOME + UP * hosts + RIGHT)
    assert browser.js(STATUS) == pair(0, 1)
    browser.keys("#heat", DOWN + DOWN)
    assert browser.js(STATUS) == pair(2, 1)
    browser.js(CHOOSE, "neighbour_overlap")
    assert browser.js(STATUS) == pair(2, 1, "neighbour_overlap")
    assert names[2] in browser.js(PANEL)
    browser.keys("#heat", LEFT + LEFT)
    assert browser.js(STATUS) == pair(2, 0, "neighbour_overlap")
    browser.keys("#heat", END + UP)
    assert browser.js(STATUS) == pair(1, hosts - 1, "neighbour_overlap")
    browser.keys("#heat", DOWN * (2 if hosts == 3 else 0) + LEFT * (hosts - 2 if hosts > 3 else 0))
    assert browser.js(STATUS).endswith("itself")


def test_the_pointer_tells_the_pair_under_it(browser: Browser, pages: dict[int, Path]) -> None:
    found = make_class(200)
    show(browser, pages[200])
    at = browser.js(
        "const p = document.querySelector('#heat'); p.scrollIntoView(); const b = p.getBoundingClientRect();"
        "return [b.left + b.width * 150.5 / 200, b.top + b.height * 20.5 / 200]"
    )
    browser.devtools("Input.dispatchMouseEvent", type="mouseMoved", x=at[0], y=at[1])
    browser.js_later("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    a, b = (found["hosts"][found["order"][i]]["name"] for i in (20, 150))
    assert f"{a}\nand {b}" in browser.js(PANEL)
    assert f"{a} and {b}" in browser.js("return document.querySelector('.tip').textContent")


def test_the_buttons_find_the_most_and_the_least_alike(browser: Browser, pages: dict[int, Path]) -> None:
    found = rounded(make_class(20))
    show(browser, pages[20])
    for button, value in (("#most", "highest"), ("#least", "lowest")):
        browser.click(button)
        assert browser.js(STATUS).endswith(f"{found['measures']['cosine_agreement'][value]:.3f}")


@pytest.mark.parametrize("hosts", [20, 200])
def test_another_measure_draws_another_map_and_other_numbers(
    browser: Browser, pages: dict[int, Path], hosts: int
) -> None:
    show(browser, pages[hosts])
    state = "return [document.querySelector('#heat-image').src, document.querySelector('#pairs tbody').innerHTML]"
    first = browser.js(state)
    browser.js(CHOOSE, "overlap")
    other = browser.js(state)
    assert first[0] != other[0]
    assert first[1] != other[1]
    browser.js(CHOOSE, "cosine_agreement")
    assert browser.js(state)[1] == first[1], "the script writes the numbers as the page had them"


def test_the_map_of_the_script_has_the_colours_of_the_page(browser: Browser, pages: dict[int, Path]) -> None:
    pixels = (
        "const i = document.querySelector('#heat-image'), c = document.createElement('canvas');"
        "i.decode().then(() => { c.width = c.height = 20; const p = c.getContext('2d'); p.drawImage(i, 0, 0);"
        "arguments[0](p.getImageData(0, 0, 20, 20).data.join()) })"
    )
    show(browser, pages[20])
    by_script = browser.js_later(pixels)
    with browser.without_scripts():
        browser.open(pages[20])
    assert browser.js_later(pixels) == by_script


def test_words_are_found_and_sorted(browser: Browser, pages: dict[int, Path]) -> None:
    found = make_class(20)["words"]
    show(browser, pages[20])
    assert words(browser)[0] == found[0]["word"]
    browser.keys("#search", found[100]["word"].upper())
    assert words(browser) == [found[100]["word"]]
    assert "1 of 1 words" in browser.js("return document.querySelector('#found-words').textContent")
    browser.js("const s = document.querySelector('#search'); s.value = ''; s.dispatchEvent(new Event('input'))")
    browser.click("#word-table th:nth-child(5) button")
    assert words(browser)[0] == max(found, key=lambda word: word["count"])["word"]
    assert browser.js("return document.querySelector('#word-table th:nth-child(5)').ariaSort") == "descending"
    browser.click("#word-table th:nth-child(1) button")
    assert words(browser)[:3] == sorted(word["word"] for word in found)[:3]
    browser.click("#word-table th:nth-child(3) button")
    assert words(browser)[0] == max(found, key=lambda word: word["neighbours"] or 0)["word"]
    shown = len(words(browser))
    browser.click("#more")
    assert len(words(browser)) == shown + 100


def test_servers_are_sorted_and_the_one_that_stands_apart_is_first(browser: Browser, pages: dict[int, Path]) -> None:
    found = make_class(20)["hosts"]
    show(browser, pages[20])
    assert browser.js(SERVERS)[0] == "sandbox-20"
    browser.click("#host-table th:nth-child(1) button")
    assert browser.js(SERVERS) == [host["name"] for host in found]
    browser.click("#host-table th:nth-child(5) button")
    assert browser.js(SERVERS)[-1] == "sandbox-1", "whose number of reviews is not known"
    browser.click("#host-table th:nth-child(5) button")
    assert browser.js(SERVERS)[-1] == "sandbox-1"


@pytest.mark.parametrize("hosts", [3, 200])
def test_downloads_hold_the_whole_comparison(browser: Browser, pages: dict[int, Path], hosts: int) -> None:
    found = make_class(hosts)
    show(browser, pages[hosts])
    csv, text = browser.downloads("#get-csv", "#get-json")
    assert csv == class_csv(rounded(found))
    data = json.loads(text)
    assert data.keys() == found.keys()
    assert data["words"] == [pytest.approx(word, abs=1e-4) for word in found["words"]]
    for key, table in found["pairs"].items():
        assert data["pairs"][key] == [pytest.approx(row, abs=1e-4) for row in table]
    assert [host["agreement"] for host in data["hosts"]] == pytest.approx(
        [host["agreement"] for host in found["hosts"]], abs=1e-4
    )
    assert data["left_out"] == found["left_out"]


@pytest.mark.parametrize("hosts", [2, 20, 200])
def test_without_javascript_everything_is_there_to_read(browser: Browser, pages: dict[int, Path], hosts: int) -> None:
    show(browser, pages[hosts])
    with browser.without_scripts():
        browser.open(pages[hosts])
    found = make_class(hosts)
    assert browser.js("return [...document.querySelectorAll('[data-script]')].every(e => !e.offsetParent)")
    assert browser.js("return document.querySelector('#heat-image').naturalWidth") == hosts
    text = browser.js("return document.querySelector('main').innerText")
    for part in (found["words"][0]["word"], found["words"][-1]["word"], found["left_out"][0]["reason"], "Found in"):
        assert part in text
    assert browser.js(SERVERS + ".length") == hosts


@pytest.mark.parametrize("hosts", [3, 20])
def test_names_beside_the_heat_map_are_large_enough_to_read(
    browser: Browser, pages: dict[int, Path], hosts: int
) -> None:
    show(browser, pages[hosts])
    for width in (360, 1280):
        browser.look("light", width, 1000)
        names = browser.js(
            "const plane = document.querySelector('#heat').getBoundingClientRect();"
            "return [...document.querySelectorAll('.rows li')].map((e, i, all) => {"
            "const b = e.getBoundingClientRect();"
            "const row = plane.height / all.length; return [parseFloat(getComputedStyle(e).fontSize),"
            "e.scrollWidth - e.clientWidth, b.top + b.height / 2 - plane.top - (i + 0.5) * row, row]})"
        )
        assert len(names) == hosts
        for size, cut, beside, row in names:
            assert 11 <= size <= row
            assert cut <= 0
            assert abs(beside) < row / 4, "the name stands beside its row"


def test_on_paper_there_are_no_controls_and_whole_tables(browser: Browser, pages: dict[int, Path]) -> None:
    show(browser, pages[30])
    with browser.on_paper():
        hidden = "return [...document.querySelectorAll('.controls, nav, .buttons, #pair')].every(e => !e.offsetParent)"
        assert browser.js(hidden)
        assert (
            browser.js("const s = document.querySelector('#hosts .scroll'); return s.scrollHeight - s.clientHeight")
            <= 1
        )


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("hosts", [2, 3, 20, 200])
def test_fits_and_is_accessible(
    browser: Browser, pages: dict[int, Path], tmp_path: Path, hosts: int, colours: str, width: int
) -> None:
    show(browser, pages[hosts])
    browser.look(colours, width, 1000)
    if hosts < 200:  # axe would take half a minute for all the rows
        browser.js("for (const details of document.querySelectorAll('details')) details.open = true")
    browser.js_later("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    browser.keep_screenshot(f"class-{hosts}-{colours}-{width}", tmp_path)
    assert browser.js("return document.documentElement.scrollWidth") <= width
    assert browser.violations() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_long_and_foreign_names_and_words_widen_nothing(browser: Browser, tmp_path: Path, width: int) -> None:
    found = make_class(8)
    found["hosts"][0]["name"] = "x" * 120
    found["hosts"][1]["name"] = "\u0634\u0628\u0643\u0629"
    found["hosts"][2]["same_sample_as"] = ["x" * 120]
    found["left_out"][0].update(name="y" * 150, reason="z" * 200)
    found["words"][0]["word"] = found["components"][0]["low"][0]["word"] = "w" * 90
    found.update(title="T" * 90, answer="A" * 90, notes=["n" * 200])
    page = tmp_path / "class.html"
    page.write_text(render_class(found, []), encoding="utf-8")
    show(browser, page)
    browser.look("light", width, 1000)
    browser.js("for (const details of document.querySelectorAll('details')) details.open = true")
    browser.keys("#heat", HOME)
    assert browser.js("return document.documentElement.scrollWidth") <= width
