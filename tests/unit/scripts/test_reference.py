"""scripts/reference.py: what is written of a small project, and when the file is stale."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import reference

FILES = {
    "site.yml": """
- name: Configure
  ansible.builtin.import_playbook: playbooks/server.yml
""",
    "playbooks/server.yml": """
- name: Configure the server
  hosts: labserver
  tags: play_tag
  roles:
    - {role: swap, tags: [swap, memory]}
  tasks:
    - name: Run the role of the inventory
      ansible.builtin.include_role: {name: "{{ lab_role }}"}
      tags: [always]
""",
    "inventory/sandbox/group_vars/all.yml": "lab_role: sandbox\n__private: 1\n",
    "roles/swap/defaults/main.yml": """
swap_size: 64
swap_path: "{{ other }}/swap"
swap_users: []
""",
    "roles/swap/meta/argument_specs.yml": """
argument_specs:
  main:
    short_description: Creates swap
    description: [First., 'Second, see O(swap_path).']
    options:
      swap_size: {type: int, default: 64, description: Size in MiB. V(0) for none.}
      swap_path: {type: path, description: [Where., It is a|b.]}
      swap_users:
        type: list
        elements: dict
        description: Who.
        options:
          name: {type: str, required: true, choices: [ada, bob], description: Name.}
  remove:
    short_description: Removes it
""",
    "library/thing.py": '''
DOCUMENTATION = r"""
module: thing
short_description: Does a thing
description: [With M(ansible.builtin.copy).]
options:
  src: {description: 'The C(int(x * y)) of O(dest=1).', type: path, required: true}
  kind: {description: Kind., type: str, choices: {a: The first., b: The second.}, default: a}
extends_documentation_fragment: [ansible.builtin.files]
attributes:
  check_mode: {support: full, details: Changes nothing.}
"""
RETURN = r"""
found:
  description: What.
  type: list
  elements: dict
  contains:
    size: {description: Bytes., type: int, returned: 'when O(src) is there'}
"""
import not_there
''',
    "roles/swap/filter_plugins/sizes.py": '''
def swap_round(size):
    """Round `size` up.

    More of it.
    """

def helper():
    """Not a filter."""

class FilterModule:
    def filters(self):
        return {f.__name__: f for f in (swap_round,)}
''',
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def run(project: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["reference", *arguments])
    monkeypatch.setattr(reference, "ROOT", project)
    reference.main()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O(src) is V(a_b) or C(x)", "`src` is `a_b` or `x`"),
        ("C(int(fraction * lines)), RV(lines)", "`int(fraction * lines)`, `lines`"),
        ("O(ansible.builtin.copy#module:src=1), P(a.b.c#lookup)", "`src=1`, `a.b.c`"),
        ("V(smile :\\))", "`smile :)`"),
        (
            "B(bold) I(slanted) U(https://a.b) L(text, https://a.b)",
            "**bold** *slanted* <https://a.b> [text](https://a.b)",
        ),
        ("<dest> * a\n  line", "&lt;dest> \\* a line"),
    ],
)
def test_markup_of_ansible_becomes_markdown(text: str, expected: str) -> None:
    assert reference.markdown(text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "| `server.yml` | Configure the server | labserver | `swap`, the role that lab_role names |",
        "| `play_tag` | server.yml |",
        "| `memory` | server.yml: swap |",
        "| `swap` | server.yml |",
        "| `lab_role` | `sandbox` |",
        "- [Roles](#roles): [swap](#role-swap), [swap: remove](#role-swap-remove)",
        "- [Modules](#modules): [thing](#module-thing)",
        "| `swap_size` | int | `64` | Size in MiB. `0` for none. |",
        "| `swap_path` | path | computed | Where. It is a\\|b. |",
        "| `swap_users` | list of dict | `[]` | Who. |",
        "| `swap_users[].name` | str | **required** | Name. Choices: `ada`, `bob`. |",
        "Second, see `swap_path`.",
        "### Role swap: remove",
        "- With `ansible.builtin.copy`.",
        "- `check_mode`: full. Changes nothing.",
        "- Also the options of `ansible.builtin.files`.",
        "| `src` | path | **required** | The `int(x * y)` of `dest=1`. |",
        "| `kind` | str | `a` | Kind. Choices: `a` (The first.), `b` (The second.). |",
        "| `found[].size` | int | Bytes. Returned when `src` is there. |",
        "| `swap_round` | `roles/swap/filter_plugins/sizes.py` | Round `size` up. |",
    ],
)
def test_the_reference_holds(project: Path, line: str) -> None:
    assert line in reference.reference(project).splitlines()


def test_private_names_are_left_out(project: Path) -> None:
    text = reference.reference(project)
    assert "__private" not in text
    assert "helper" not in text


def test_check_tells_a_stale_file_from_a_current_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="is stale"):
        run(project, monkeypatch, "--check")
    assert not (project / "docs").exists()
    run(project, monkeypatch)
    run(project, monkeypatch, "--check")
    defaults = project / "roles/swap/meta/argument_specs.yml"
    defaults.write_text(defaults.read_text().replace("Size in MiB", "Size in GiB"))
    with pytest.raises(SystemExit, match=r"docs/reference.md is stale. Generate it anew with scripts/reference.py"):
        run(project, monkeypatch, "--check")


def test_every_role_and_module_of_this_project_is_in_it() -> None:
    text = reference.reference(reference.ROOT)
    for path in reference.ROOT.glob("roles/*/defaults/main.yml"):
        for name in reference.load(path):
            assert f"| `{name}` |" in text
    for path in reference.ROOT.glob("library/*.py"):
        assert f"### Module {path.stem}" in text
