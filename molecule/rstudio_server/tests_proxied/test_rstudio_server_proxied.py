"""Behind Apache: what differs from a site of static pages. The rest is in test_rstudio_behind_tls.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host

Browse = Callable[..., list[dict[str, Any]]]
URL = "https://127.0.0.1/rstudio"


def test_the_rules_of_static_pages_are_theirs_alone(sign_in: Browse) -> None:
    form, _signed_in, page, root = sign_in("student", "/../page.html", "", url=URL)
    assert page["text"] == "A static page"
    assert "default-src 'none'" in page["headers"]["Content-Security-Policy"]
    assert "Content-Security-Policy" not in form["headers"]
    assert form["headers"]["X-Frame-Options"] == "SAMEORIGIN"
    assert form["headers"]["Referrer-Policy"] == "same-origin"
    # the path without its slash leads there too
    assert root["headers"]["Location"] == f"{URL}/"


def test_a_locked_user_is_out_at_once(host: Host, sign_in: Browse) -> None:
    assert host.run("pgrep --exact rsession --uid teacher").rc == 1
    page = sign_in("teacher", "/", url=URL, cookie="secrets/teacher.cookie")[-1]
    assert page["headers"]["Location"].endswith("/auth-sign-in")


def test_an_absent_user_is_removed_but_for_the_home_folder(host: Host) -> None:
    assert not host.user("sleeper").exists
    assert host.file("/home/sleeper").is_directory
