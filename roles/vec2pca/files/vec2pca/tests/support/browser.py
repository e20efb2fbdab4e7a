"""Headless Chromium, driven over WebDriver (plain HTTP)."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

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
INCLUDE = '<!--#include virtual="/header.html" -->'
HEADER = """<nav class="site" aria-label="Server"><b>lab-1.example.org</b><a href="/" aria-current="page">Analysis</a>
<a href="/labs/">R labs</a><a href="/jupyter/">JupyterLab</a><a href="/report.html">Server report</a></nav>"""
needs_chromium = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")


class Browser:
    """As much of a WebDriver client as these tests need."""

    def __init__(self, port: str, profile: Path) -> None:
        self.base = f"http://127.0.0.1:{port}"
        options = {
            "args": [*QUIET, f"--user-data-dir={profile}"],
            "binary": CHROMIUM,
            "prefs": {"download.default_directory": str(profile)},  # not the user's
        }
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]
        self.base += f"/session/{session}"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, page: Path | str) -> None:
        self.call("POST", "/url", {"url": page.as_uri() if isinstance(page, Path) else page})

    def js(self, code: str, *arguments: object) -> Any:
        return self.call("POST", "/execute/sync", {"script": code, "args": list(arguments)})

    def js_later(self, code: str) -> Any:
        return self.call("POST", "/execute/async", {"script": code, "args": []})

    def devtools(self, command: str, **parameters: object) -> Any:
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def keys(self, selector: str, text: str) -> None:
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{next(iter(found.values()))}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Press keys together, where the focus is."""
        down = [{"type": "keyDown", "value": key} for key in keys]
        up = [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": [*down, *up]}]})

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

    def downloads(self, *buttons: str) -> list[str]:
        """Press the buttons and return what each would have saved."""
        catch = "const make = URL.createObjectURL; window.got = []; URL.createObjectURL = b => (got.push(b), make(b));"
        self.js(catch + "for (const button of arguments[0]) document.querySelector(button).click();", buttons)
        found: list[str] = self.js_later("Promise.all(got.map(b => b.text())).then(arguments[0])")
        return found

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        self.devtools("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield
        finally:
            self.devtools("Emulation.setScriptExecutionDisabled", value=False)

    @contextmanager
    def on_paper(self) -> Iterator[None]:
        self.devtools("Emulation.setEmulatedMedia", media="print")
        try:
            yield
        finally:
            self.devtools("Emulation.setEmulatedMedia", media="")

    def keep_screenshot(self, name: str, folder: Path) -> None:
        """Keep what is seen, in VEC2PCA_SCREENSHOTS where that names a folder."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=False)["data"]
        (Path(os.environ.get("VEC2PCA_SCREENSHOTS") or folder) / f"{name}.png").write_bytes(base64.b64decode(shot))

    def violations(self) -> list[list[str]]:
        """Return what axe finds, as its rule and the first place. Skips the rest of the test where axe is missing."""
        axe = os.environ.get("AXE_JS")
        if not axe:
            pytest.skip("AXE_JS does not name axe.min.js: accessibility not checked")
        self.js(Path(axe).read_text(encoding="utf-8"))
        found: list[list[str]] = self.js_later(
            "axe.run().then(r => arguments[0](r.violations.map(v => [v.id, v.nodes[0].html])))"
        )
        return found


def served(page: str) -> str:
    """Return a page as a web server with server-side includes sends it."""
    assert INCLUDE in page
    return page.replace(INCLUDE, HEADER)


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own."""
    with subprocess.Popen([str(DRIVER), "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout
            port = next(m[1] for line in driver.stdout if (m := re.search(r"successfully on port (\d+)", line)))
            it = Browser(port, profile)
            try:
                yield it
            finally:
                it.call("DELETE", "")
        finally:
            driver.terminate()
