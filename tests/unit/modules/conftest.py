"""Runs modules in this process, the way Ansible does, with real arguments and real output."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.testing import patch_module_args

if TYPE_CHECKING:
    from tests.unit.modules.support import RunModule


sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # for tests.unit.modules.support


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> RunModule:
    def run(name: str, *, check: bool = False, diff: bool = False, **options: object) -> dict[str, Any]:
        arguments = {key: value for key, value in options.items() if value is not None}
        capsys.readouterr()
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff}
        given = json.loads(json.dumps({**arguments, **internal}, default=str))
        with patch_module_args(given), pytest.raises(SystemExit):
            importlib.import_module(name).main()
        result: dict[str, Any] = {"failed": False, **json.loads(capsys.readouterr().out)}
        return result

    return run
