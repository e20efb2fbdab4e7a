#!/usr/bin/python
"""Ansible module: check the vendor's signature inside a package."""

from __future__ import annotations

DOCUMENTATION = r"""
module: package_signature
short_description: Checks the signature inside a deb or an rpm against one key
description:
  - Fails unless the package was signed by the key with this whole fingerprint. Changes nothing.
  - Returns RV(checked=false) and RV(reason) where there is no telling, as the package holds no signature or the host
    has no program that checks one.
  - A deb's signature is in the format of dpkg-sig, and is checked by C(gpgv) or C(sqv); an rpm's by C(rpmkeys), with a
    database of its own that holds this key alone.
options:
  path:
    description: The package. An rpm has a name that ends in C(.rpm).
    type: path
    required: true
  key:
    description: File with the vendor's public key, armored or binary. Other keys in it are not used.
    type: path
    required: true
  fingerprint:
    description: The fingerprint of that key, 40 digits. Spaces do not matter.
    type: str
    required: true
  fix:
    description: What the user can do about a wrong signature, in a sentence for the error message.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and return changed status without changing the target.
    support: full
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check the signature
  package_signature:
    path: /var/cache/labserver/rstudio-server.deb
    key: /var/cache/labserver/rstudio-server.key
    fingerprint: 8B65E5A107BBEFE3BA99C59751C0B5BB19F92D60
"""

RETURN = r"""
checked:
  description: Whether the signature was checked. It is right then.
  returned: success
  type: bool
reason:
  description: Why it was not checked.
  returned: success
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.errors import LabError, explain
from ansible.module_utils.labserver.rstudio.signature import UncheckedError, check_signature


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "fingerprint": {"type": "str", "required": True},
            "fix": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )

    def run(*command: str) -> tuple[int, str]:
        status, output, errors = module.run_command(
            list(command), environ_update={"LC_ALL": "C"}, errors="replace", expand_user_and_vars=False
        )
        return status, (output + errors).strip()

    options = module.params
    reason = ""
    try:
        check_signature(Path(options["path"]), Path(options["key"]), options["fingerprint"], run)
    except UncheckedError as error:
        reason = str(error)
    except LabError as error:
        message = f"{options['path']} has a wrong signature: {error}".rstrip(".")
        module.fail_json(msg=f"{message}. {options['fix']}".strip())
    except OSError as error:
        module.fail_json(msg=explain(error))
    module.exit_json(changed=False, checked=not reason, reason=reason)


if __name__ == "__main__":
    main()
