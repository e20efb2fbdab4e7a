"""What AWS refuses: the message names the fix, nothing leaks, and two projects keep out of each other's way.

What moto cannot show: how long AWS throttles, and which of its calls a real account is refused.
"""

from __future__ import annotations

import pytest

from tests.integration.aws.cloud import REGION, Cloud, Project
from tests.integration.aws.estate import EVERYTHING, addresses, is_ours, ports, same

FOR_EVER = 10_000


REFUSALS = [
    ("DescribeInstances", "Throttling", "wait a minute and run again"),
    ("DescribeInstances", "ExpiredToken", "renew the credentials"),
    ("ImportKeyPair", "RequestLimitExceeded", "wait a minute and run again"),
    ("CreateSecurityGroup", "RequestExpired", "renew the credentials"),
    ("RunInstances", "InsufficientInstanceCapacity", "set ec2_zone or ec2_instance_type"),
    ("RunInstances", "VcpuLimitExceeded", "lower ec2_count"),
    ("AllocateAddress", "AddressLimitExceeded", "lower ec2_count or ec2_addresses"),
]


def test_a_refusal_is_told_with_its_fix_and_leaves_nothing_astray(cloud: Cloud, project: Project) -> None:
    """Each run gets as far as the refusal, and the next one goes on from there."""
    for action, code, fix in REFUSALS:
        cloud.faults({"kind": "error-before", "action": action, "code": code, "times": FOR_EVER})
        run = project.make()
        cloud.faults()
        assert run.code != 0, (action, run.output)
        assert code in run.text, run.output
        assert fix in run.text, run.output
        assert all(is_ours(item) for item in cloud.holdings().values())
    assert cloud.count()["i"] == 1
    assert project.remove().code == 0
    assert cloud.holdings() == {}


@pytest.mark.full
@pytest.mark.parametrize(("action", "code", "fix"), REFUSALS)
def test_a_refusal_in_an_empty_account(cloud: Cloud, project: Project, action: str, code: str, fix: str) -> None:
    cloud.faults({"kind": "error-before", "action": action, "code": code, "times": FOR_EVER})
    run = project.make()
    cloud.faults()
    assert run.code != 0
    assert code in run.text, run.output
    assert fix in run.text, run.output
    assert all(is_ours(item) for item in cloud.holdings().values())
    assert project.remove().code == 0
    assert cloud.holdings() == {}


def test_what_passes_is_waited_for(cloud: Cloud, project: Project) -> None:
    """Throttling that ends, and a machine and a group that AWS does not know yet, are no failures."""
    project.variables = EVERYTHING
    cloud.faults(
        {"kind": "error-before", "action": "RunInstances", "code": "RequestLimitExceeded", "times": 2},
        {"kind": "error-before", "action": "AllocateAddress", "code": "Throttling"},
        {
            "kind": "error-before",
            "action": "AuthorizeSecurityGroupIngress",
            "code": "InvalidGroup.NotFound",
            "times": 2,
        },
        {"kind": "error-before", "action": "CreateVolume", "code": "InternalError"},
        {
            "kind": "error-before",
            "action": "AssociateAddress",
            "code": "InvalidAllocationID.NotFound",
            "times": 5,
        },
    )
    run = project.make()
    assert run.code == 0, run.output
    assert len([call for call in cloud.calls() if call["status"] in (400, 500, 503)]) >= 5
    assert all(is_ours(item) for item in cloud.holdings().values())
    # AWS knows for a while that the machine is in it, or uses it
    cloud.faults(
        {"kind": "error-before", "action": "DeleteSecurityGroup", "code": "DependencyViolation", "times": 2},
        {"kind": "error-before", "action": "ReleaseAddress", "code": "AuthFailure", "times": 2},
        {"kind": "error-before", "action": "ReleaseAddress", "code": "InvalidIPAddress.InUse", "nth": 3},
        {"kind": "error-before", "action": "DeleteVolume", "code": "VolumeInUse", "times": 2},
    )
    run = project.remove()
    assert run.code == 0, run.output
    assert cloud.holdings() == {}


def test_what_is_refused_in_removal_keeps_nothing_else(cloud: Cloud, project: Project) -> None:
    project.variables = EVERYTHING
    assert project.make().code == 0
    ec2 = cloud.ec2
    interface = next(item["NetworkInterfaces"][0] for item in cloud.holdings().values() if "NetworkInterfaces" in item)
    stranger = ec2.allocate_address(Domain="vpc")["AllocationId"]
    spare = ec2.assign_private_ip_addresses(
        NetworkInterfaceId=interface["NetworkInterfaceId"], SecondaryPrivateIpAddressCount=1
    )["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
    ec2.associate_address(
        AllocationId=stranger, NetworkInterfaceId=interface["NetworkInterfaceId"], PrivateIpAddress=spare
    )
    cloud.faults({"kind": "error-before", "action": "ReleaseAddress", "times": FOR_EVER})
    run = project.remove()
    cloud.faults()
    assert run.code != 0
    assert "Not all of project lab could be removed" in run.text, run.output
    assert "allow the call in the policy" in run.text
    assert stranger in run.text  # without our tag: told, and left alone
    left = {identity for identity in cloud.holdings() if not identity.startswith("eipalloc-")}
    assert not left
    assert project.remove().code == 0
    assert set(cloud.holdings()) == {stranger}
    ec2.release_address(AllocationId=stranger)


@pytest.mark.full
def test_what_is_half_there_is_mended_and_what_is_theirs_is_told(cloud: Cloud, project: Project) -> None:
    ec2 = cloud.ec2
    # An address that a run allocated twice before it died is released, for it is to be paid for and leads nowhere
    cloud.faults(
        {"kind": "drop", "action": "AllocateAddress"},
        {"kind": "error-after", "action": "AssociateAddress"},
    )
    assert project.make().code != 0
    cloud.faults()
    assert len(ec2.describe_addresses()["Addresses"]) == 2
    assert project.make().code == 0
    assert len(ec2.describe_addresses()["Addresses"]) == 1

    # A group half deleted by hand is made whole
    before = cloud.holdings()
    group = next(one for one in before.values() if one.get("GroupName") == "lab")
    identity = group["GroupId"]
    ec2.revoke_security_group_ingress(GroupId=identity, IpPermissions=group["IpPermissions"])
    assert not ec2.describe_security_groups(GroupIds=[identity])["SecurityGroups"][0]["IpPermissions"]
    assert project.make().code == 0
    after = cloud.holdings()
    assert set(after) == set(before)
    assert ports(after[identity]) == ports(group)

    # Somebody has put a machine of theirs into our group: it stays theirs, and the removal says what is in the way
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = ec2.create_network_interface(SubnetId=subnet, Groups=[identity])
    theirs = made["NetworkInterface"]["NetworkInterfaceId"]
    run = project.remove()
    assert run.code != 0
    assert "take it out of the security group" in run.text
    assert set(cloud.holdings()) >= {theirs, identity}
    ec2.delete_network_interface(NetworkInterfaceId=theirs)
    assert project.remove().code == 0
    assert cloud.holdings() == {}


def test_a_password_in_the_clear_is_told_with_the_plan(cloud: Cloud, project: Project) -> None:
    project.variables = {"ec2_ports": [{"port": 8787, "from": "anywhere"}]}
    run = project.make("--check")
    assert run.code == 0, run.output
    assert "plain HTTP at port 8787, which 0.0.0.0/0 may reach" in run.text
    assert "plain HTTP" not in project.make("--check", "-e", "httpd_tls=self_signed").text
    assert cloud.mutating() == []


def test_without_a_default_network_the_fix_is_named(cloud: Cloud, project: Project) -> None:
    ec2 = cloud.ec2
    network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=network)
    ec2.delete_vpc(VpcId=network)
    cloud.faults()
    run = project.make()
    assert run.code != 0
    assert "create-default-vpc" in run.text, run.output
    assert cloud.mutating() == []


def test_a_region_that_does_not_exist_is_told(cloud: Cloud, project: Project) -> None:
    project.extra_environment["AWS_REGION"] = "us-west-9"
    cloud.faults()
    run = project.make()
    assert run.code != 0
    assert "us-west-9" in run.text
    assert "AWS_REGION" in run.text or "ec2_region" in run.text, run.output
    assert cloud.mutating() == []


def test_the_region_of_the_profile_is_everywhere(cloud: Cloud, project: Project) -> None:
    """Inventory, playbooks and audit go by one rule, and what finds nothing names the region."""
    config = project.folder / "config"
    config.write_text("[default]\nregion = eu-west-1\n")
    elsewhere = {"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": str(config)}
    project.extra_environment |= elsewhere
    run = project.make()
    assert run.code == 0, run.output
    assert cloud.holdings() == {}  # in us-west-2
    assert "lab-1" in project.inventory()
    assert "lab-1" in project.inventory("-e", "ec2_region=eu-west-1", AWS_REGION=REGION)
    assert "lab-1" not in project.inventory(AWS_REGION=REGION)
    assert "lab in eu-west-1" in project.play("audit").text
    for playbook in ("start", "teardown"):
        run = project.play(playbook, "-e", "ec2_region=us-east-1")
        assert run.code == 0, run.output
        assert "us-east-1" in run.text, run.output
    run = project.remove()
    assert run.code == 0, run.output
    assert "Nothing of project lab is left in eu-west-1." in run.text
    assert "lab-1" not in project.inventory()


@pytest.mark.full
def test_two_projects_live_side_by_side(cloud: Cloud, project: Project) -> None:
    """The name of one begins with that of the other."""
    other = Project(cloud, project.folder / "other", name="lab2", variables=EVERYTHING | {"ec2_bucket": "lab2-data"})
    project.variables = EVERYTHING
    assert other.make().code == 0
    theirs = cloud.holdings()
    their_addresses = addresses(cloud, {})
    assert project.make().code == 0
    assert same(theirs, cloud.holdings())
    cloud.faults()
    run = other.make()
    assert (run.code, run.changed) == (0, 0), run.output
    assert cloud.mutating() == []
    assert project.play("stop").code == 0
    assert project.remove().code == 0
    assert set(cloud.holdings()) == set(theirs)
    assert same(theirs, cloud.holdings())
    assert addresses(cloud, {}) == their_addresses
    assert other.remove().code == 0
    assert cloud.holdings() == {}
