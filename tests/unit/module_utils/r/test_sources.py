"""Lists of sources made from the lists of packages that a host has."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.labserver.r.sources import source_lists

DEB822 = """# ours
Types: deb deb-src
URIs: http://deb.example.org/debian
Suites: stable
Components: main
Signed-By: /usr/share/keyrings/debian.gpg

types: deb
URIs: http://deb.example.org/security
Suites: stable-security
"""


def test_both_forms_give_the_sources_of_what_they_give(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    lines = "deb [signed-by=/k.gpg] http://deb.example.org stable main # ours\n#deb http://no\ndeb-src http://twice x\n"
    (tmp_path / "sources.list").write_text(lines)
    (parts / "debian.sources").write_text(DEB822)
    (parts / "other.sources.disabled").write_text("Types: deb\n")
    made = dict(source_lists(tmp_path))
    assert made == {
        "sources.list": "deb-src [signed-by=/k.gpg] http://deb.example.org stable main # ours\n",
        "debian.sources": DEB822.replace("deb deb-src", "deb-src").replace("types: deb", "Types: deb-src"),
    }


def test_a_host_without_lists_has_none(tmp_path: Path) -> None:
    assert list(source_lists(tmp_path)) == []
