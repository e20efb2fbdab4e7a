"""What AWS refuses is explained in one line with its fix, and what passes is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.errors import AwsError, explain_aws, with_fix
from ansible.module_utils.labserver.aws.survey import survey
from ansible.module_utils.labserver.errors import LabError
from botocore import exceptions

from tests.support.aws import HERE, answers, ids, machines, refusal

pytestmark = pytest.mark.usefixtures("account")


def test_throttling_is_waited_out(clients: AwsClients, naps: list[float]) -> None:
    made = machines()
    left = [3]

    def busy(_: object) -> tuple[int, str] | None:
        left[0] -= 1
        return (503, refusal("RequestLimitExceeded")) if left[0] >= 0 else None

    attempts = answers(clients, "ec2.DescribeInstances", busy)
    assert made[0] in ids(survey(clients, HERE))
    assert attempts["all"] == 4
    assert len(naps) == 3


def test_throttling_without_end_is_told(clients: AwsClients, naps: list[float]) -> None:
    attempts = answers(clients, "ec2.DescribeInstances", lambda _: (503, refusal("RequestLimitExceeded")))
    with pytest.raises(
        LabError, match=r"refused DescribeInstances in us-west-2 6 times .* wait a minute and run again"
    ):
        survey(clients, HERE)
    assert attempts["all"] == 6
    assert len(naps) == 5


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        (
            "ExpiredToken",
            400,
            "the AWS credentials have expired (ExpiredToken): renew the credentials (`aws login`, `aws sso login`, or",
        ),
        ("RequestExpired", 400, "the AWS credentials have expired (RequestExpired)"),
        ("AuthFailure", 401, "whether the account has us-west-2 enabled"),
        ("UnrecognizedClientException", 403, "does not take these credentials in us-west-2"),
        ("OptInRequired", 401, "may not use us-west-2 (OptInRequired): enable the region"),
        (
            "UnauthorizedOperation",
            403,
            "may not do DescribeSnapshots in us-west-2 (UnauthorizedOperation): allow the call",
        ),
        ("PendingVerification", 400, "(PendingVerification) when calling the DescribeSnapshots operation"),
        ("PendingVerification", 400, "at most in four hours, and writes an e-mail; run again then"),
        ("Blocked", 400, "its support says why"),
        ("InvalidParameterCombination", 400, "ec2_instance_type, ec2_image and ec2_subnet do not go together"),
        ("Gateway.NotAttached", 400, "set ec2_subnet to a subnet that has one"),
        ("VolumeInUse", 400, "a machine still has the volume; wait a minute and run again"),
        ("IncorrectState", 400, "AWS is still changing it; wait a minute"),
        ("IncorrectInstanceState", 400, "AWS is still changing it; wait a minute"),
        ("SomethingNew", 400, "AWS refused DescribeSnapshots in us-west-2: An error occurred (SomethingNew)"),
    ],
)
def test_what_aws_refuses_is_told_in_one_line(clients: AwsClients, code: str, status: int, message: str) -> None:
    answers(clients, "ec2.DescribeSnapshots", lambda _: (status, refusal(code, "You may\nnot. Encoded: x")))
    with pytest.raises(AwsError) as failure:
        survey(clients, HERE)
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)
    assert failure.value.code == code


@pytest.mark.usefixtures("no_credentials")
def test_without_credentials() -> None:
    with pytest.raises(LabError, match=r"no AWS credentials .*: run `aws configure`"):
        survey(AwsClients(), HERE)


def test_a_free_plan_is_told_from_other_combinations(clients: AwsClients) -> None:
    text = "The specified instance type is not eligible for Free Tier. For a list run 'describe-instance-types'"
    answers(clients, "ec2.DescribeSnapshots", lambda _: (400, refusal("InvalidParameterCombination", text)))
    with pytest.raises(
        AwsError, match=r"not eligible for Free Tier.*: an account on AWS's free plan .* t3\.micro"
    ) as told:
        survey(clients, HERE)
    assert "do not go together" not in str(told.value)
    assert "--region us-west-2 --filters Name=free-tier-eligible,Values=true" in str(told.value)


KEYS = "[profile lab]\nregion = us-west-2\n"
SSO = """sso_session = home
sso_account_id = 123456789012
sso_role_name = lab
[sso-session home]
sso_start_url = https://example.invalid/start
sso_region = us-west-2
"""


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize(
    ("config", "message"),
    [
        (KEYS, "no AWS credentials (Unable to locate credentials): run `aws configure --profile lab`"),
        (KEYS + "aws_access_key_id = throw-away\n", "half of the AWS credentials is missing ("),
        (KEYS + SSO, "run `aws sso login --profile lab` and then this again"),
        (
            KEYS + "login_session = arn:aws:iam::123456789012:user/lab\n",
            "run `aws login --profile lab` and then this again",
        ),
        (KEYS + "role_arn = arn:aws:iam::123456789012:role/lab\nsource_profile = gone\n", "correct ~/.aws/config and"),
        (KEYS + "credential_process = /no/such\n", "correct credential_process in ~/.aws/config"),
        ("[profile lab\n", "correct ~/.aws/config and"),
        (KEYS.replace("lab", "other"), "set AWS_PROFILE to a profile of"),
    ],
    ids=["no keys", "half a key", "SSO", "aws login", "broken role", "no program", "broken file", "no profile"],
)
def test_a_profile_that_does_not_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: str, message: str) -> None:
    file = tmp_path / "config"
    file.write_text(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("HOME", str(tmp_path))  # where logins are remembered
    with pytest.raises(AwsError) as told:
        survey(AwsClients(), HERE)
    assert message in str(told.value)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_DEFAULTS_MODE", "AWS_REQUEST_CHECKSUM_CALCULATION"])
def test_a_variable_that_botocore_cannot_use_is_no_refusal_of_aws(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "nonsense")
    with pytest.raises(AwsError, match=r"the settings of the AWS tools cannot be used \(.*nonsense.*env \| grep AWS_"):
        AwsClients().client("ec2")


@pytest.mark.usefixtures("no_credentials")
def test_half_of_the_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "throw-away")
    with pytest.raises(AwsError, match=r"half of .*missing: AWS_SECRET_ACCESS_KEY\): set the missing one"):
        survey(AwsClients(), HERE)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (exceptions.LoginRefreshRequired(), "run `aws login` and then"),
        (exceptions.LoginInsufficientPermissions(), "allow signin:CreateOAuth2Token"),
        (exceptions.UnauthorizedSSOTokenError(), "run `aws sso login` and then"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "run `aws sso login` and then"),
        (exceptions.CredentialRetrievalError(provider="x", error_msg="y"), "no AWS credentials (Error when"),
        (exceptions.MissingDependencyException(msg="botocore[crt]"), "run scripts/up, which makes the environment"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
@pytest.mark.usefixtures("throw_away_keys")
def test_what_botocore_says_of_a_login(error: Exception, message: str) -> None:
    assert message in explain_aws(error, HERE)


def test_an_endpoint_that_does_not_answer(
    clients: AwsClients, monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(LabError, match=r"out of reach .*127\.0\.0\.1:9.*AWS_ENDPOINT_URL"):
        survey(clients, HERE)
    assert naps
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(LabError, match="Invalid endpoint"):
        survey(clients, HERE)


def test_a_region_that_cannot_be(clients: AwsClients) -> None:
    with pytest.raises(LabError, match="'not a region' is no region: set one such as us-west-2"):
        survey(clients, "not a region")


@pytest.mark.parametrize(
    ("message", "fix"),
    [
        ("Failed to run: An error occurred (VcpuLimitExceeded) when calling RunInstances: no", "lower ec2_count"),
        ("Could not connect to the endpoint URL: x", "AWS_ENDPOINT_URL"),
        ("An error occurred (VPCIdNotSpecified) when", "aws ec2 create-default-vpc --region us-west-2"),
        (
            "Timeout trying to wait for bucket x to be created: An error occurred (404): No",
            "AWS does not show everywhere",
        ),
        (
            "An error occurred (InvalidGroup.NotFound) when calling X: gone, for 60 seconds",
            "wait a minute and run again",
        ),
        ("Passing both a profile and access tokens is not supported", "unset AWS_PROFILE, or AWS_ACCESS_KEY_ID and"),
        ("Failed: Unable to locate credentials", "run `aws configure`"),
        ("Failed: Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY", "set the missing one"),
        (
            "Failed: An error occurred (InvalidParameterCombination) when calling X: It is not eligible for Free Tier",
            "an account on AWS's free plan",
        ),
        ("the lookup plugin amazon.aws.ssm_parameter failed", "set ec2_image"),
    ],
)
def test_the_fix_is_appended_to_the_messages_of_others(message: str, fix: str) -> None:
    told = with_fix(message, HERE)
    assert told.startswith(f"{message}. To fix it: ")
    assert fix in told
    assert with_fix(told, HERE) == told


def test_what_has_no_known_fix_is_left_as_it_is() -> None:
    for message in ("An error occurred (SomethingNew) when calling It: no", "something else"):
        assert with_fix(message, HERE) == message
