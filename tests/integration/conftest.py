"""What the integration tests noted, in the summary: here, for pytest-xdist reads no conftest of a folder below."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the tests noted: how long runs took, how many calls they made."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    notes = [str(note) for report in reports for name, note in report.user_properties if name == "AWS"]
    if notes:
        terminalreporter.section("AWS")
        for note in notes:
            terminalreporter.line(note)
