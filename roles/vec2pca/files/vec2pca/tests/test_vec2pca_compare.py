"""Comparing two results, on cases whose answer is known."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from vec2pca.cli import main
from vec2pca.compare import canonical_correlations, compare, cosine_agreement, neighbour_overlap
from vec2pca.errors import Vec2pcaError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(400, 3)) * [3, 2, 1]
VECTORS = RNG.normal(size=(400, 20))


def rotation(size: int) -> NDArray[np.float64]:
    q: NDArray[np.float64] = np.linalg.qr(RNG.normal(size=(size, size)))[0]
    return q


def result(
    words: list[str], scores: NDArray[np.float64] = SCORES, vectors: NDArray[np.float64] = VECTORS
) -> dict[str, Any]:
    components = [{"name": f"PC{i}", "variance": 0.1} for i in range(scores.shape[1])]
    return {
        "format": "vec2pca/1",
        "words": words,
        "components": components,
        "scores": scores.tolist(),
        "vectors": vectors.tolist(),
    }


WORDS = [f"w{i}" for i in range(400)]


def test_a_space_agrees_with_itself_rotated_stretched_mirrored_and_moved() -> None:
    changed = (SCORES @ rotation(3)) * [5, -0.1, 2] + 7
    np.testing.assert_allclose(canonical_correlations(SCORES, changed), 1, atol=1e-12)


def test_unrelated_spaces_hardly_agree() -> None:
    assert np.mean(canonical_correlations(SCORES, RNG.normal(size=(400, 3)))) < 0.2


def test_one_shared_direction_of_three_gives_one_correlation_of_one() -> None:
    other = np.column_stack([RNG.normal(size=(400, 2)), SCORES @ [1, 2, 3]])
    found = canonical_correlations(SCORES, other)
    assert found[0] == pytest.approx(1)
    assert max(found[1:]) < 0.3


def test_noise_of_known_size_gives_the_known_correlation() -> None:
    many = RNG.normal(size=(20_000, 2))
    noisy = many + RNG.normal(size=many.shape)  # correlation 1 / sqrt(2) in every direction
    np.testing.assert_allclose(canonical_correlations(many, noisy), 2**-0.5, atol=0.02)


def test_a_component_without_variance_does_not_count() -> None:
    flat = np.column_stack([SCORES[:, :2], np.zeros(400)])
    assert len(canonical_correlations(flat, SCORES)) == 2


def test_cosines_do_not_change_by_rotation_and_length() -> None:
    turned = VECTORS @ rotation(20) * RNG.uniform(1, 9, size=(400, 1))
    assert cosine_agreement(VECTORS, turned) == pytest.approx(1)
    assert neighbour_overlap(VECTORS, turned) == pytest.approx(1)
    assert abs(cosine_agreement(VECTORS, RNG.normal(size=(400, 20)))) < 0.05
    assert neighbour_overlap(VECTORS, RNG.normal(size=(400, 20))) < 0.1


def test_words_are_matched_by_name_not_by_place() -> None:
    order = RNG.permutation(400)
    found = compare(result(WORDS), result([WORDS[i] for i in order], SCORES[order], VECTORS[order]))
    assert found["overlap"] == 1
    assert found["canonical_correlation"] == pytest.approx(1)
    assert found["cosine_agreement"] == pytest.approx(1)


def test_overlap_is_shared_words_of_all_words() -> None:
    found = compare(result(WORDS), result(["x" + w if i < 100 else w for i, w in enumerate(WORDS)]))
    assert (found["words_a"], found["words_b"], found["shared"]) == (400, 400, 300)
    assert found["overlap"] == pytest.approx(300 / 500)


def test_swapped_and_mirrored_components_are_found() -> None:
    found = compare(result(WORDS), result(WORDS, SCORES[:, [1, 0, 2]] * [1, -1, 1]))
    assert [(m["a"], m["b"], round(m["correlation"])) for m in found["components"]] == [
        ("PC0", "PC1", -1),
        ("PC1", "PC0", 1),
        ("PC2", "PC2", 1),
    ]


def test_too_few_shared_words_are_refused() -> None:
    with pytest.raises(Vec2pcaError, match="share 4 words"):
        compare(result(WORDS), result([w if i < 4 else "x" + w for i, w in enumerate(WORDS)]))


def test_command_compares_two_files(small_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--min-count", "5", "--features", "12", "--components", "3", "--epochs", "20"]
    for name in ("a", "b"):
        page, data = str(tmp_path / f"{name}.html"), str(tmp_path / f"{name}.json")
        assert main([str(small_text), page, "--json", data, *options]) == 0
    files = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    assert main(["compare", *files]) == 0
    assert "canonical correlation  1.000" in capsys.readouterr().out
    assert main(["compare", *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["neighbour_overlap"] == 1


def test_one_file_is_never_two_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps(result(WORDS)))
    (tmp_path / "b.json").symlink_to("a.json")
    (tmp_path / "c.json").hardlink_to(tmp_path / "a.json")
    (tmp_path / "hosts").write_text('{"a": {"results": ["a.json"]}, "b": {"results": ["./a.json"]}}')
    one = str(tmp_path / "a.json")
    given = [[one, one], [one, f"{tmp_path}/b.json"], [one, f"{tmp_path}/c.json"], ["--hosts", f"{tmp_path}/hosts"]]
    for arguments in given:
        assert main(["compare", *arguments]) == 1
        assert "are the same file: name each result once" in capsys.readouterr().err


def test_in_what_else_two_results_differ_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, least, version in (("a", 5, "0.1.0"), ("b", 9, "0.2.0"), ("c", 9, "0.2.0")):
        made = {**result(WORDS), "parameters": {"min_count": least, "vec2pca": version, "seed": 1}}
        (tmp_path / name).write_bytes(gzip.compress(json.dumps(made).encode()))
    assert main(["compare", f"{tmp_path}/a", f"{tmp_path}/b"]) == 0
    told = "vec2pca: the results differ in more than their samples: other "
    assert capsys.readouterr().err.splitlines() == [
        f"{told}least count of a word: 5 and 9",
        f"{told}version of vec2pca: 0.1.0 and 0.2.0",
    ]
    assert main(["compare", f"{tmp_path}/b", f"{tmp_path}/c"]) == 0
    assert capsys.readouterr().err == ""


def test_command_refuses_what_is_not_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text("{}")
    assert main(["compare", str(tmp_path / "x.json"), str(tmp_path / "none.json")]) == 1
    assert "is not a result" in capsys.readouterr().err
    (tmp_path / "x.json").write_text(json.dumps(result(WORDS)))
    assert main(["compare", str(tmp_path / "x.json"), str(tmp_path / "none.json")]) == 1
    assert "does not exist" in capsys.readouterr().err
