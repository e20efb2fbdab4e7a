"""Ansible's own output, but tables are tables, and an error that a rescue explains is shown once."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.playbook.block import Block
from ansible.plugins.callback.default import CallbackModule as DefaultCallback

DOCUMENTATION = """
name: labserver
type: stdout
short_description: Default output, with tables as tables and an explained error once
description:
  - As the callback C(ansible.builtin.default). But the report, and what people have to read while a run goes on, are
    shown line by line, and not as YAML.
  - Of a task that fails in a block whose rescue fails with what helps, only that is shown; with C(-v) both.
extends_documentation_fragment: [default_callback, result_format_callback]
"""

# Keys of the message of a debug task, as scripts/up reads them
FOR_PEOPLE = ("labserver_notice", "labserver_summary", "labserver_site")
EXPLAINING = ("ansible.builtin.fail", "aws_failure")


def is_explained(task: Any) -> bool:
    """Return whether the task is in a block, or in one included there, whose rescue fails with what helps."""
    child, parent = task, task._parent  # noqa: SLF001 - there is no public way from a task to its block
    while parent is not None:
        if isinstance(parent, Block) and child._uuid in [one._uuid for one in parent.block]:  # noqa: SLF001
            actions = [getattr(one, "action", "") for one in parent.rescue]
            if any(action in EXPLAINING for action in actions):
                return True
        child, parent = parent, parent._parent  # noqa: SLF001
    return False


class CallbackModule(DefaultCallback):  # type: ignore[misc] # Ansible has no types
    """What Ansible calls with each result."""

    CALLBACK_NAME = "labserver"

    def v2_runner_on_ok(self, result: Any) -> None:
        """Show a result; what is meant for people as they would write it."""
        message = result.result.get("msg")
        texts = [message[key] for key in FOR_PEOPLE if key in message] if isinstance(message, dict) else []
        if not texts or self._display.verbosity > 1:
            super().v2_runner_on_ok(result)
            return
        if self._last_task_banner != result.task._uuid:  # noqa: SLF001 - as the parent class does
            self._print_task_banner(result.task)
        self._display.display(f"ok: [{self.host_label(result)}]", color=constants.COLOR_OK)
        for text in texts:
            self._display.display("\n".join(text) if isinstance(text, list) else str(text))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002 - Ansible's
        """Show a failure, unless what follows does it better."""
        if ignore_errors or self._display.verbosity or not is_explained(result.task):
            super().v2_runner_on_failed(result, ignore_errors)
            return
        if self._last_task_banner != result.task._uuid:  # noqa: SLF001 - as the parent class does
            self._print_task_banner(result.task)
        self._display.display(f"failed: [{self.host_label(result)}]: see below", color=constants.COLOR_ERROR)
