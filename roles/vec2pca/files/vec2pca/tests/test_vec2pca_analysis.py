"""Vectors and principal components."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from vec2pca.analysis import analyse, principal_components, unit_rows
from vec2pca.labserver.content.source import Source
from vec2pca.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


SMALL = Settings(features=20, min_count=5, components=3, epochs=20)


def test_scores_are_those_of_scikit_learn_up_to_sign() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    vectors = unit_rows(np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32) * np.arange(1, 13))
    scores, variance = principal_components(vectors, 5)
    reference = decomposition.PCA(5).fit(vectors.astype(float))
    np.testing.assert_allclose(np.abs(scores), np.abs(reference.transform(vectors.astype(float))), atol=1e-8)
    np.testing.assert_allclose(variance, reference.explained_variance_ratio_, atol=1e-10)


def test_everyday_words_are_at_the_high_end_whatever_the_signs_of_the_vectors() -> None:
    vectors = unit_rows(np.random.default_rng(1).gamma(1.0, size=(300, 10)).astype(np.float32))
    scores, _ = principal_components(vectors, 4)
    mirrored, _ = principal_components(-vectors, 4)
    np.testing.assert_allclose(scores, mirrored, atol=1e-6)
    assert (scores[:100].sum(axis=0) > 0).all()


def test_words_of_a_topic_are_near_each_other(small_text: Path) -> None:
    result = analyse(Source(small_text), SMALL)
    place = {word: i for i, word in enumerate(result.words)}
    cosines = result.vectors @ result.vectors.T
    within = cosines[place["guitar"], place["drums"]]
    across = max(cosines[place["guitar"], place[word]] for word in ("camera", "oven"))
    assert within > across + 0.3
    np.testing.assert_allclose(np.linalg.norm(result.vectors, axis=1), 1, atol=1e-5)


def test_json_holds_words_scores_variance_and_vectors(small_text: Path) -> None:
    result = analyse(Source(small_text), SMALL)
    data = json.loads(result.as_json("T", {"k": "v"}))
    assert data["format"] == "vec2pca/1"
    assert data["about"] == {"k": "v"}
    assert data["words"][0] == "the"
    assert np.shape(data["scores"]) == (len(data["words"]), 3)
    assert np.shape(data["vectors"]) == (len(data["words"]), 20)
    assert [c["name"] for c in data["components"]] == ["PC0", "PC1", "PC2"]
    assert data["counts"] == sorted(data["counts"], reverse=True)


def test_as_many_components_as_words_works(tmp_path: Path) -> None:
    path = tmp_path / "nine.txt"
    path.write_text("a b c d e f g h i\n" * 50)
    result = analyse(Source(path), Settings(features=10, min_count=50, components=9))
    assert result.scores.shape == (9, 9)
    assert np.isfinite(result.scores).all()
