"""The causes found in what programs print."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.labserver.r.diagnosis import clean_output, full_disk, is_unreachable, why_not_installed


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("g++: fatal error: Killed signal terminated program cc1plus", ["memory", "swap", "MAKEFLAGS=-j1"]),
        ("/bin/bash: line 1: gfortran: command not found\nmake: *** [x.o] Error 127", ["gfortran", "r_base"]),
        ("sh: 1: make: not found\nERROR: compilation failed", ["make is missing", "r_base"]),
        ("/usr/bin/ld: cannot find -lxml2: No such file or directory", ["xml2", "-dev", "libxml2 (needed)"]),
        ("configure: error: no curl headers", ["no curl headers", "-dev"]),
        ("ERROR: this R is version 4.2.2, package 'x' requires R >= 4.3.0", ["R >= 4.3.0", "4.2.2", "version"]),
        (
            "Error: namespace 'rlang' 1.0.6 is already loaded, but >= 1.1.0 is required",
            ["rlang 1.0.6", ">= 1.1.0", "latest"],
        ),
        ("ERROR: something else\nand more", ["something else", "and more"]),
    ],
)
def test_causes_in_the_log_of_an_installation(log: str, words: list[str]) -> None:
    reason = why_not_installed("labx", log, "libxml2 (needed)")
    for word in words:
        assert word in reason


def test_the_first_error_is_shown_however_much_follows() -> None:
    log = "a.c:1: error: the cause\n" + "note\n" * 100 + "make: *** [a.o] Error 1\nERROR: compilation failed\n"
    reason = why_not_installed("labx", log, "")
    assert "error: the cause" in reason
    assert "Error 1" in reason
    assert len(reason.splitlines()) < 20


@pytest.mark.parametrize(
    ("output", "unreachable"),
    [
        ("libcurl error code 6: Could not resolve host: cran.example.org", True),
        ("Failed to connect to 127.0.0.1 port 9: Connection refused", True),
        ("Curl error (28): Timeout was reached for https://example.org", True),
        ("Curl error (60): SSL peer certificate or SSH remote key was not OK", False),
        ("SSL certificate problem: self-signed certificate; connection failed", False),
        ("No more mirrors to try - All mirrors were tried; package checksum doesn't match", False),
        ("Hash Sum mismatch; connection failed", False),
        ("No space left on device; connection failed", False),
        ("Unable to find a match: R-broken", False),
    ],
)
def test_unavailable_is_out_of_reach_and_nothing_else(output: str, unreachable: bool) -> None:  # noqa: FBT001
    assert is_unreachable(output) == unreachable


def test_what_differs_from_run_to_run_is_left_out() -> None:
    output = "https://me:se@cret@example.org: Failed to connect after 12 ms: Connection refused"
    assert clean_output(output) == "https://***@example.org: Failed to connect: Connection refused"


@pytest.mark.parametrize(("free", "full"), [(40 << 10, True), (1 << 30, False)])
def test_what_was_cut_off_without_a_word_is_a_full_disk(
    free: int,
    full: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ansible.module_utils.labserver.r.diagnosis.file_system", lambda _: (free, "/small"))
    assert ("no room left on the file system /small" in full_disk("Error: loading failed", tmp_path)) == full
    assert full_disk("ERROR: dependency 'x' is not available", tmp_path) == ""
