"""The page in headless Chromium, driven over WebDriver (plain HTTP). Skips where there is no Chromium.

AXE_JS=path/to/axe.min.js adds the accessibility checks; VEC2PCA_SCREENSHOTS=folder keeps the screenshots.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from vec2pca.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")


class Browser:
    """As much of a WebDriver client as these tests need."""

    def __init__(self, port: str, profile: Path) -> None:
        self.base = f"http://127.0.0.1:{port}"
        options = {"args": [*QUIET, f"--user-data-dir={profile}"], "binary": CHROMIUM}
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]
        self.base += f"/session/{session}"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, page: Path) -> None:
        self.call("POST", "/url", {"url": page.as_uri()})

    def js(self, code: str, *arguments: object) -> Any:
        return self.call("POST", "/execute/sync", {"script": code, "args": list(arguments)})

    def js_later(self, code: str) -> Any:
        return self.call("POST", "/execute/async", {"script": code, "args": []})

    def devtools(self, command: str, **parameters: object) -> Any:
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def keys(self, selector: str, text: str) -> None:
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{next(iter(found.values()))}/value", {"text": text})

    def click(self, selector: str) -> None:
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{next(iter(found.values()))}/click", {})

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def look(self, colours: str, width: int, height: int) -> None:
        media = {"name": "prefers-color-scheme", "value": colours}
        self.devtools("Emulation.setEmulatedMedia", features=[media])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)


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
        assert main([str(text), str(out), *arguments, "--link", "Report=/r.html"]) == 0
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    profile = tmp_path_factory.mktemp("profile")
    with subprocess.Popen([str(DRIVER), "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout
            port = next(m[1] for line in driver.stdout if (m := re.search(r"successfully on port (\d+)", line)))
            it = Browser(port, profile)
            yield it
            it.call("DELETE", "")
        finally:
            driver.terminate()


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
    catch = "const make = URL.createObjectURL; window.got = []; URL.createObjectURL = b => (got.push(b), make(b));"
    opened.js(catch + "document.querySelector('#get-csv').click(); document.querySelector('#get-json').click();")
    csv, text = opened.js_later("Promise.all(got.map(b => b.text())).then(arguments[0])")
    rows = [line.split(",") for line in csv.splitlines()]
    data = json.loads(text)
    assert rows[0] == ["word", "count", "PC0", "PC1", "PC2", "PC3"]
    assert [row[0] for row in rows[1:]] == data["words"]
    assert [float(row[2]) for row in rows[1:]] == [scores[0] for scores in data["scores"]]
    assert data["about"]["Data set"] == "made up"


def test_without_javascript_the_table_and_the_lists_are_there(opened: Browser, page: Path) -> None:
    opened.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened.open(page)
    finally:
        opened.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert opened.js("return document.querySelector('#words-map').hidden") is True
    assert opened.js("return document.querySelector('table').rows.length") > 20
    assert "guitar" in opened.js("return document.querySelector('main').innerText")


def test_on_paper_there_are_no_controls_and_the_whole_table(opened: Browser) -> None:
    opened.devtools("Emulation.setEmulatedMedia", media="print")
    try:
        hidden = "return [...document.querySelectorAll('.controls, nav, .buttons')].every(e => !e.offsetParent)"
        assert opened.js(hidden)
        assert opened.js("const s = document.querySelector('.scroll'); return s.scrollHeight - s.clientHeight") <= 1
    finally:
        opened.devtools("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_fits_and_is_accessible(opened: Browser, tmp_path: Path, colours: str, width: int) -> None:
    opened.look(colours, width, 1000)
    opened.js_later("setTimeout(arguments[0], 200)")  # the map is drawn again
    folder = Path(os.environ.get("VEC2PCA_SCREENSHOTS") or tmp_path)
    shot = opened.devtools("Page.captureScreenshot", captureBeyondViewport=False)["data"]
    (folder / f"vec2pca-{colours}-{width}.png").write_bytes(base64.b64decode(shot))
    assert opened.js("return document.documentElement.scrollWidth") <= width
    axe = os.environ.get("AXE_JS")
    if not axe:
        pytest.skip("AXE_JS does not name axe.min.js: accessibility not checked")
    opened.js(Path(axe).read_text(encoding="utf-8"))
    found = opened.js_later("axe.run().then(r => arguments[0](r.violations.map(v => [v.id, v.nodes[0].html])))")
    assert found == []
