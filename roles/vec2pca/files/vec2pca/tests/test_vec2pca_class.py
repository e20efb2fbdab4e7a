"""A class of results, on cases whose answer is known."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from vec2pca.agreement import mean_and_error, order_by_likeness
from vec2pca.analysis import principal_components, unit_rows
from vec2pca.classroom import averaged, compare_class, stands_apart
from vec2pca.cli import main
from vec2pca.compare import compare
from vec2pca.errors import Vec2pcaError
from vec2pca.results import Host, named_by_files, read_class, read_hosts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float64]

SIZE, FEATURES, COMPONENTS = 400, 20, 3
WORDS = [f"w{i:03}" for i in range(SIZE)]
PARAMETERS: dict[str, Any] = {
    "seed": 1,
    "min_count": 5,
    "min_count_chosen": False,
    "window": 10,
    "sample": 0.001,
    "epochs": 5,
}
PARAMETERS |= {"features": FEATURES, "unicode": False, "engine": "kernel", "repeatable": True}


def topics(seed: int = 0) -> Vectors:
    """Vectors whose components differ clearly in size, so that their order is known."""
    scale = np.r_[4, 3, 2.2, np.full(FEATURES - 3, 0.5)]
    found: Vectors = np.random.default_rng(seed).normal(size=(SIZE, FEATURES)) * scale
    return found


def rotated(vectors: Vectors, seed: int) -> Vectors:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(FEATURES, FEATURES)))[0]
    found: Vectors = vectors @ turn
    return found


def result(vectors: Vectors, words: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    """A result of `vec2pca --json` with these vectors; `changes` go to parameters, corpus (sha256) and about."""
    unit = unit_rows(vectors)
    scores, variance = principal_components(unit.astype(np.float32), COMPONENTS)
    about = {"Data set": "films", **changes.pop("about", {})}
    return {
        "format": "vec2pca/1",
        "title": "t",
        "about": about,
        "corpus": {"words": 90_000, "lines": 700, "sha256": changes.pop("sha256", "")},
        "parameters": {**PARAMETERS, **changes},
        "components": [{"name": f"PC{i}", "variance": share} for i, share in enumerate(variance)],
        "words": words or WORDS,
        "counts": list(range(2_000, 2_000 - len(vectors), -1)),
        "scores": scores.tolist(),
        "vectors": unit.tolist(),
    }


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Compare results that are given by name: one, or several of one host."""

    def run(**results: Any) -> dict[str, Any]:
        hosts = []
        for name, given in results.items():
            paths = []
            for i, one in enumerate(given if isinstance(given, list) else [given]):
                paths.append(tmp_path / f"{name}-{i}.json")
                paths[-1].write_text(json.dumps(one))
            hosts.append(Host(name, paths=paths))
        read_class(hosts, strict=True)
        return compare_class(hosts, "A class").found

    return run


def names(found: dict[str, Any], key: str) -> list[str]:
    return [host["name"] for host in found["hosts"] if host[key]]


def test_identical_results_agree_by_one(compared: Callable[..., dict[str, Any]]) -> None:
    found = compared(a=result(topics()), b=result(topics()), c=result(topics()))
    assert {name: measure["mean"] for name, measure in found["measures"].items()} == pytest.approx(
        dict.fromkeys(("cosine_agreement", "canonical_correlation", "neighbour_overlap", "overlap"), 1), abs=5e-4
    )
    assert [component["found"] for component in found["components"]] == [3, 3, 3]
    assert max(word["spread"] for word in found["words"]) < 5e-4
    assert "agree by 1.00" in found["answer"]
    assert names(found, "apart") == []


def test_rotated_and_mirrored_results_agree_by_one_after_alignment(compared: Callable[..., dict[str, Any]]) -> None:
    mirrored = result(topics())
    mirrored["scores"] = (np.asarray(mirrored["scores"]) @ rotation_of(COMPONENTS) * [1, -1, 1]).tolist()
    found = compared(a=result(topics()), b=result(rotated(topics(), 1)), c=mirrored)
    assert found["measures"]["cosine_agreement"]["mean"] == pytest.approx(1, abs=5e-4)
    assert found["measures"]["canonical_correlation"]["mean"] == pytest.approx(1, abs=5e-4)
    assert [component["found"] for component in found["components"]] == [3, 3, 3]
    for component in found["components"]:
        assert [host["correlation"] for host in component["hosts"]] == pytest.approx([1, 1, 1], abs=5e-4)
    assert max(word["spread"] for word in found["words"]) < 5e-4


def rotation_of(size: int) -> Vectors:
    found: Vectors = np.linalg.qr(np.random.default_rng(9).normal(size=(size, size)))[0]
    return found


def test_a_hosts_own_component_is_named_with_its_sign(compared: Callable[..., dict[str, Any]]) -> None:
    swapped = result(topics())
    swapped["scores"] = (np.asarray(swapped["scores"])[:, [1, 0, 2]] * [1, -1, 1]).tolist()
    found = compared(a=result(topics()), b=result(topics()), c=swapped)
    own = [(c["hosts"][2]["component"], round(c["hosts"][2]["own_correlation"])) for c in found["components"]]
    assert own == [("PC1", -1), ("PC0", 1), ("PC2", 1)]


def test_independent_noise_agrees_as_much_as_chance_does(compared: Callable[..., dict[str, Any]]) -> None:
    rng = np.random.default_rng(3)
    found = compared(**{name: result(rng.normal(size=(SIZE, FEATURES))) for name in "abcd"})
    measures = found["measures"]
    assert abs(measures["cosine_agreement"]["mean"]) < 0.01
    # the mean square of the canonical correlations of random subspaces is components / (words - 1)
    chance = (COMPONENTS / (SIZE - 1)) ** 0.5
    assert measures["canonical_correlation"]["mean"] == pytest.approx(chance, rel=0.3)
    assert measures["neighbour_overlap"]["mean"] == pytest.approx(10 / (SIZE - 1), rel=0.3)
    assert np.mean([word["spread"] for word in found["words"]]) > 0.6
    assert np.mean([word["neighbours"] for word in found["words"]]) == pytest.approx(10 / (SIZE - 1), rel=0.3)


def noisy(base: Vectors, size: float, seed: int) -> Vectors:
    found: Vectors = base + size * np.random.default_rng([1, seed]).normal(size=base.shape)  # not those of `topics`
    return found


def test_a_result_that_stands_apart_is_found(compared: Callable[..., dict[str, Any]]) -> None:
    alike = {f"h{i}": result(rotated(noisy(topics(), 0.3, i), i)) for i in range(6)}
    found = compared(**alike, other=result(noisy(topics(), 3, 99)))
    assert names(found, "apart") == ["other"]
    assert found["order"][0] == 6 or found["order"][-1] == 6
    assert names(compared(**alike), "apart") == []


def test_hosts_that_agree_to_the_last_digit_do_not_stand_apart() -> None:
    assert not stands_apart(np.array([0.9, 0.9, 0.9, 0.899])).any()
    assert stands_apart(np.array([0.9, 0.9, 0.9, 0.5])).tolist() == [False, False, False, True]
    assert not stands_apart(np.array([0.9, 0.1])).any()


def test_pairs_are_those_of_two_results_also_with_other_words(compared: Callable[..., dict[str, Any]]) -> None:
    results = {}
    for i, name in enumerate("abc"):
        kept = np.sort(np.random.default_rng(i).choice(SIZE, 330, replace=False))
        results[name] = result(noisy(topics(), 0.5, i)[kept], [WORDS[k] for k in kept])
    found = compared(**results)
    for a, one in enumerate("abc"):
        for b, other in enumerate("abc"):
            pair = compare(results[one], results[other])
            for measure in ("cosine_agreement", "canonical_correlation", "overlap"):
                assert found["pairs"][measure][a][b] == pytest.approx(pair[measure], abs=2e-3), measure
    assert found["shared_by_all"] < found["compared_words"] <= found["words_of_any"]


@pytest.mark.parametrize(("sample", "training"), [(0.4, 0.4), (0.6, 0.2), (0.2, 0.6), (0, 0.5)])
def test_the_share_of_the_sample_is_the_planted_one(
    compared: Callable[..., dict[str, Any]], sample: float, training: float
) -> None:
    results = {}
    for i in range(6):
        base = noisy(topics(), sample, i)
        results[f"h{i}"] = [
            result(rotated(noisy(base, training, 100 + 10 * i + seed), seed), seed=seed, sha256=f"text {i}")
            for seed in (1, 2, 3)
        ]
    found = compared(**results)["training"]
    share = sample**2 / (sample**2 + training**2)  # of the variance that was added
    assert found["sample_share_of_variation"]["mean"] == pytest.approx(share, abs=0.06)
    assert found["sample_share_of_variation"]["error"] < 0.06
    assert sum(found["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert found["hosts"] == 6


def test_the_answer_sets_samples_beside_seeds(compared: Callable[..., dict[str, Any]]) -> None:
    text = [
        [result(noisy(noisy(topics(), 0.5, i), 0.3, 10 * i + seed), seed=seed, sha256=str(i)) for seed in (1, 2)]
        for i in (1, 2, 3)
    ]
    found = compared(**{f"h{i}": given for i, given in enumerate(text)})
    between, within = (found["training"][key]["mean"] for key in ("between", "within"))
    assert between < within
    assert found["answer"].startswith(f"Different samples agree by {between:.2f}")
    assert f"the same sample with another training seed by {within:.2f}" in found["answer"]
    assert [host["training_seeds"] for host in found["hosts"]] == [[1, 2]] * 3


def test_without_further_seeds_the_training_is_not_told(compared: Callable[..., dict[str, Any]]) -> None:
    found = compared(a=result(topics()), b=result(noisy(topics(), 1, 1)))
    assert found["training"] is None
    assert found["measures"]["cosine_agreement"]["error"] is None  # two hosts have one pair


def test_hosts_with_one_sample_are_told_and_count_as_one(compared: Callable[..., dict[str, Any]]) -> None:
    one = [result(noisy(topics(), 0.2, seed), seed=seed, sha256="x") for seed in (1, 2)]
    found = compared(a=one[0], b=one[1], c=result(noisy(topics(), 0.9, 7), sha256="y"))
    assert found["notes"] == ["a, b analysed the same sample."]
    assert found["hosts"][0]["same_sample_as"] == ["b"]
    assert found["training"]["within"]["mean"] == found["pairs"]["cosine_agreement"][0][1]


def test_an_analysis_of_another_sample_does_not_count_as_the_hosts(compared: Callable[..., dict[str, Any]]) -> None:
    own = result(topics(), sha256="x")
    stale = result(noisy(topics(), 2, 1), seed=2, sha256="yesterday's")
    found = compared(a=[own, stale], b=result(noisy(topics(), 0.5, 2), sha256="y"))
    assert found["training"] is None
    assert found["hosts"][0]["training_seeds"] == [1]


def test_words_that_move_are_found(compared: Callable[..., dict[str, Any]]) -> None:
    results = {}
    for i, name in enumerate("abcd"):
        vectors = noisy(topics(), 0.1, i)
        vectors[17] = np.random.default_rng(50 + i).normal(size=FEATURES) * 3
        results[name] = result(rotated(vectors, i))
    words = compared(**results)["words"]
    assert words[0]["word"] == "w017"
    by_word = {word["word"]: word for word in words}
    others = [word for name, word in by_word.items() if name != "w017"]
    assert by_word["w017"]["neighbours"] < min(word["neighbours"] for word in others)
    assert by_word["w017"]["deviation"] > max(word["deviation"] for word in others)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"about": {"Data set": "music"}}, "other data set: music instead of films"),
        ({"min_count": 50}, "other least count of a word: 50 instead of 5"),
        ({"min_count_chosen": True}, "other least count of a word: auto instead of 5"),
        ({"unicode": True}, "other words in any script: yes instead of no"),
        ({"window": 5, "epochs": 1}, "other window: 5 instead of 10; other epochs: 1 instead of 5"),
    ],
)
def test_what_is_not_comparable_is_left_out_and_named(
    compared: Callable[..., dict[str, Any]], changes: dict[str, Any], reason: str
) -> None:
    found = compared(a=result(topics()), odd=result(topics(), **changes), b=result(topics()))
    assert found["left_out"] == [{"name": "odd", "address": "", "reason": reason}]
    assert [host["name"] for host in found["hosts"]] == ["a", "b"]


def test_other_words_and_other_features_are_left_out(compared: Callable[..., dict[str, Any]]) -> None:
    found = compared(
        a=result(topics()),
        foreign=result(topics(), [f"x{i}" for i in range(SIZE)]),
        narrow=result(topics()[:, :10]),
        b=result(topics()),
    )
    reasons = {left["name"]: left["reason"] for left in found["left_out"]}
    assert "shares too few words" in reasons["foreign"]
    assert reasons["narrow"] == "other features: 10 instead of 20"


def test_less_than_two_results_are_an_error_that_names_the_reasons(compared: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(Vec2pcaError, match=r"(?s)1 of 2 results can be compared.*b: other window: 5 instead of 10"):
        compared(a=result(topics()), b=result(topics(), window=5))


def test_hosts_without_a_result_are_named_and_the_rest_is_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(result(topics())))
    (tmp_path / "torn.json").write_text('{"format": "vec2pca/1", "words": ["a"')
    given = {
        "a": {"address": "http://192.0.2.1/", "results": ["a.json"]},
        "b": {"results": ["b.json"]},
        "down": {"missing": "could not be reached", "address": "http://192.0.2.3/"},
        "torn": {"results": ["torn.json"]},
        "gone": {"results": ["gone.json"]},
    }
    (tmp_path / "hosts.json").write_text(json.dumps(given))
    hosts = read_hosts(tmp_path / "hosts.json")
    read_class(hosts, strict=False)
    found = compare_class(hosts, "t").found
    assert found["hosts"][0]["address"] == "http://192.0.2.1/"
    assert [left["name"] for left in found["left_out"]] == ["down", "torn", "gone"]
    assert "could not be reached" in found["left_out"][0]["reason"]
    assert "is not JSON" in found["left_out"][1]["reason"]
    assert "does not exist" in found["left_out"][2]["reason"]


@pytest.mark.parametrize(
    "damage",
    [
        {"vectors": [[1, 2]]},
        {"words": ["a", "a"]},
        {"scores": "none"},
        {"vectors": [[None] * FEATURES] * SIZE},
        {"vectors": [[0] * FEATURES] * SIZE},
        {"components": 3},
        {"parameters": {"seed": 1}},
        {"parameters": {**PARAMETERS, "seed": "one"}},
        {"parameters": {**PARAMETERS, "window": None}},
        {"counts": [0] * SIZE},
    ],
)
def test_a_broken_result_is_named(tmp_path: Path, damage: dict[str, Any]) -> None:
    (tmp_path / "x.json").write_text(json.dumps({**result(topics()), **damage}))
    with pytest.raises(Vec2pcaError, match=r"x\.json is a broken result"):
        read_class(named_by_files([tmp_path / "x.json"]), strict=True)


def test_what_a_result_tells_of_its_sample_is_believed_only_where_it_can_be(tmp_path: Path) -> None:
    bad = '"><img src=x>'
    wild = result(topics(), about={"Sampling seed": bad, "Reviews in the sample": [bad]})
    wild["corpus"] = {"words": "many", "lines": {}, "sha256": 7}
    for name, given in (("a", wild), ("b", result(topics()))):
        (tmp_path / f"{name}.json").write_text(json.dumps(given))
    page, average = tmp_path / "class.html", tmp_path / "consensus.html"
    inputs = [str(tmp_path / f"{name}.json") for name in "ab"]
    assert main(["compare", *inputs, "--html", str(page), "--consensus", str(average)]) == 0
    assert "<img src=x" not in page.read_text()


def test_numbers_that_json_does_not_have_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({**result(topics()), "about": {"Sampling seed": float("nan")}}))
    with pytest.raises(Vec2pcaError, match=r"x\.json is not JSON: NaN is no number of JSON"):
        read_class(named_by_files([tmp_path / "x.json"]), strict=True)


def test_hosts_are_named_after_their_files(tmp_path: Path) -> None:
    found = named_by_files([tmp_path / "one" / "r.json", tmp_path / "two" / "r.json", tmp_path / "c.json"])
    assert [host.name for host in found] == [str(tmp_path / "one" / "r"), str(tmp_path / "two" / "r"), "c"]


def test_the_error_of_a_mean_over_pairs_is_that_of_its_hosts() -> None:
    values = np.random.default_rng(0).normal(size=12)
    pairs = (values[:, None] + values) / 2  # the mean over all pairs is the mean over hosts
    mean, error = mean_and_error(pairs)
    assert mean == pytest.approx(values.mean())
    assert error == pytest.approx(values.std(ddof=1) / 12**0.5)


def test_like_hosts_are_neighbours_in_the_order() -> None:
    places = np.random.default_rng(1).permutation(8)
    order = order_by_likeness(1 - np.abs(places[:, None] - places) / 8)
    assert places[order].tolist() in ([*range(8)], [*range(7, -1, -1)])


def test_a_word_that_one_of_two_hosts_has_leaves_the_page_readable(tmp_path: Path) -> None:
    words = ["lonely" if i == 3 else word for i, word in enumerate(WORDS)]
    results = {"a": result(topics(), words), "a2": result(topics(), words, seed=2), "b": result(topics())}
    for name, given in results.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(given))
    hosts, page = tmp_path / "hosts.json", tmp_path / "consensus.html"
    hosts.write_text(json.dumps({"a": {"results": ["a.json", "a2.json"]}, "b": {"results": ["b.json"]}}))
    assert main(["compare", "--hosts", str(hosts), "--consensus", str(page)]) == 0
    embedded = page.read_text().partition('id="data">')[2].partition("</script>")[0]
    data = json.loads(embedded, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    spread = dict(zip(data["words"], data["spread"], strict=True))
    assert spread["lonely"] is None
    assert spread[WORDS[0]] is not None


def test_the_average_is_nearer_to_the_truth_than_its_samples(tmp_path: Path) -> None:
    results = {f"h{i}": result(rotated(noisy(topics(), 1.0, i), i)) for i in range(8)}
    for name, one in results.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    hosts = named_by_files([tmp_path / f"{name}.json" for name in results])
    read_class(hosts, strict=True)
    found, spread = averaged(compare_class(hosts, "t"), hosts)
    truth = result(topics())
    own = json.loads(found.as_json("t", {}))
    samples = [compare(one, truth)["cosine_agreement"] for one in results.values()]
    assert compare(own, truth)["cosine_agreement"] > max(samples) + 0.05
    assert len(spread) == len(found.words) == SIZE


QUICK = ["--min-count", "5", "--features", "12", "--components", "3", "--epochs", "20"]


@pytest.fixture
def three(small_text: Path, tmp_path: Path) -> list[str]:
    """Three hosts' results of the command itself; the third host's text is another."""
    texts = [small_text, small_text, tmp_path / "other.txt"]
    texts[2].write_text("".join(small_text.read_text().splitlines(keepends=True)[::-2]))
    paths = [str(tmp_path / f"{name}.json") for name in "abc"]
    for seed, (text, path) in enumerate(zip(texts, paths, strict=True)):
        assert main([str(text), "--json", path, "--seed", str(seed), *QUICK]) == 0
    return paths


def test_command_compares_a_class(three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = {name: tmp_path / f"class.{name}" for name in ("html", "json", "csv")}
    options = [text for name, path in outputs.items() for text in (f"--{name}", str(path))]
    assert main(["compare", *three, *options, "--consensus", str(tmp_path / "consensus.html")]) == 0
    found = json.loads(outputs["json"].read_text())
    assert [host["name"] for host in found["hosts"]] == ["a", "b", "c"]
    assert found["hosts"][0]["same_sample_as"] == ["b"]
    assert capsys.readouterr().out == found["answer"] + "\n"
    assert found["answer"].split(":")[0] in outputs["html"].read_text()
    assert len(outputs["csv"].read_text().splitlines()) == 4
    assert "Average of 3 samples" in (tmp_path / "consensus.html").read_text()
    made = {path: path.read_bytes() for path in outputs.values()}
    assert main(["compare", *three, *options]) == 0
    assert {path: path.read_bytes() for path in outputs.values()} == made


def test_command_prints_json_of_a_class(three: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["compare", *three, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "vec2pca-class/1"


def test_an_analysis_like_another_differs_in_the_seed_only(three: list[str], small_text: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.json", tmp_path / "other.json"
    assert main([str(small_text), "--like", three[0], "--json", str(again)]) == 0
    assert again.read_bytes() == (tmp_path / "a.json").read_bytes()
    assert main([str(small_text), "--like", three[0], "--seed", "9", "--json", str(other)]) == 0
    one, two = (json.loads(path.read_text()) for path in (again, other))
    assert two["vectors"] != one["vectors"]
    assert two["parameters"] == {**one["parameters"], "seed": 9}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{a}"], "two results are needed"),
        ([], "name results, or --hosts FILE"),
        (["{a}", "{b}", "--hosts", "{a}"], "--hosts names the results"),
        (["{a}", "{b}", "--html", "{a}"], "a.json are the same file"),
        (["{a}", "{b}", "--html", "{x}", "--csv", "{x}"], "--csv and --html are the same file"),
        (["--hosts", "{hosts}", "--json", "{a}"], "a.json are the same file"),
        (["--json", "{a}", "{b}"], "two results are needed"),
    ],
)
def test_a_result_is_never_overwritten(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(result(topics())))
    (tmp_path / "hosts.json").write_text(json.dumps({name: {"results": [f"{name}.json"]} for name in "ab"}))
    places = {name: str(tmp_path / f"{name}.json") for name in ("a", "b", "hosts")} | {"x": str(tmp_path / "x")}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    given = [argument.format(**places) for argument in arguments]
    with contextlib.suppress(SystemExit):  # of argparse
        assert main(["compare", *given]) == 1
    assert words in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("given", ['{"a": 1}', '{"a": {"results": "x"}}', '{"a": {}}', "[]"])
def test_a_wrong_list_of_hosts_is_named(given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hosts.json").write_text(given)
    assert main(["compare", "--hosts", str(tmp_path / "hosts.json")]) == 1
    assert "--hosts" in capsys.readouterr().err
