"""Runs scripts/aws_audit in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "aws_audit"

RunAudit = Callable[..., tuple[int, str, str]]


def load_script() -> ModuleType:
    """Import the script, which has no ending."""
    loader = SourceFileLoader("aws_audit", str(SCRIPT))
    spec = spec_from_loader("aws_audit", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def audit_runner(script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunAudit:
    """Return a function that runs it with arguments and returns its exit code, standard output and error."""

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["aws_audit", *arguments])
        try:
            code = script.main()
        except SystemExit as stopped:
            code = stopped.code
        out, err = capsys.readouterr()
        return code, out, err

    return command
