"""The pages that the roles write by templates: one frame, one header, readable by everyone on every screen."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.browser import Browser, chromium, needs_chromium
from tests.support.plugins import load_plugin

ROOT = Path(__file__).resolve().parents[3]
ADDRESSES = {
    "placeholder": "/index.html",
    "labs": "/labs/index.html",
    "jupyter": "/jupyter/index.html",
    "report": "/report.html",
}

PLOT = {
    "caption": "Speed-up over the number of cores",
    "see": "The line should rise.",
    "alt": "Line plot. Speed-up 1.00, 1.87 on 1, 2 cores.",
    "light": '<svg xmlns="http://www.w3.org/2000/svg" width="331" height="238"/>',
    "dark": '<svg xmlns="http://www.w3.org/2000/svg" width="331" height="238"/>',
}
LAB = {
    "title": "Wine quality & a <random> forest",
    "summary": ["A forest of 2,000 trees predicts the quality of 6,497 wines."],
    "plots": [PLOT, None, PLOT],
    "tables": [{"caption": "Time to grow the forest", "columns": ["Cores", "Seconds"], "rows": [[1, "30.5"]]}],
    "made": "2026-11-27T12:00:00Z",
    "seconds": 70.1,
    "cores": 2,
    "R": "4.2.2",
    "packages": {"randomForest": "4.7-1.1", "foreach": "1.5.2"},
    "timer": "tictoc",
    "load_at_start": 0.5,
}


def record(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "ready", "where": "", "reason": "", "unavailable": {}, "details": {}, **more}


COMPONENTS = [
    record("swap", where="/var/swap.1, 1024 MB"),
    record("vec2pca", where="/var/www/html/index.html"),
    record("r_packages", where="doMC"),
    record("rstudio_server", state="unavailable"),
    record("r_labs", where="/labs/, and /home/student/labs of student", details={"page": "/labs/"}),
    record("comparison", where="/class/", details={"page": "/class/"}),
    record("jupyterlab", where="/jupyter/", details={"page": "/jupyter/"}),
]
MACHINE = {
    "time": "2026-11-27T13:00:05Z",
    "load": [0.5, 1.25, 2.0],
    "cores": 2,
    "memory_mb": {"total": 2048, "free": 512},
    "swap_mb": {"total": 1024, "free": 1024},
    "disks": [{"path": "/", "total_mb": 10240, "free_mb": 5120}],
}
REASON = f"https://packages.example/{'x' * 200}: <out>: Could not resolve host"
REPORT = {
    "host": "lab-<1>",
    "system": "Debian 12.9",
    "url": "http://lab/",
    "components": COMPONENTS,
    "links": load_plugin("report/filter_plugins/report.py").report_links(COMPONENTS, "http://lab:8787/"),
    "missing": [
        {"name": "r_packages", "part": "<gbm>", "help": "This host cannot reach packages.<example>.", "reason": REASON},
        {"name": "swap", "part": "", "help": "The kernel has no swap", "reason": "The kernel has no swap"},
    ],
    "unverified": [{"name": "r_labs", "part": "<flights> of 2008", "reason": "its <publisher> states no SHA-256"}],
    "versions": {"Apache": "2.4.62", "R": "4.2.2"},
    "machine": MACHINE,
    "ec2": {
        "type": "t3.micro", "region": "us-west-2", "expires": "2026-12-27T12:00:00Z", "hourly_usd": 0.0154,
        "prices_of": "2026-11",
    },
}  # fmt: skip
VARIABLES = {
    "report_host": REPORT,
    "__r_labs_unavailable": {"gbm": "R of student has no gbm."},
    "__r_labs_final": {"published": {"forest": LAB, "boosting": {**LAB, "title": "Boosted trees", "tables": []}}},
    "__r_labs_user_folder": "/home/student/labs",
    "r_labs_user": "student",
    "r_labs_wanted": ["forest", "boosting", "flights"],
}
TEMPLATES = {
    "header": "report/templates/header.html.j2",
    "measured": "report/templates/measured.html.j2",
    "report": "report/templates/report.html.j2",
    "data": "report/templates/report.json.j2",
    "labs": "r_labs/templates/index.html.j2",
    "jupyter": "jupyterlab/templates/page/index.html.j2",
    "placeholder": "httpd/templates/placeholder.html.j2",
}

MARKED = {"header.html": "header", "measured.html": "measured", "report.html": "report", "report.json": "data"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Render all of them as Ansible does."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "frame.html.j2").symlink_to(ROOT / "roles/shared/templates/frame.html.j2")
    tasks = [
        {
            "ansible.builtin.template": {"src": str(ROOT / "roles" / path), "dest": str(folder / name)},
            "vars": {**VARIABLES, "role_path": str(ROOT / "roles" / path.partition("/")[0])},
        }
        for name, path in TEMPLATES.items()
    ]
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": tasks,
    }
    playbook = folder / "play.json"
    playbook.write_text(json.dumps([play]))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(playbook)]
    env = {**os.environ, "ANSIBLE_FILTER_PLUGINS": str(ROOT / "roles/report/filter_plugins")}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (folder / name).read_text() for name in TEMPLATES}


def served(pages: dict[str, str], name: str) -> str:
    """Return a page with its header, as mod_include of Apache puts it in."""

    def chosen(match: re.Match[str]) -> str:
        return match[2] if f"'{ADDRESSES[name]}'" in match[1] else ""

    header = re.sub(
        r"<!--#if expr=\"v\('DOCUMENT_URI'\) in \{(.*?)\}\" -->(.*?)<!--#endif -->", chosen, pages["header"]
    )
    page, count = re.subn(r'<!--#include virtual="/header.html" -->', lambda _: header, pages[name])
    assert count == 1
    page = page.replace('<!--#include virtual="/measured.html" -->', pages["measured"])
    assert "<!--#" not in page
    return page


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_header_links_to_what_is_there_and_names_the_present_page(pages: dict[str, str], name: str) -> None:
    header = served(pages, name).partition('<nav class="site"')[2].partition("</nav>")[0]
    assert re.findall(r'<a href="([^"]*)"', header) == ["/", "/labs/", "/jupyter/", "/class/", "/report.html"]
    assert re.findall(r'href="([^"]*)" aria-current="page"', header) == [ADDRESSES[name].removesuffix("index.html")]


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_page_has_what_it_needs_in_itself(pages: dict[str, str], name: str) -> None:
    page = served(pages, name)
    assert (ROOT / "roles/shared/files/frame.css").read_text() in page
    assert not re.search(r'(?:src|srcset)="(?!data:)|<link [^>]*href="(?!data:)|@import|url\(|<script', page)


def test_the_report_tells_what_people_ask(pages: dict[str, str]) -> None:
    page = served(pages, "report")
    text = " ".join(re.sub(r"<[^>]*>", " ", page.partition("<body>")[2]).split())
    for said in (
        "6 parts of lab-&lt;1&gt; work, 2 are missing",
        "&lt;gbm&gt; of r_packages This host cannot reach packages.&lt;example&gt;.",
        "&lt;flights&gt; of 2008 r_labs its &lt;publisher&gt; states no SHA-256",
        "Load 0.50, 1.25, 2.00",
        "Memory 0.5 of 2.0 GiB free",
        "Disk of / 5.0 of 10.0 GiB free",
        "Last run 2026-11-27 13:00:05 UTC",
        "0.0154 USD an hour, 11.24 a month",
        "Expires 2026-12-27T12:00:00Z",
        "Apache 2.4.62",
    ):
        assert said in text
    assert '<a href="http://lab/labs/">' in page
    assert page.count("<details>") == 1


def test_a_page_of_the_report_is_known_by_its_words(pages: dict[str, str]) -> None:
    marks = yaml.safe_load((ROOT / "roles/report/vars/main.yml").read_text())["__report_marks"]
    assert [mark for file, mark in marks.items() if mark not in pages[MARKED[file]]] == []


def test_what_a_record_says_cannot_become_markup(pages: dict[str, str]) -> None:
    for page in (text for name, text in pages.items() if name != "data"):
        assert not re.search("<(?:out|random|1|gbm|example|flights|publisher)>", page)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as it:
        yield it


@needs_chromium
@pytest.mark.parametrize("name", ADDRESSES)
def test_it_fits_and_is_accessible(pages: dict[str, str], browser: Browser, tmp_path: Path, name: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(served(pages, name))
    browser.open(page)
    for colours in ("light", "dark"):
        for width in (360, 1280):
            browser.look(colours, width, 1000)
            browser.keep_screenshot(f"server-{name}-{colours}-{width}", tmp_path)
            assert browser.js("return document.documentElement.scrollWidth") <= width
    assert browser.violations() == []
