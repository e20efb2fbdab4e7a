"""scripts/collection: the collection that it builds, installed into an empty folder, away from the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import ansible
import ansible_test  # type: ignore[import-untyped]
import collection
import pytest

ROOT = Path(__file__).resolve().parents[3]
VALIDATE = Path(ansible_test.__path__[0]) / "_util/controller/sanity/validate-modules/validate.py"
ROLES = sorted(path.parent.name for path in (ROOT / "roles").glob("*/meta"))
PACKAGES = Path(ansible.__file__).parents[1]


PLUGINS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.assert:
        that:
          - "{'a': 1} | labserver.lab.ssh_fingerprints == []"
          - lookup('labserver.lab.aws_region') == 'eu-north-1'
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of collections that it was installed into; those that it needs are beside it."""
    folder = tmp_path_factory.mktemp("collections")
    archive = collection.build(folder / "archive")
    run("ansible-galaxy", "collection", "install", "--no-deps", "--collections-path", folder, archive, folder=folder)
    for needed in ("amazon", "ansible", "community"):
        (folder / "ansible_collections" / needed).symlink_to(PACKAGES / "ansible_collections" / needed)
    return folder


def run(*command: object, folder: Path, check: bool = True, **variables: str) -> str:
    """Run a command in a folder without the project's settings; return what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH"))}
    environment = {**kept, "ANSIBLE_NOCOLOR": "1", **variables}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = collection.build(tmp_path / "1")
    paths = collection.tracked()
    monkeypatch.setattr(collection, "tracked", lambda: paths[::-1])
    assert collection.build(tmp_path / "2").read_bytes() == first.read_bytes()
    with tarfile.open(first) as archive:
        members = archive.getmembers()
        about = json.loads(archive.extractfile("MANIFEST.json").read())["collection_info"]  # type: ignore[union-attr]
    assert {member.type for member in members} == {tarfile.REGTYPE, tarfile.DIRTYPE}, "links are files there"
    assert {(member.mtime, member.uid, member.uname) for member in members} == {(0, 0, "")}
    assert {"CHANGELOG.md", "LICENSE", "README.md", "docs/reference.md"} <= {member.name for member in members}
    assert first.name == f"labserver-lab-{about['version']}.tar.gz"


def test_a_version_is_semantic() -> None:
    versions = {"0.3.0.dev0": "0.3.0-dev0", "1.2.3": "1.2.3", "1.0.0rc1": "1.0.0-rc1"}
    assert {version: collection.semantic(version) for version in versions} == versions


def test_the_modules_pass_ansible_cores_own_validation(installed: Path) -> None:
    home = installed / "ansible_collections/labserver/lab"
    modules = sorted(f"plugins/modules/{path.name}" for path in (home / "plugins/modules").glob("*.py"))
    assert len(modules) > 30
    path = os.pathsep.join([str(installed), str(PACKAGES)])
    options = ("--arg-spec", "--format", "json", "--collection", "ansible_collections/labserver/lab")
    found = json.loads(run(sys.executable, VALIDATE, *options, *modules, folder=home, check=False, PYTHONPATH=path))
    assert set(found) == set(modules), "each was looked at"
    # This project has another license than ansible-core, and they all are asked for its
    others = {
        name: [error for error in what["errors"] if error["code"] != "missing-gplv3-license"]
        for name, what in found.items()
    }
    assert {name: errors for name, errors in others.items() if errors} == {}


def test_every_role_and_plugin_is_found_by_its_full_name(installed: Path, tmp_path: Path) -> None:
    roles = "".join(f"    - labserver.lab.{role}\n" for role in ROLES)
    (tmp_path / "roles.yml").write_text(f"- hosts: localhost\n  roles:\n{roles}")
    run(
        "ansible-playbook",
        "--inventory=localhost,",
        "--syntax-check",
        "roles.yml",
        folder=tmp_path,
        ANSIBLE_COLLECTIONS_PATH=str(installed),
    )
    (tmp_path / "plugins.yml").write_text(PLUGINS)
    run(
        "ansible-playbook",
        "--inventory=localhost,",
        "plugins.yml",
        folder=tmp_path,
        ANSIBLE_COLLECTIONS_PATH=str(installed),
        AWS_REGION="eu-north-1",
    )


def test_what_a_project_names_otherwise_is_rewritten() -> None:
    full = collection.qualifier({"report_table"}, {"aws_region"})
    text = "report_table: \"{{ x |\n  report_table(report_table) | report_tables }} {{ lookup('aws_region') }}\""
    named = text.replace("  report_table(", "  labserver.lab.report_table(").replace("'aws", "'labserver.lab.aws")
    assert full(text) == named
    before = "- block:\n  module_defaults:\n    group/x:\n      swap_file: 1\n    swap_file: {}\n    run_lock: {}\n"
    after = before.replace("    swap_file: {}", "    labserver.lab.swap_file: {}").replace("run_", "labserver.lab.run_")
    task = "  swap_file: {}\n"
    assert collection.with_full_defaults(before + task, {"swap_file", "run_lock"}) == after + task
