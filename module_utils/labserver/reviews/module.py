"""The frame of the modules that make one output: the only file of this package that needs Ansible."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..content.source import MissingError
from ..errors import LabError, explain
from .output import OutputRequest, make


def run_module(request_class: type[OutputRequest], options: Mapping[str, Any], **constraints: Any) -> None:
    """Run the module with these options beside `src`, `dest` and those of the file; its request has them for fields."""
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            **options,
        },
        add_file_common_args=True,
        supports_check_mode=True,
        **constraints,
    )
    request = request_class(
        Path(module.params["src"]), Path(module.params["dest"]), **{name: module.params[name] for name in options}
    )
    try:
        result = make(request, check=module.check_mode)
    except (LabError, OSError) as error:
        if not (module.check_mode and isinstance(error, MissingError)):
            module.fail_json(msg=explain(error))
        # On a fresh host the task that makes it has only been checked as well.
        reason = {"reason": "src does not exist yet", "source_digest": None, "dest": str(request.dest)}
        module.exit_json(changed=True, **request.unknown, **reason)
    made = [{"dest": result["dest"], "reason": result["reason"]}] if result["changed"] else []
    result["diff"] = {"before": {}, "after": {"made": made} if made else {}}
    for warning in result.pop("warnings"):
        module.warn(warning)
    if request.dest.exists():
        arguments = module.load_file_common_arguments(module.params, path=result["dest"])
        result["changed"] = module.set_fs_attributes_if_different(arguments, result["changed"], {})
    module.exit_json(**result)
