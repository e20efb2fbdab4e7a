"""What AWS refuses is explained in one line with its fix, and what passes is waited for."""

from __future__ import annotations

import pytest
from ansible.module_utils.labserver.aws.client import AwsClients
from ansible.module_utils.labserver.aws.errors import AwsError, with_fix
from ansible.module_utils.labserver.aws.survey import survey
from ansible.module_utils.labserver.errors import LabError

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
            "the AWS credentials have expired (ExpiredToken): renew the credentials (`aws sso login`, or",
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
