"""scripts/check_imports.py on small trees made up for each rule."""

from __future__ import annotations

from pathlib import Path

import check_imports
import pytest

UTILS = "module_utils/labserver"
VEC2PCA = "roles/vec2pca/files/vec2pca/src/vec2pca"


def problems(root: Path, files: dict[str, str]) -> list[str]:
    """Write modules below module_utils/labserver; return what is wrong."""
    return problems_in(root, {f"{UTILS}/{name}.py": text for name, text in files.items()})


def problems_in(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return check_imports.problems(root)


def test_imports_along_the_order_are_allowed(tmp_path: Path) -> None:
    files = {
        f"{UTILS}/__init__.py": '"""The logic."""',
        f"{UTILS}/errors.py": "class LabError(Exception): pass",
        f"{UTILS}/files.py": "from .errors import LabError",
        f"{UTILS}/download/__init__.py": "",
        f"{UTILS}/download/fetch.py": "from ..files import replacing\nfrom . import http\nfrom .http import ask",
        f"{UTILS}/download/http.py": "import http.client\nfrom ..errors import LabError",
        "library/dataset_file.py": "from ansible.module_utils.labserver.download.fetch import fetch",
        "scripts/sample_reviews": "#!/usr/bin/env python3\nfrom labserver.errors import LabError\nimport run_playbook",
        "scripts/run_playbook.py": "import http",
        "scripts/up": "#!/usr/bin/env bash\nthis is ( no Python",
        f"{VEC2PCA}/text.py": "from vec2pca.errors import Vec2pcaError",
        f"{VEC2PCA}/errors.py": "class Vec2pcaError(Exception): pass",
    }
    assert problems_in(tmp_path, files) == []


@pytest.mark.parametrize(
    ("importer", "text", "imported"),
    [
        ("errors", "from .files import replacing", "files"),
        ("files", "from . import download", "download"),
        ("download/http", "from ..sampling import draws", "sampling.draws"),
        ("sampling/engine", "from ..reviews.records import parse", "reviews.records"),
        ("sampling/engine", "if TYPE_CHECKING:\n    from ..reviews.records import parse", "reviews.records"),
        ("r/plan", "def plan():\n    from ..aws import client", "aws.client"),
        ("aws/client", "import labserver.r.plan", "r.plan"),
    ],
)
def test_an_import_against_the_order_is_found(tmp_path: Path, importer: str, text: str, imported: str) -> None:
    names = ["errors", "files", "download/http", "sampling/draws", "sampling/engine", "reviews/records"]
    names += ["aws/client", "r/plan", "download/__init__"]
    found = problems(tmp_path, {**dict.fromkeys(names, ""), importer: text})
    place = f"{UTILS}/{importer}.py:{len(text.splitlines())}"
    assert f"{place}: labserver.{importer.replace('/', '.')} may not import labserver.{imported}" in found


@pytest.mark.parametrize(
    ("importer", "text", "message"),
    [
        ("library/one.py", "from scripts import run", "library.one may not import scripts.run"),
        (f"{VEC2PCA}/cli.py", "from labserver.errors import LabError", "vec2pca.cli may not import labserver.errors"),
        ("roles/ec2/filter_plugins/plan.py", "import scripts.run", "plugins.plan may not import scripts.run"),
    ],
)
def test_the_trees_around_are_checked_too(tmp_path: Path, importer: str, text: str, message: str) -> None:
    files = {f"{UTILS}/errors.py": "", "scripts/run.py": "", importer: text}
    assert problems_in(tmp_path, files) == [f"{importer}:1: {message}"]


def test_circles_are_found_in_every_tree_and_named_once(tmp_path: Path) -> None:
    files = {
        f"{UTILS}/r/plan.py": "from .request import Request\nfrom .text import tail",
        f"{UTILS}/r/request.py": "if TYPE_CHECKING:\n    from .plan import Plan",
        f"{UTILS}/r/text.py": "",
        f"{VEC2PCA}/analysis.py": "from vec2pca.train import train",
        f"{VEC2PCA}/train.py": "from vec2pca.kernel import load",
        f"{VEC2PCA}/kernel.py": "def load():\n    from vec2pca.analysis import Settings",
    }
    assert problems_in(tmp_path, files) == [
        f"{UTILS}/r/request.py:2: a circle of imports: labserver.r.plan -> labserver.r.request -> labserver.r.plan",
        (
            f"{VEC2PCA}/kernel.py:2: a circle of imports: "
            "vec2pca.analysis -> vec2pca.train -> vec2pca.kernel -> vec2pca.analysis"
        ),
    ]


def test_a_package_that_imports_its_own_modules_is_no_circle(tmp_path: Path) -> None:
    files = {"r/__init__": "from .plan import Plan", "r/plan": "from .request import x", "r/request": ""}
    assert problems(tmp_path, files) == []


def test_within_labserver_imports_are_relative(tmp_path: Path) -> None:
    found = problems(tmp_path, {"errors": "", "files": "from ansible.module_utils.labserver.errors import LabError"})
    assert found == [f"{UTILS}/files.py:1: import labserver.errors relatively"]


def test_a_package_that_the_order_does_not_know_is_named(tmp_path: Path) -> None:
    assert "labserver.novel.idea is in no package of ORDER" in problems(tmp_path, {"novel/idea": ""})[0]


def test_two_classes_of_one_name_are_found(tmp_path: Path) -> None:
    found = problems(tmp_path, {"aws/client": "class Session: ...", "r/install": "import os\nclass Session: ..."})
    assert found == [
        f"{UTILS}/r/install.py:2: class Session has the name of another: {UTILS}/aws/client.py:1",
    ]


def test_two_classes_of_one_name_are_found_in_different_trees(tmp_path: Path) -> None:
    for name in ("first", "second"):
        plugin = tmp_path / f"roles/{name}/filter_plugins/{name}.py"
        plugin.parent.mkdir(parents=True)
        plugin.write_text("class FilterModule: ...")
    script = tmp_path / "scripts" / "run.py"
    script.parent.mkdir()
    script.write_text("class Session: ...")
    found = problems(tmp_path, {"aws/client": "class Session: ..."})
    assert found == [f"scripts/run.py:1: class Session has the name of another: {UTILS}/aws/client.py:1"]


def test_the_order_itself_has_no_circle() -> None:
    finished: set[str] = set()
    while len(finished) < len(check_imports.ORDER):
        ready = {name for name, below in check_imports.ORDER.items() if below - {"labserver"} <= finished} - finished
        assert ready, f"a circle in ORDER among {sorted(set(check_imports.ORDER) - finished)}"
        finished |= ready


def test_the_exit_code_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_imports, "ROOT", tmp_path)
    with pytest.raises(SystemExit) as passed:
        check_imports.main()
    assert passed.value.code == 0
    problems(tmp_path, {"errors": "from .files import x", "files": ""})
    with pytest.raises(SystemExit, match=r"labserver\.errors may not import labserver\.files"):
        check_imports.main()
