"""Versions and dependencies of packages."""

from __future__ import annotations

from ansible.module_utils.labserver.r.metadata import parse_dependencies, satisfies


def test_what_packages_need() -> None:
    needs = parse_dependencies("R (>= 4.3.0), foreach(>= 1.2),\n iterators, Matrix (>= 1.5-1), Matrix (< 2)")
    assert needs == {
        "R": [(">=", "4.3.0")],
        "foreach": [(">=", "1.2")],
        "iterators": [],
        "Matrix": [(">=", "1.5-1"), ("<", "2")],
    }
    assert satisfies("1.5-4", needs["Matrix"])
    assert not satisfies("1.5.0", needs["Matrix"])
    assert satisfies("1.10", [(">", "1.9"), ("!=", "1.11"), ("<=", "1.10")])
