"""The web server as a visitor, and a machine that boots, see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host


def test_the_page_is_ours(fetch: Callable[..., Any]) -> None:
    answer = fetch("/")
    assert answer.status == 200
    assert "labserver" in answer.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Server", "Apache"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
    ],
)
def test_headers(fetch: Callable[..., Any], name: str, expected: str) -> None:
    assert fetch("/").headers[name] == expected


def test_pages_may_fetch_nothing_from_elsewhere(fetch: Callable[..., Any]) -> None:
    assert "default-src 'none'" in fetch("/").headers["Content-Security-Policy"]


def test_an_error_page_names_no_version(fetch: Callable[..., Any]) -> None:
    answer = fetch("/missing")
    assert answer.status == 404
    assert "Apache/" not in answer.text + answer.headers["Server"]


def test_trace_is_refused(fetch: Callable[..., Any]) -> None:
    assert fetch("/", "TRACE").status == 405


def test_a_folder_is_not_listed(host: Host, fetch: Callable[..., Any]) -> None:
    host.check_output("mkdir -p /var/www/html/folder")
    assert fetch("/folder/").status == 403


def test_a_page_gets_the_header_and_runs_nothing(host: Host, fetch: Callable[..., Any]) -> None:
    host.check_output("echo '<nav>all</nav>' >/var/www/html/header.html")
    page = '<!--#include virtual="/header.html" --><!--#exec cmd="id" -->'
    host.check_output("printf %%s %s >/var/www/html/page.html", page)
    assert fetch("/page.html").text == "<nav>all</nav>\n<!-- no header -->"
    host.check_output("rm /var/www/html/header.html")
    assert fetch("/page.html").text == "<!-- no header -->" * 2
    host.check_output("rm /var/www/html/page.html")


def test_it_starts_at_boot(host: Host) -> None:
    service = host.service("apache2")
    assert service.is_running
    assert service.is_enabled
