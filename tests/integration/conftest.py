"""The switch --full of the integration tests, and what they noted, in the summary."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch that ``scripts/test --full`` gives."""
    parser.addoption("--full", action="store_true", help="run the slow tests too, which rarely fail alone")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of slow tests."""
    config.addinivalue_line("markers", "full: slow, runs with --full only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the slow tests without the switch."""
    if not config.getoption("--full"):
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="runs with scripts/test --full"))


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether everything is to run."""
    return bool(pytestconfig.getoption("--full"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests noted (pytest-xdist reads no conftest of a folder below)."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    notes = [str(note) for report in reports for name, note in report.user_properties if name == "AWS"]
    if notes:
        terminalreporter.section("AWS")
        for note in notes:
            terminalreporter.line(note)
