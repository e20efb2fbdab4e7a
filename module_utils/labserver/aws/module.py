"""The only file of this package that needs Ansible: clients from the connection options of a module of amazon.aws."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from .client import AwsClients


def clients_of(module: AnsibleAWSModule) -> AwsClients:
    """Connect with the region, profile, keys and endpoint that the module was given."""
    region, endpoint_url, given = get_aws_connection_info(module)
    return AwsClients(region, endpoint_url=endpoint_url, **given)
