"""What the modules share; the only file of this package that needs Ansible."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..errors import LabError
from .client import AwsClients
from .errors import explained


def clients_of(module: AnsibleAWSModule) -> AwsClients:
    """Connect with the region, profile, keys and endpoint among the options of the module."""
    region, endpoint_url, credentials = get_aws_connection_info(module)
    return AwsClients(region, endpoint_url=endpoint_url, **credentials)


def run(module: AnsibleAWSModule, work: Callable[[AwsClients], dict[str, Any]]) -> None:
    """Exit with what `work` returns, or fail with what AWS refused and its fix."""
    try:
        clients = clients_of(module)
        with explained(clients.region):
            result = work(clients)
    except LabError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def run_state(module: AnsibleAWSModule, ensure: Callable[..., dict[str, Any]], delete: Callable[..., bool]) -> None:
    """Bring the resource of a module with the options `id` and `state` into that state."""

    def work(clients: AwsClients) -> dict[str, Any]:
        options = module.params
        ec2 = clients.client("ec2")
        if options["state"] == "present":
            return ensure(ec2, options, check_mode=module.check_mode)
        return {"changed": delete(ec2, options["id"], check_mode=module.check_mode), "id": options["id"]}

    run(module, work)
