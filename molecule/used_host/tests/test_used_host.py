"""The server is there, and so is all that others had before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

Fetch = Callable[..., Any]
THEIRS = (
    "/etc/apache2/ports.conf",
    "/etc/pip.conf",
    "/home/teacher/labs/forest.R",
    "/opt/labserver/theirs/pyvenv.cfg",
    "/srv/labserver/sample.csv",
    "/srv/labserver/thesis.txt",
    "/srv/theirs.swap",
    "/usr/local/lib/R/site-library/theirs/DESCRIPTION",
    "/var/www/html/notes.html",
)


def test_our_pages_are_served_on_our_port(fetch: Fetch) -> None:
    assert "vec2pca" in fetch("/", port=8081).text
    report = json.loads(fetch("/report.json", port=8081).text)
    ready = {record["name"] for record in report["components"] if record["state"] == "ready"}
    assert ready >= {"httpd", "python_venv", "nltk_punkt", "review_data", "vec2pca", "r_base", "r_packages",
                     "rstudio_server", "r_labs"}  # fmt: skip
    assert fetch("/labs/", port=8081).status == 200


def test_rstudio_listens(host: Host) -> None:
    assert host.socket("tcp://0.0.0.0:8787").is_listening


@pytest.mark.parametrize(
    ("name", "port", "text"),
    [("localhost", 80, "front"), ("a.example.org", 80, "front"), ("wiki.example.org", 80, "wiki"), ("x", 8090, "shop")],
)
def test_the_sites_of_others_answer(host: Host, name: str, port: int, text: str) -> None:
    code = (
        "import sys, urllib.request as u;"
        "a = u.urlopen(u.Request(f'http://127.0.0.1:{sys.argv[2]}/', headers={'Host': sys.argv[1]}));"
        "print(a.headers['Server'], a.headers['X-Frame-Options'], a.read().decode())"
    )
    answer = host.check_output("python3 -c %s %s %s", code, name, str(port))
    assert answer.endswith(f"this is the {text}")
    assert "(Debian) None" in answer  # as its administrator has set it, and without our headers


def test_students_can_use_what_was_made_under_a_umask_of_077(host: Host) -> None:
    assert host.check_output("runuser -u student -- /opt/labserver/venv/bin/python -c 'import gensim; print(1)'") == "1"
    code = "library(foreach); library(randomForest); library(theirs); cat(seven())"
    assert host.check_output("runuser -u student -- Rscript -e %s", code) == "7"


def test_an_account_from_before_is_what_it_was_but_for_the_group(host: Host) -> None:
    teacher = host.user("teacher")
    assert (teacher.shell, teacher.gecos) == ("/bin/sh", "Teacher, room 5")
    assert "rstudio-users" in teacher.groups
    assert host.file("/home/teacher").mode == 0o700


@pytest.mark.parametrize("kind", ["shadow"])
def test_its_password_is_the_one_from_before(host: Host, kind: str) -> None:
    before = json.loads(host.file("/root/survey/before.json").content_string)["accounts"][kind]
    line = next(line for line in before if line.startswith("teacher:"))
    assert host.run("grep --quiet --fixed-strings --line-regexp -- %s /etc/shadow", line).rc == 0


def test_files_of_others_are_as_they_were(host: Host) -> None:
    before = json.loads(host.file("/root/survey/before.json").content_string)["files"]
    for path in THEIRS:
        digest = host.check_output("sha256sum %s", path).split()[0]
        assert digest == before[path][3], path
