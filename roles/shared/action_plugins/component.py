"""Action plugin: runs the module component where the record differs from the host's facts, and keeps these current."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

DEFAULTS = {"state": "ready", "where": "", "reason": "", "unavailable": {}, "details": {}}  # of the module


class ActionModule(ActionBase):  # type: ignore[misc]
    """Spares a call to the host for each role that changed nothing, and later tasks gathering the facts again."""

    def run(self, tmp: None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = self._task.args
        # None where they were not gathered, which is left to the task that needs them to say
        facts: Mapping[str, Any] | None = ((task_vars or {}).get("ansible_facts") or {}).get("ansible_local")
        if "path" in options:
            facts = None
        fact = f"labserver_{options.get('name')}"
        record = {"name": options.get("name"), **{key: options.get(key, value) for key, value in DEFAULTS.items()}}
        if places := options.get("places"):
            record["places"] = places
        failing = boolean(options.get("strict", False), strict=False) and (
            record["state"] == "unavailable" or record["unavailable"]
        )
        if facts is not None and not failing and facts.get(fact) == record:
            return {**result, "changed": False, "component": record}
        result.update(self._execute_module(module_args=options, task_vars=task_vars))
        # Ansible takes no facts of a task that failed, and would show all of them with the error
        if facts is not None and not self._task.check_mode and not result.get("failed"):
            others = {name: value for name, value in facts.items() if name != fact}
            kept = {fact: result["component"]} if "component" in result else {}
            result["ansible_facts"] = {"ansible_local": {**others, **kept}}
        return result
