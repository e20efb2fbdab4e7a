"""The page as a file: its size, its escaping, its own security policy."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

import numpy as np
from support.results import result
from vec2pca.page import neighbours, render


def embedded(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_as_many_words_as_auto_keeps_make_less_than_one_and_a_half_megabytes() -> None:
    assert len(render(result(4500), "T", {}, []).encode()) < 1_500_000


def test_what_the_about_object_holds_cannot_leave_its_place() -> None:
    evil = "</script><script>alert(1)</script>"
    page = render(result(50), evil, {evil: evil}, [(evil, "/x")])
    assert page.count("<script") == 2
    assert embedded(page)["about"] == {evil: evil}


def test_the_policy_allows_exactly_the_script_of_the_page() -> None:
    page = render(result(50), "T", {}, [])
    script = page.rsplit("<script>", 1)[1].rsplit("</script>", 1)[0]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


def test_neighbours_are_the_nearest_by_cosine_and_never_the_word_itself() -> None:
    vectors = result(700).vectors
    found = neighbours(vectors)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    for i in (0, 511, 512, 699):  # both sides of a block's border
        assert [n for n, _ in found[i]] == np.argsort(-cosines[i], kind="stable")[:10].tolist()
        assert found[i][0][1] == round(100 * float(cosines[i].max()))
