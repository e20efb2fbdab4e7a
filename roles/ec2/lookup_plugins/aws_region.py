"""Lookup plugin: the region that everything of this project works in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars

# Ansible does not put a project's module_utils on the path of its plugins
sys.path.append(str(Path(__file__).resolve().parents[3] / "module_utils"))

from labserver.aws.client import usual_region
from labserver.errors import LabError

DOCUMENTATION = r"""
name: aws_region
short_description: The region of AWS to work in
description:
  - The variable C(ec2_region) of the command line, else E(AWS_REGION), else E(AWS_DEFAULT_REGION), else the region of
    the profile (E(AWS_PROFILE) in C(~/.aws/config)), else V(us-west-2).
  - An inventory plugin knows none of the variables, and learns of C(-e ec2_region=...) here.
author: labserver
options: {}
"""

EXAMPLES = r"""
- name: Show the region
  ansible.builtin.debug:
    msg: "{{ lookup('aws_region') }}"
"""

RETURN = r"""
_raw:
  description: The region.
  type: list
  elements: str
"""


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types
    """Finds the region."""

    def run(self, _terms: list[str], variables: object = None, **_options: Any) -> list[str]:
        """Return it as the only element."""
        try:
            return [load_extra_vars(self._loader).get("ec2_region") or usual_region()]
        except LabError as error:
            raise AnsibleLookupError(str(error)) from None  # Ansible tells causes, too: the same again
