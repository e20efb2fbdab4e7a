"""The least that an IAM policy has to allow: which actions, on what, under which condition, and why.

The tests against moto compare it with the calls that they record: nothing is missing, and nothing is superfluous but
what stands in UNSEEN with its reason. Nothing is imported here: the policy is printed before there is an environment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_TAG = "labserver:project"
_OURS_SSM = f"ssm:resourceTag/{_TAG}"
_IAM = ("arn:aws:iam::*:instance-profile/labserver/*", "arn:aws:iam::*:role/labserver/*")
_OURS, _TAGGED = f"aws:ResourceTag/{_TAG}", f"aws:RequestTag/{_TAG}"
# Actions that make something, with its tags in the same request; what they make
_MADE = {
    "RunInstances": ("instance", "volume"),
    "CreateVolume": ("volume",),
    "AllocateAddress": ("elastic-ip",),
    "CreateSecurityGroup": ("security-group",),
    "ImportKeyPair": ("key-pair",),
}


@dataclass(frozen=True)
class Statement:
    """Actions that are allowed on the same resources, under the same condition."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[str] = ("*",)
    # A condition key whose value is to be the project
    tag: str = ""
    condition: tuple[str, Sequence[str]] | None = None  # another one: a key and its values
    option: str = ""  # of scripts/aws_policy, with which it is needed


def _ec2(*actions: str) -> tuple[str, ...]:
    return tuple(f"ec2:{action}" for action in actions)


def _on(*kinds: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:ec2:*:*:{kind}/*" for kind in kinds)


# What each option of scripts/aws_policy is for
OPTIONS = {
    "bucket": "with `ec2_bucket`, and for role `s3_sync`",
    "spot": "with `ec2_spot`",
    "session-manager": "with `ec2_session_manager`",
    "budget": "with `ec2_budget_usd`",
    "elastic-ips": "with `ec2_elastic_ip_ids`, which have no tag of ours",
}

STATEMENTS = (
    Statement(  # mostly actions for which AWS knows no resource
        "Look",
        (
            "budgets:ViewBudget",
            "pricing:GetProducts",
            "s3:GetBucketLocation",
            "s3:GetBucketTagging",
            "s3:ListAllMyBuckets",
            "servicequotas:GetServiceQuota",
            "sts:GetCallerIdentity",
            "tag:GetResources",
            *_ec2(
                "DescribeAccountAttributes",
                "DescribeAddresses",
                "DescribeImages",
                "DescribeInstanceTypeOfferings",
                "DescribeInstanceTypes",
                "DescribeInstances",
                "DescribeKeyPairs",
                "DescribeNetworkInterfaces",
                "DescribeRegions",
                "DescribeRouteTables",
                "DescribeSecurityGroups",
                "DescribeSnapshots",
                "DescribeSpotInstanceRequests",
                "DescribeSubnets",
                "DescribeTags",
                "DescribeVolumes",
            ),
        ),
    ),
    Statement(
        "ReadNewestImage",
        ("ssm:GetParameter",),
        ("arn:aws:ssm:*::parameter/aws/service/ami-amazon-linux-latest/*",),
    ),
    Statement(
        "FindInstanceProfiles",
        ("iam:GetInstanceProfile", "iam:ListInstanceProfiles"),
        ("arn:aws:iam::*:instance-profile/labserver/*",),
    ),
    Statement(
        "MakeTagged", _ec2(*_MADE), _on(*sorted({kind for kinds in _MADE.values() for kind in kinds})), tag=_TAGGED
    ),
    Statement("RunInstancesWith", _ec2("RunInstances"), _on("key-pair", "security-group"), tag=_OURS),
    Statement(
        "MakeIn",
        _ec2("RunInstances", "CreateSecurityGroup"),
        ("arn:aws:ec2:*::image/*", *_on("network-interface", "subnet", "vpc")),
    ),
    Statement(
        "TagWhatIsMade",
        _ec2("CreateTags"),
        _on("*"),
        tag=_TAGGED,
        condition=("ec2:CreateAction", tuple(_MADE)),
    ),
    Statement(
        "ChangeOurs",
        _ec2(
            "AssociateAddress",
            "AttachVolume",
            "AuthorizeSecurityGroupIngress",
            "CreateTags",
            "DeleteKeyPair",
            "DeleteNetworkInterface",
            "DeleteSecurityGroup",
            "DeleteSnapshot",
            "DeleteTags",
            "DeleteVolume",
            "DetachVolume",
            "DisassociateAddress",
            "GetConsoleOutput",
            "ModifyVolume",
            "ReleaseAddress",
            "RevokeSecurityGroupIngress",
            "StartInstances",
            "StopInstances",
            "TerminateInstances",
        ),
        _on("*"),
        tag=_OURS,
    ),
    Statement(  # a machine's interface has no tags
        "AddressInterfaces",
        _ec2("AssignPrivateIpAddresses", "AssociateAddress", "DisassociateAddress"),
        _on("network-interface"),
    ),
    Statement("RunSpotInstances", _ec2("RunInstances"), _on("spot-instances-request"), tag=_TAGGED, option="spot"),
    Statement(
        "CancelSpotRequests",
        _ec2("CancelSpotInstanceRequests"),
        _on("spot-instances-request"),
        tag=_OURS,
        option="spot",
    ),
    Statement(
        "SpotForTheFirstTime",
        ("iam:CreateServiceLinkedRole",),
        ("arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/*",),
        condition=("iam:AWSServiceName", ("spot.amazonaws.com",)),
        option="spot",
    ),
    Statement(
        "MakeInstanceProfile",
        (
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:CreateRole",
            "iam:DeleteInstanceProfile",
            "iam:DeleteRole",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:TagInstanceProfile",
            "iam:TagRole",
        ),
        _IAM,
        option="session-manager",
    ),
    Statement(
        "LetTheAgentTalk",
        ("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
        _IAM[1:],
        condition=("iam:PolicyARN", ("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",)),
        option="session-manager",
    ),
    Statement(
        "PassRole",
        ("iam:PassRole",),
        _IAM[1:],
        condition=("iam:PassedToService", ("ec2.amazonaws.com",)),
        option="session-manager",
    ),
    Statement("StartSession", ("ssm:StartSession",), _on("instance"), tag=_OURS_SSM, option="session-manager"),
    Statement(
        "StartSshSession",
        ("ssm:StartSession",),
        ("arn:aws:ssm:*::document/AWS-StartSSHSession",),
        option="session-manager",
    ),
    Statement(
        "EndSession",
        ("ssm:ResumeSession", "ssm:TerminateSession"),
        ("arn:aws:ssm:*:*:session/${{aws:userid}}-*",),
        option="session-manager",
    ),
    Statement("FindAgents", ("ssm:DescribeInstanceInformation",), option="session-manager"),
    Statement(
        "ChangeBudget",
        ("budgets:ListTagsForResource", "budgets:ModifyBudget", "budgets:TagResource"),
        ("arn:aws:budgets::*:budget/labserver-*",),
        option="budget",
    ),
    Statement("AssociateElasticIps", _ec2("AssociateAddress"), _on("elastic-ip"), option="elastic-ips"),
    Statement(
        "Bucket",
        (
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:GetAccelerateConfiguration",
            "s3:GetBucketAcl",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketRequestPayment",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetInventoryConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutEncryptionConfiguration",
        ),
        ("arn:aws:s3:::{bucket}",),
        option="bucket",
    ),
    Statement(
        "BucketContent",
        ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"),
        ("arn:aws:s3:::{bucket}/*",),
        option="bucket",
    ),
)

# What is allowed and not called in the tests against moto, and why it is needed all the same
UNSEEN = {
    "ec2:DeleteNetworkInterface": "removes an interface with our tags that stayed behind; none is made by the role",
    "budgets:TagResource": "creating one with tags needs it",
    "iam:CreateServiceLinkedRole": "AWS makes its role for Spot Instances when an account first asks for one",
    "iam:PassRole": "launching a machine with the role of its profile needs it",
    "iam:TagInstanceProfile": "creating one with tags needs it",
    "iam:TagRole": "creating one with tags needs it",
    "ssm:DescribeInstanceInformation": "asked while a machine boots, which moto's do not",
    "ssm:ResumeSession": "of AWS's command line, through which SSH goes",
    "ssm:StartSession": "of AWS's command line, through which SSH goes",
    "ssm:TerminateSession": "of AWS's command line, through which SSH goes",
    "s3:GetObject": "role `s3_sync` signs the addresses with it by which the machines download",
    "s3:ListAllMyBuckets": "finds the buckets where AWS's index of tags cannot be read",
    "s3:PutObject": "role `s3_sync` signs the addresses with it by which the machines upload",
}


def statements(options: Collection[str]) -> Iterator[Statement]:
    """Yield those that are always needed, and those of these options."""
    yield from (one for one in STATEMENTS if not one.option or one.option in options)


def allowed(options: Collection[str]) -> set[str]:
    """Return the actions that the policy allows with these options."""
    return {action for one in statements(options) for action in one.actions}


def policy(projects: Sequence[str], options: Collection[str] = (), *, bucket: str = "") -> dict[str, Any]:
    """Return the policy for projects of these names, as IAM takes it."""

    def value(names: Sequence[str]) -> str | list[str]:
        return names[0] if len(names) == 1 else list(names)

    document = []
    for one in statements([*options, *(["bucket"] if bucket else [])]):
        equals = {one.tag: value(projects)} if one.tag else {}
        if one.condition:
            equals[one.condition[0]] = value(one.condition[1])
        statement: dict[str, Any] = {"Sid": one.sid, "Effect": "Allow", "Action": value(one.actions)}
        statement["Resource"] = value([resource.format(bucket=bucket) for resource in one.resources])
        if equals:
            statement["Condition"] = {"StringEquals": equals}
        document.append(statement)
    return {"Version": "2012-10-17", "Statement": document}
