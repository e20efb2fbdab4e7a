"""What AWS and botocore answer, in words: one table of problems and fixes, by AWS's error code or botocore's name."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..errors import LabError

try:
    import botocore.exceptions
except ImportError:  # AnsibleAWSModule reports it; Ansible imports a module to document it, too
    BotoCoreError = ClientError = Exception
else:
    BotoCoreError, ClientError = botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError

ATTEMPTS = 6  # of each call
DENIED = ("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "OptInRequired", "UnauthorizedOperation")

# The problem and its fix, by codes; the last entry for a code counts
_PROBLEMS = {
    "NoCredentialsError CredentialRetrievalError MetadataRetrievalError": (
        "no AWS credentials ({text})",
        (
            "run `aws configure{profile}` (or `aws login{profile}`, `aws sso login{profile}`), or set AWS_PROFILE, or"
            " export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; on an instance, give it a role"
        ),
    ),
    "PartialCredentialsError": (
        "half of the AWS credentials is missing ({text})",
        "set the missing one beside the other, or neither, where you log in with `aws login` or `aws sso login`",
    ),
    "ProfileNotFound": ("{text}", "set AWS_PROFILE to a profile of ~/.aws/config, or make it with `aws configure`"),
    # Of an endpoint that is no address botocore raises the last one
    "ConfigParseError InfiniteLoopConfigError InvalidChecksumConfigError InvalidConfigError InvalidDefaultsMode"
    " InvalidProxiesConfigError ValueError": (
        "the settings of the AWS tools cannot be used ({text})",
        (
            "correct ~/.aws/config and ~/.aws/credentials, set AWS_PROFILE to another profile of theirs, or unset what"
            " the environment says otherwise (env | grep AWS_)"
        ),
    ),
    "SSOError SSOTokenLoadError TokenRetrievalError UnauthorizedSSOTokenError": (
        "not logged in at AWS ({text})",
        "run `aws sso login{profile}` and then this again",
    ),
    "LoginError LoginAuthorizationCodeError LoginRefreshRequired LoginTokenLoadError": (
        "not logged in at AWS ({text})",
        "run `aws login{profile}` and then this again",
    ),
    "LoginInsufficientPermissions": (
        "AWS does not renew the login ({text})",
        "allow signin:CreateOAuth2Token in the policy of the user, or use other credentials (AWS_PROFILE)",
    ),
    "MissingDependencyException": (
        "a library is missing to log in ({text})",
        "run scripts/up, which makes the environment of the project anew, with all that it needs",
    ),
    "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired": (
        "the AWS credentials have expired ({code})",
        (
            "renew the credentials (`aws login{profile}`, `aws sso login{profile}`, or export new ones in place of the"
            " exported) and run again; where they are new, set this machine's clock"
        ),
    ),
    "AuthFailure InvalidAccessKeyId InvalidClientTokenId SignatureDoesNotMatch UnrecognizedClientException": (
        "AWS does not take these credentials in {region} ({code})",
        (
            "check the key, this machine's clock, and whether the account has {region} enabled"
            " (`aws account list-regions`)"
        ),
    ),
    " ".join(DENIED): (
        "these credentials may not do {action} in {region} ({code})",
        "allow the call in the policy of their user or role, and run again",
    ),
    "OptInRequired": (
        "the account may not use {region} ({code})",
        "enable the region in the AWS console, or set another region",
    ),
    "RequestLimitExceeded SlowDown Throttling ThrottlingException TooManyRequestsException": (
        "AWS refused {action} in {region} {attempts} times for too many requests ({code})",
        "wait a minute and run again, it goes on where it stopped",
    ),
    "InvalidRegionError": ("'{region}' is no region", "set one such as us-west-2"),
    "ConnectTimeoutError ConnectionClosedError ConnectionError EndpointConnectionError HTTPClientError"
    " ProxyConnectionError ReadTimeoutError SSLError": (
        "AWS is out of reach ({text})",
        (
            "check the network, that {region} (AWS_REGION) is a region, HTTPS_PROXY, AWS_CA_BUNDLE and"
            " AWS_ENDPOINT_URL, and run again; it goes on where it stopped"
        ),
    ),
    # The answer to a HEAD request has the status alone
    "404 NoSuchBucket": ("there is no such bucket", "correct s3_sync_bucket, or create the bucket first"),
    "403": (
        "access is denied",
        "use credentials that may list, read and write the bucket (AWS_PROFILE), or correct s3_sync_bucket",
    ),
    "400": ("the credentials are refused", "they may have expired, log in again (aws sso login) or set others"),
}
# The fix where AWS itself says what the problem is
_FIXES = {
    "PendingVerification": "AWS verifies new accounts before their first machine, in minutes mostly and at most in four"
    " hours, and writes an e-mail; run again then, it goes on where it stopped",
    "Blocked": "AWS has blocked the account; its support says why (AWS console, Support Center)",
    "FreePlan": "an account on AWS's free plan may have only what is eligible for it; set ec2_instance_type to one that"
    " `aws ec2 describe-instance-types --region {region} --filters Name=free-tier-eligible,Values=true` lists, such as"
    " t3.micro, or upgrade the account to the paid plan (Billing, Account)",
    "InvalidParameterCombination": "ec2_instance_type, ec2_image and ec2_subnet do not go together; leave those out"
    " that you have set, or set ec2_instance_type to t3.micro",
    "Gateway.NotAttached": "the network has no internet gateway, so nothing reaches a machine in it; attach one to its"
    " VPC (aws ec2 attach-internet-gateway) with a route to it, or set ec2_subnet to a subnet that has one",
    "VolumeInUse": "a machine still has the volume; wait a minute and run again, or detach it in the AWS console where"
    " that machine is another's",
    "IncorrectState IncorrectInstanceState InvalidInstanceState InvalidNetworkInterface.InUse": "AWS is still changing"
    " it; wait a minute, and run again",
    "InsufficientInstanceCapacity SpotMaxPriceTooLow Unsupported": "AWS has no room for this type in this zone now; set"
    " ec2_zone or ec2_instance_type to another, ec2_spot to false where it is true, or run again later",
    "MaxSpotInstanceCountExceeded": "lower ec2_count or ec2_instance_type, set ec2_spot to false, or ask for a higher"
    " quota of Spot Instances (Service Quotas, EC2)",
    "IncorrectSpotRequestState": "AWS stopped the Spot Instance and starts it itself when it has room; wait, or make"
    " the machines anew with ec2_spot=false (playbooks/teardown.yml)",
    "VcpuLimitExceeded InstanceLimitExceeded": "lower ec2_count or ec2_instance_type, or ask for a higher quota of"
    " on-demand instances (Service Quotas, EC2)",
    "AddressLimitExceeded": "lower ec2_count or ec2_addresses (an account may have 5 Elastic IPs in a region at first),"
    " release others, or ask for a higher quota (Service Quotas, EC2-VPC Elastic IPs)",
    "VolumeLimitExceeded MaxIOPSLimitExceeded": "lower ec2_data_volume_gb or ec2_root_volume_gb, or ask for a higher"
    " quota (Service Quotas, EBS)",
    "SecurityGroupLimitExceeded VpcLimitExceeded": "remove groups that nobody uses, or ask for a higher quota (Service"
    " Quotas, VPC)",
    "VPCIdNotSpecified": "create a default VPC (aws ec2 create-default-vpc --region {region}), or set ec2_subnet",
    "BucketAlreadyExists InvalidBucketName": "set ec2_bucket to another name; one name is one bucket in all of AWS",
    "BucketNotEmpty": "set -e ec2_remove_bucket_content=true as well, if all that is in it may go",
    "VolumeModificationRateExceeded IncorrectModificationState": "AWS changes a volume once in six hours; run again"
    " later",
    "InvalidAddress.NotFound InvalidAllocationID.NotFound InvalidGroup.NotFound InvalidInstanceID"
    " InvalidInstanceID.NotFound InvalidKeyPair.NotFound InvalidNetworkInterfaceID.NotFound InvalidVolume.NotFound"
    " InvalidGroup.Duplicate InvalidKeyPair.Duplicate InvalidPermission.Duplicate NotYet": "AWS does not show"
    " everywhere yet what was just made; wait a minute and run again, it goes on where it stopped",
    "PrivateIpAddressInUse": "somebody took the private address meanwhile; run again",
    "OperationNotPermitted": "take the termination protection off the instance in the AWS console, and run again",
    "Resource.AlreadyAssociated": "something else uses the address; disassociate it there, or name another in"
    " ec2_elastic_ip_ids",
    "DependencyViolation": "something that is not ours still uses it; take it out of the security group, or wait a"
    " minute, and run again",
    "ProfileAndKeys": "unset AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ParameterNotFound": "set ec2_image to the id of an image of ec2_system in {region}",
}
_REFUSED = "AWS refused {action} in {region}: {text}"
_ANSWERS = {**_PROBLEMS, **{codes: (_REFUSED, fix) for codes, fix in _FIXES.items()}}
_BY_CODE = {code: answer for codes, answer in _ANSWERS.items() for code in codes.split()}

# What AWS has one code for, and only its text tells apart
_BY_TEXT = {
    "FreePlan": "InvalidParameterCombination.*eligible for Free Tier",
    "NotYet": "wait for bucket .* to be created",
}
# How messages of other modules and plugins name a code, or the text they have instead of one
_CODE = re.compile(r"An error occurred \(([\w.]+)\)")
_WITHOUT_CODE = {
    "EndpointConnectionError": "[Cc]ould not connect|Connection was closed|timed out|Unable to parse response",
    "VPCIdNotSpecified": "No default subnet",
    "PrivateIpAddressInUse": "address is in use|already assigned",
    "OperationNotPermitted": "disableApiTermination|termination protection",
    "ParameterNotFound": "ssm_parameter",
    "ProfileAndKeys": "Passing both a profile and access tokens",
    "NoCredentialsError": "Unable to locate credentials",
    "PartialCredentialsError": "Partial credentials found",
}


class AwsError(LabError):
    """What AWS refused, with its code."""

    def __init__(self, message: str, code: str) -> None:
        """Keep the code, by which callers decide."""
        super().__init__(message)
        self.code = code

    @property
    def denied(self) -> bool:
        """Whether the credentials are good, but not for this."""
        return self.code in DENIED


def error_code(error: Exception) -> str:
    """Return AWS's code for an error, or botocore's name for it."""
    if isinstance(error, ClientError):
        return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    return type(error).__name__


def with_duration(error: Exception, seconds: int) -> Exception:
    """Return the error of a call that was repeated for so many seconds, with these in its message."""
    details = {"Code": "", "Message": "", **getattr(error, "response", {}).get("Error", {})}
    details["Message"] = f"{details['Message'].rstrip('. ')}, for {seconds} seconds"
    return ClientError({"Error": details}, getattr(error, "operation_name", ""))


def _words(region: str) -> dict[str, str]:
    """Return what fixes have in their place holders; a command is to be about the profile that was in use."""
    profile = os.environ.get("AWS_PROFILE", "")
    return {"region": region, "profile": f" --profile {shlex.quote(profile)}" if profile else ""}


def _codes_of_text(patterns: Mapping[str, str], text: str) -> list[str]:
    return [code for code, pattern in patterns.items() if re.search(pattern, text)]


def explain_aws(error: Exception, region: str) -> str:
    """One line for what AWS or botocore answered, with its fix."""
    code = error_code(error)
    text = " ".join(str(error).split()).rstrip(".")
    problem, fix = _BY_CODE.get(next(iter(_codes_of_text(_BY_TEXT, text)), code), (_REFUSED, ""))
    action = getattr(error, "operation_name", "the call")
    words = {**_words(region), "code": code, "text": text, "attempts": ATTEMPTS, "action": action}
    return (f"{problem}: {fix}" if fix else problem).format(**words)


def with_fix(message: str, region: str) -> str:
    """Append the fix to a message of another project's module or plugin that reports an error of AWS."""
    by_text, unnamed = _codes_of_text(_BY_TEXT, message), _codes_of_text(_WITHOUT_CODE, message)
    for code in (*by_text, *_CODE.findall(message), *unnamed):
        fix = _BY_CODE.get(code, ("", ""))[1].format(**_words(region))
        if fix:
            return message if fix in message else f"{message.rstrip('. ')}. To fix it: {fix}."
    return message


@contextmanager
def explained(region: str) -> Iterator[None]:
    """Turn what botocore raises into an AwsError."""
    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:
        raise AwsError(explain_aws(error, region), error_code(error)) from error
