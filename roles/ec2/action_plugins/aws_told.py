"""Action plugin: runs a module of amazon.aws that hides why AWS refused, and tells it.

ec2_security_group and ec2_vol (amazon.aws 10.1) say "Failed to create security group" and no more; the reason is in the
traceback only, which Ansible does not ask modules for. Options: ``module``, its name, and ``options``, its options.
module_defaults do not reach it.
"""

from __future__ import annotations

import re
from typing import Any

from ansible.plugins.action import ActionBase

_REASON = re.compile(r"An error occurred \([\w.]+\)[^\n]*")


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Has the module keep its traceback, and puts the reason into the message."""

    def _update_module_args(self, module_name: str, module_args: dict[str, Any], *others: Any, **more: Any) -> None:
        """Ask for the traceback of an error, as ANSIBLE_DISPLAY_TRACEBACK=error does for every task."""
        super()._update_module_args(module_name, module_args, *others, **more)
        module_args["_ansible_tracebacks_for"] = ["error"]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module that is named, with its options."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        module, options = self._task.args["module"], dict(self._task.args["options"])
        result.update(self._execute_module(module_name=module, module_args=options, task_vars=task_vars))
        trace = result.pop("exception", None)
        reason = _REASON.search(str(getattr(getattr(trace, "event", None), "formatted_traceback", trace)))
        if result.get("failed") and reason and reason.group() not in result["msg"]:
            result["msg"] = f"{result['msg']}: {reason.group()}"
        return result
