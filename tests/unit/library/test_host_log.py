"""What the modules write into the log of the host, where everyone in group adm reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic

from tests.support.modules import RunModule

ADDRESS = "https://user:geheim@files.invalid/x?X-Amz-Signature=geheim"
MODULES: dict[str, dict[str, Any]] = {
    "component": {"name": "lab", "unavailable": {"x": f"{ADDRESS}: timed out"}},
    "dataset_file": {"dest": "x", "sources": [ADDRESS], "required": False},
    "python_environment": {"path": "venv", "interpreter": "/none", "index_url": ADDRESS},
    "r_package": {"name": ["x"], "repos": ADDRESS, "r": "/none"},
    "review_set": {"path": ".", "names": ["x"], "sets": {"x": {"file": "x", "sources": [ADDRESS]}}},
    "s3_folder": {"path": ".", "direction": "pull", "transfers": [{"path": "x", "url": ADDRESS}]},
}


@pytest.mark.parametrize("name", MODULES)
def test_no_secret_of_an_address_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_module: RunModule, name: str
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(basic.AnsibleModule, "_log_to_syslog", lambda _, message: logged.append(message))
    monkeypatch.chdir(tmp_path)
    options = dict(MODULES[name])
    for key in ("path", "dest"):
        if key in options:
            options[key] = str(tmp_path / options[key])
    run_module(name, check=True, **options)
    assert "geheim" not in str(logged)


def test_other_modules_say_how_they_were_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_module: RunModule
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(basic.AnsibleModule, "_log_to_syslog", lambda _, message: logged.append(message))
    run_module("own_folder", path=str(tmp_path))
    assert str(tmp_path) in str(logged)
