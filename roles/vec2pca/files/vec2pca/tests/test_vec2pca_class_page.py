"""The page of a class as a file: the answer, its size, its escaping, its heat map; and the table for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from support.classes import make_class
from vec2pca.class_page import class_csv, render_class, rounded
from vec2pca.heat_map import STEPS

LINKS = [("Analysis", "/")]
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e"


class Reader(HTMLParser):
    """The text of a page by the id of the section, and all tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.section = "header"
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "section" and (name := dict(attrs).get("id")):
            self.section = name

    def handle_data(self, data: str) -> None:
        self.text[self.section] = self.text.get(self.section, "") + data


def embedded(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def heat_map(page: str) -> list[list[int]]:
    """Return the pixels of the heat map, as numbers of colours."""
    found = re.search(r'src="data:image/png;base64,([^"]+)"', page)
    assert found
    image = b64decode(found[1])
    width, height = struct.unpack(">II", image[16:24])
    at, packed = 8, b""
    while at < len(image):
        (size,) = struct.unpack(">I", image[at : at + 4])
        kind, body = image[at + 4 : at + 8], image[at + 8 : at + 8 + size]
        assert struct.unpack(">I", image[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        packed += body if kind == b"IDAT" else b""
        at += size + 12
    pixels = zlib.decompress(packed)
    return [list(pixels[r * (width + 1) + 1 : (r + 1) * (width + 1)]) for r in range(height)]


@pytest.mark.parametrize(("hosts", "limit"), [(2, 500_000), (3, 500_000), (20, 1_500_000), (30, 2_000_000)])
def test_a_class_makes_a_page_of_less_than_two_megabytes(hosts: int, limit: int) -> None:
    assert len(render_class(make_class(hosts, words=4500 if hosts > 3 else 500), LINKS).encode()) < limit


def test_two_hundred_servers_with_as_many_words_as_auto_keeps_make_less_than_two_megabytes() -> None:
    assert len(render_class(make_class(200, words=4500), LINKS).encode()) < 2_000_000


@pytest.mark.parametrize("hosts", [2, 3, 20, 30, 200])
@pytest.mark.parametrize("training", [True, False])
def test_the_answer_comes_first_and_every_server_is_named(hosts: int, training: bool) -> None:  # noqa: FBT001
    found = make_class(hosts, training=training)
    text = Reader(render_class(found, LINKS)).text
    assert found["answer"].replace(" %", "\u202f%") in text["header"]
    for host in found["hosts"]:
        assert host["name"] in text["hosts"]
    for host in found["left_out"]:
        assert host["name"] in text["header"]
        assert host["reason"] in text["hosts"]
    assert ("comparison_seeds" in text["chance"]) is not training
    assert text["hosts"].count("stands apart") == (hosts > 3)


@pytest.mark.parametrize(
    ("mean", "error", "said"),
    [(0.2, 0.1, "chance in training and not"), (0.8, 0.1, "comes from the reviews"), (0.45, 0.1, "about equally")],
)
def test_the_meaning_follows_the_share_and_its_error(mean: float, error: float, said: str) -> None:
    found = make_class(3)
    found["training"]["sample_share_of_variation"] = {"mean": mean, "error": error}
    assert said in Reader(render_class(found, LINKS)).text["header"]


def test_the_heat_map_is_ordered_by_likeness_and_darker_for_more_agreement() -> None:
    found = rounded(make_class(20))
    rows = heat_map(render_class(found, LINKS))
    table, order = found["pairs"]["cosine_agreement"], found["order"]
    assert [rows[i][i] for i in range(20)] == [STEPS] * 20
    shown = {(i, j): rows[order.index(i)][order.index(j)] for i in range(20) for j in range(20) if i != j}
    pairs = sorted(shown, key=lambda pair: table[pair[0]][pair[1]])
    colours = [shown[pair] for pair in pairs]
    assert colours == sorted(colours)
    assert (colours[0], colours[-1]) == (0, STEPS - 1)
    apart = order.index(19)
    assert {colour for i, colour in enumerate(rows[apart]) if i != apart} == {0}, "one that stands apart is all pale"
    assert len(set(colours)) > STEPS / 2, "and does not make the others look the same"


def test_up_to_thirty_servers_all_pairs_are_in_the_table_and_beyond_each_ones_extremes() -> None:
    found = make_class(30)
    text = Reader(render_class(found, LINKS)).text["agreement"]
    assert f"{found['pairs']['cosine_agreement'][3][17]:.3f}" in text
    found = make_class(31)
    text = Reader(render_class(found, LINKS)).text["agreement"]
    row = [value for j, value in enumerate(found["pairs"]["cosine_agreement"][4]) if j != 4]
    assert f"{max(row):.3f} with" in text
    assert f"{min(row):.3f} with" in text
    assert "not all 465 pairs" in text


def test_a_mirrored_component_and_one_that_is_missing_are_said_in_words() -> None:
    found = make_class(3)
    found["components"][0]["hosts"][1] = {"correlation": None, "component": None, "own_correlation": None}
    found["components"][0]["hosts"][2] = {"correlation": 0.9, "component": "PC7", "own_correlation": -0.8}
    text = Reader(render_class(found, LINKS)).text["C0"]
    assert "sandbox-2n/a" in text
    assert "PC7, mirrored\u22120.80" in text
    assert "Found in 3 of 3" in text


def holes(value: Any) -> Any:
    """Return the value with no number known, but counts and what is no measurement."""
    if isinstance(value, dict):
        return {key: holes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [holes(item) for item in value]
    return None if isinstance(value, float) else value


@pytest.mark.parametrize("hosts", [2, 20, 40])
def test_what_could_not_be_computed_is_said_and_breaks_nothing(hosts: int) -> None:
    page = render_class(holes(make_class(hosts)), LINKS)
    assert "n/a" in page
    assert "None" not in Reader(page).text["agreement"]


def test_one_server_alone_makes_a_page_without_a_heat_map() -> None:
    found = holes(make_class(2))
    found.update(hosts=found["hosts"][:1], order=[0], words=[], components=[])
    found["pairs"] = {key: [[1.0]] for key in found["pairs"]}
    assert 'id="heat"' not in render_class(found, LINKS)


def test_names_words_and_reasons_cannot_leave_their_place() -> None:
    found = make_class(8)
    found.update(title=EVIL, answer=EVIL, notes=[EVIL])
    for host in [*found["hosts"], *found["left_out"]]:
        host.update({key: EVIL for key in ("name", "data_set", "reason", "sampling_seed", "sha256") if key in host})
        host["address"] = "javascript:alert(1)"
    found["hosts"][0]["same_sample_as"] = [EVIL]
    found["parameters"]["data_set"] = EVIL
    found["words"][0]["word"] = found["components"][0]["low"][0]["word"] = EVIL
    found["components"][0].update(name=EVIL)
    found["components"][0]["hosts"][0]["component"] = EVIL
    found["sources"] = [{"key": EVIL, "text": EVIL, "url": "javascript:alert(1)"}]
    page = render_class(found, [(EVIL, "/x")])
    reader = Reader(page)
    count = [tag for tag, _ in reader.tags].count
    assert (count("script"), count("img")) == (2, 1)
    assert not any("onerror" in attributes for _, attributes in reader.tags)
    assert not any((attributes.get("href") or "").startswith("javascript") for _, attributes in reader.tags)
    assert embedded(page)["found"]["hosts"][0]["name"] == EVIL


def test_the_policy_allows_exactly_the_script_of_the_page() -> None:
    page = render_class(make_class(3), LINKS)
    script = page.rsplit("<script>", 1)[1].rsplit("</script>", 1)[0]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}'" in page


def test_the_table_for_spreadsheets_has_a_row_for_every_server() -> None:
    found = make_class(20)
    found["hosts"][1].update(name='a "quoted", name\nin two lines', same_sample_as=["x", "y"])
    text = class_csv(found)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert text.count("\r\n") == 23
    assert len(rows) == 22
    assert rows[1]["name"] == 'a "quoted", name\nin two lines'
    assert rows[1]["same_sample_as"] == "x y"
    assert float(rows[1]["agreement"]) == found["hosts"][1]["agreement"]
    assert (rows[19]["stands_apart"], rows[0]["reviews"], rows[0]["training_seeds"]) == ("yes", "", "1 2 3")
    assert [row["reason"] for row in rows[-2:]] == [host["reason"] for host in found["left_out"]]
    assert {row["compared"] for row in rows[:-2]} == {"yes"}
    assert {row["compared"] for row in rows[-2:]} == {"no"}


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_spreadsheet_takes_a_name_or_a_reason_for_a_formula(sign: str) -> None:
    found = make_class(2)
    found["hosts"][0]["name"] = found["left_out"][0]["reason"] = f"{sign}HYPERLINK(1)"
    rows = list(csv.DictReader(io.StringIO(class_csv(found), newline="")))
    assert rows[0]["name"] == rows[2]["reason"] == f"'{sign}HYPERLINK(1)"
