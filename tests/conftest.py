"""Lets tests import our modules and their logic by the names Ansible uses."""

from __future__ import annotations

import sys
from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).resolve().parent.parent

# The root, for tests.support
sys.path[:0] = [str(ROOT), str(ROOT / "library"), str(ROOT / "scripts")]
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test after its argument where that is bytes: those of an archive hold the time, and differ by worker."""
    return argname if isinstance(val, bytes) else None
