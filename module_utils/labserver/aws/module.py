"""What the modules share; the only file of this package that needs Ansible."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..errors import LabError
from .client import AwsClients


def clients_of(module: AnsibleAWSModule) -> AwsClients:
    """Connect with the region, profile, keys and endpoint that the module was given."""
    region, endpoint_url, given = get_aws_connection_info(module)
    return AwsClients(region, endpoint_url=endpoint_url, **given)


def run(module: AnsibleAWSModule, work: Callable[[AwsClients], dict[str, Any]]) -> None:
    """Exit with what `work` returns, or fail with what AWS refused and its fix."""
    try:
        result = work(clients_of(module))
    except LabError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)
