"""Fixtures that tests of modules and of scripts share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def throw_away_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set keys of no account, and hide the settings of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "throw-away-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "throw-away-secret")
    # In every region that is looked at moto makes a thousand images, which takes a second
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
