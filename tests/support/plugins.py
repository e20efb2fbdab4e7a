"""Plugins of the roles, which Ansible loads by their path and Python does not find by a name."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROLES = Path(__file__).resolve().parents[2] / "roles"


def load_plugin(path: str) -> ModuleType:
    """Return the plugin at `path` below the folder of the roles."""
    spec = spec_from_file_location(f"plugin_{Path(path).stem}", ROLES / path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
