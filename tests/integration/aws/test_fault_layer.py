"""The layer in front of moto that counts calls and has them fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from tests.integration.aws.faults import ANSIBLE, ERRORS, Environ, FaultLayer

SCOPE = "AWS4-HMAC-SHA256 Credential=key/20261101/us-west-2/{}/aws4_request, SignedHeaders=host, Signature=0"


class Account:
    """A service that notes what reached it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        self.done.append(body or environ["REQUEST_METHOD"])
        start_response("200 OK", [("Content-Type", "text/xml"), ("X-From", "account")])
        return [b"<done/>"]


class Caller:
    """Asks the layer as botocore would."""

    def __init__(self) -> None:
        self.account = Account()
        self.layer = FaultLayer(self.account)
        self.client = Client(self.layer)

    def ask(self, action: str, **more: str) -> Any:
        headers = {"Authorization": SCOPE.format("ec2")}
        return self.client.post("/", data={"Action": action, **more}, headers=headers)

    def faults(self, *faults: dict[str, Any]) -> None:
        self.client.post("/_layer/faults", data=json.dumps(faults))

    def calls(self) -> list[tuple[str, bool, int]]:
        calls: list[Any] = json.loads(self.client.get("/_layer/calls").text)
        return [(call["action"], call["mutating"], call["status"]) for call in calls]


@pytest.fixture
def caller() -> Iterator[Caller]:
    one = Caller()
    yield one
    one.client.post("/_layer/release")


def test_without_faults_everything_passes_and_is_counted(caller: Caller) -> None:
    answer = caller.ask("RunInstances", ImageId="ami-1")
    assert (answer.status_code, answer.data, answer.headers["X-From"]) == (200, b"<done/>", "account")
    caller.ask("DescribeInstances")
    assert caller.account.done == ["Action=RunInstances&ImageId=ami-1", "Action=DescribeInstances"]
    assert caller.calls() == [("RunInstances", True, 200), ("DescribeInstances", False, 200)]


@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "body", "action", "mutating"),
    [
        ("ec2", "POST", "/", {}, "Action=AllocateAddress&Domain=vpc", "AllocateAddress", True),
        ("ec2", "POST", "/", {}, "Action=GetConsoleOutput", "GetConsoleOutput", False),
        ("ec2", "POST", "/", {}, "Action=RunInstances&DryRun=true", "RunInstances", False),
        ("sts", "POST", "/", {}, "Action=GetCallerIdentity", "GetCallerIdentity", False),
        ("ssm", "POST", "/", {"X-Amz-Target": "AmazonSSM.GetParameter"}, "{}", "GetParameter", False),
        ("ssm", "POST", "/", {"X-Amz-Target": "AmazonSSM.PutParameter"}, "{}", "PutParameter", True),
        ("s3", "GET", "/", {}, "", "GET buckets", False),
        ("s3", "HEAD", "/bucket/a/b", {}, "", "HEAD object", False),
        ("s3", "PUT", "/bucket", {}, "", "PUT bucket", True),
        ("s3", "PUT", "/bucket?encryption", {}, "<x/>", "PUT bucket?encryption", True),
        ("s3", "GET", "/bucket?list-type=2&prefix=a", {}, "", "GET bucket", False),
        ("s3", "PUT", "/bucket/key", {}, "data", "PUT object", True),
        ("s3", "POST", "/bucket?delete", {}, "<x/>", "POST bucket?delete", True),
        ("s3", "DELETE", "/bucket", {}, "", "DELETE bucket", True),
    ],
)
def test_calls_are_named_and_told_apart(
    caller: Caller,
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: str,
    action: str,
    mutating: bool,  # noqa: FBT001
) -> None:
    headers = {**headers, "Authorization": SCOPE.format(service)}
    caller.client.open(path, method=method, headers=headers, data=body)
    assert caller.calls() == [(action, mutating, 200)]


def test_an_error_before_keeps_the_call_from_taking_effect(caller: Caller) -> None:
    caller.faults({"kind": "error-before"})
    answer = caller.ask("RunInstances")
    assert answer.status_code == 403
    assert "<Code>UnauthorizedOperation</Code>" in answer.text
    assert caller.account.done == []


def test_an_error_after_is_told_although_the_call_took_effect(caller: Caller) -> None:
    caller.faults({"kind": "error-after", "code": "InternalError"})
    assert caller.ask("RunInstances").status_code == 500
    assert caller.account.done == ["Action=RunInstances"]


def test_a_dropped_answer_ends_the_connection_after_the_effect(caller: Caller) -> None:
    caller.faults({"kind": "drop"})
    with pytest.raises(ConnectionAbortedError):
        caller.ask("RunInstances")
    assert caller.account.done == ["Action=RunInstances"]
    assert caller.calls() == [("RunInstances", True, 0)]


def test_a_held_call_has_taken_effect_and_waits(caller: Caller) -> None:
    caller.faults({"kind": "hold"})
    ended: list[str] = []

    def ask() -> None:
        with pytest.raises(ConnectionAbortedError):
            caller.ask("RunInstances")
        ended.append("here")

    thread = threading.Thread(target=ask)
    thread.start()
    while not caller.client.get("/_layer/held").json:
        time.sleep(0.01)
    assert (caller.account.done, ended) == (["Action=RunInstances"], [])
    caller.client.post("/_layer/release")
    thread.join(timeout=60)
    assert ended == ["here"]


def test_the_nth_mutating_call_is_meant_and_no_other(caller: Caller) -> None:
    caller.faults({"kind": "error-before", "nth": 2})
    asked = ("RunInstances", "DescribeInstances", "CreateTags", "DescribeTags", "CreateTags")
    assert [caller.ask(action).status_code for action in asked] == [200, 200, 403, 200, 200]


def test_the_nth_call_of_an_action_is_meant_and_as_many_as_said(caller: Caller) -> None:
    caller.faults({"kind": "error-before", "action": "DescribeTags", "nth": 2, "times": 2, "code": "Throttling"})
    asked = ["RunInstances", *["DescribeTags"] * 4]
    assert [caller.ask(action).status_code for action in asked] == [200, 200, 400, 400, 200]


def test_what_was_just_made_is_unseen_for_a_while(caller: Caller) -> None:
    caller.faults({"kind": "unseen", "action": "DescribeVolumes", "after": "CreateVolume", "times": 2})
    assert caller.ask("DescribeVolumes").data == b"<done/>"
    caller.ask("CreateVolume")
    assert caller.ask("DescribeVolumes").data == b"<DescribeVolumesResponse><volumeSet/></DescribeVolumesResponse>"
    answer = caller.ask("DescribeVolumes", **{"VolumeId.1": "vol-1"})
    assert (answer.status_code, "<Code>InvalidVolume.NotFound</Code>" in answer.text) == (400, True)
    assert caller.ask("DescribeVolumes").data == b"<done/>"


def test_new_faults_replace_the_old_and_start_the_count_again(caller: Caller) -> None:
    caller.faults({"kind": "error-before", "nth": 2})
    caller.ask("CreateTags")
    caller.faults({"kind": "error-before", "nth": 2, "code": "InternalError"})
    assert caller.calls() == []
    assert [caller.ask("CreateTags").status_code for _ in range(2)] == [200, 500]
    caller.faults()
    assert caller.ask("CreateTags").status_code == 200


def test_errors_are_worded_as_botocore_reads_them() -> None:
    """The parsers that Ansible's modules use find code and message in each service's form."""
    parsers = pytest.importorskip("botocore.parsers")
    for code in ERRORS:
        for service, protocol in (("ec2", "ec2"), ("s3", "rest-xml"), ("ssm", "json"), ("sts", "query")):
            one = Caller()
            one.layer.faults = []
            target = {"X-Amz-Target": "AmazonSSM.PutParameter"} if service == "ssm" else {}
            headers = {"Authorization": SCOPE.format(service), **target}
            one.faults({"kind": "error-before", "code": code})
            answer = one.client.put("/bucket", data="Action=CreateIt", headers=headers)
            parsed = parsers.create_parser(protocol).parse(
                {"body": answer.data, "headers": dict(answer.headers), "status_code": answer.status_code}, None
            )
            assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == (code, ERRORS[code][1])


def test_an_account_that_was_emptied_has_seen_no_actions(caller: Caller) -> None:
    def actions() -> Any:
        return json.loads(caller.client.get("/_layer/actions").text)

    scope = SCOPE.replace("=key/", f"={ANSIBLE}/").format("ec2")
    caller.client.post("/", data={"Action": "RunInstances"}, headers={"Authorization": scope})
    assert actions() == [["ec2", "RunInstances"]]
    caller.client.post("/moto-api/reset")
    assert actions() == []
