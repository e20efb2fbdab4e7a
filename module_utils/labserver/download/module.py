"""The Ansible module of those that are given addresses: the only file of this package that needs Ansible."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .address import masked, scrub


class MaskingModule(AnsibleModule):  # type: ignore[misc]
    """Shows its arguments, in the log of the host and in its result, without the secrets of addresses.

    Ansible logs them before a module can do anything, and hides arguments only as a whole.
    """

    params: dict[str, Any]

    def _log_invocation(self) -> None:
        params = self.params
        self.params = masked(params)
        try:
            super()._log_invocation()
        finally:
            self.params = params

    def _return_formatted(self, kwargs: dict[str, Any]) -> None:
        kwargs.setdefault("invocation", {"module_args": masked(self.params)})
        if "msg" in kwargs:  # Ansible's own may quote a value
            kwargs["msg"] = scrub(str(kwargs["msg"]))
        super()._return_formatted(kwargs)
