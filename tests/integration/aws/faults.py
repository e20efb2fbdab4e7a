"""A layer in front of a stand-in for AWS: counts the calls, and has the one asked for fail in the way asked for.

It is a WSGI application around another. A test talks to it under ``/_layer/``:

``GET /_layer/calls``     the calls so far, the oldest first
``GET /_layer/actions``   the service and action of all calls with Ansible's credentials, since the account was emptied
``POST /_layer/faults``   a JSON list of faults, in place of those before; all counts start again
``GET /_layer/held``      how many calls are being held
``POST /_layer/release``  let go of them
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# Ansible's access key; the tests look at the account with another
ANSIBLE = "testing"
# A call that is held and never let go of must not stay for ever
HOLD_SECONDS = 600

# How AWS words them: status, code, message
ERRORS = {
    code: (status, message)
    for status, code, message in (
        (400, "AddressLimitExceeded", "The maximum number of addresses has been reached."),
        (400, "DependencyViolation", "resource sg-1 has a dependent object"),
        (400, "AuthFailure", "You do not have permission to access the specified resource."),
        (400, "ExpiredToken", "The security token included in the request is expired"),
        (400, "InvalidAllocationID.NotFound", "The allocation ID 'eipalloc-1' does not exist"),
        (400, "InvalidIPAddress.InUse", "Address 1.2.3.4 is in use."),
        (400, "VolumeInUse", "Volume vol-1 is currently attached to i-1"),
        (400, "InvalidGroup.NotFound", "The security group 'sg-1' does not exist"),
        (400, "InvalidInstanceID.NotFound", "The instance ID 'i-1' does not exist"),
        (400, "InvalidKeyPair.NotFound", "The key pair 'lab' does not exist"),
        (400, "InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-1' does not exist"),
        (400, "InvalidVolume.NotFound", "The volume 'vol-1' does not exist."),
        (404, "NoSuchBucket", "The specified bucket does not exist"),
        (400, "RequestExpired", "Request has expired."),
        (400, "Throttling", "Rate exceeded"),
        (400, "VPCIdNotSpecified", "No default VPC for this user"),
        (400, "VcpuLimitExceeded", "You have requested more vCPU capacity than your current limit of 1 allows."),
        (403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
        (
            500,
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient capacity in the zone.",
        ),
        (500, "InternalError", "An internal error has occurred"),
        (503, "RequestLimitExceeded", "Request limit exceeded."),
    )
}


@dataclass(frozen=True)
class Call:
    """A call as the layer saw it, with the status of the answer; 0 where there was none."""

    service: str
    action: str
    mutating: bool
    status: int = 0


@dataclass
class Fault:
    """What is to happen to the nth call of an action (without one: to the nth mutating call), and to those after it.

    ``error-before``  an error with this code; the call had no effect
    ``error-after``   the same error, after the call took effect
    ``drop``          the call took effect, and the connection closes without an answer
    ``hold``          the call took effect, and its answer waits for ``release``: time to kill who asked
    ``unseen``        a call that looks: what was asked for by its id is not found, and a list is empty

    With ``after``, calls count from the first call of that action on.
    """

    kind: Literal["error-before", "error-after", "drop", "hold", "unseen"]
    nth: int = 1
    times: int = 1
    action: str = ""
    code: str = "UnauthorizedOperation"
    after: str = ""
    seen: int = 0

    def strikes(self, call: Call) -> bool:
        """Count the call if it is one of those meant; true where it is the one to fail."""
        if call.action == self.after:
            self.after = ""
        if self.after or (call.action != self.action if self.action else not call.mutating):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


def scope_of(environ: Environ) -> tuple[str, str]:
    """Return the access key that the request was signed with, and the service that it was signed for."""
    scope = re.search(r"Credential=([^/]+)/\d+/[^/]*/([^/]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    return (scope[1], scope[2]) if scope else ("", "")


def call_of(environ: Environ, body: bytes) -> Call:
    """Name a request in AWS's words and say whether it changes anything."""
    _, service = scope_of(environ)
    if service == "s3":
        # By method and sub-resource: "GET buckets", "PUT bucket?encryption", "DELETE object"
        bucket, _, key = environ["PATH_INFO"].strip("/").partition("/")
        place = "object" if key else "bucket" if bucket else "buckets"
        known = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        sub_resource = next((f"?{key}" for key, value in known.items() if not value), "")
        method = environ["REQUEST_METHOD"]
        return Call(service, f"{method} {place}{sub_resource}", mutating=method not in ("GET", "HEAD"))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    fields = {} if target else parse_qs(body.decode(errors="replace"))
    action = target.rpartition(".")[2] or fields.get("Action", [""])[0]
    reading = re.match("Describe|Get|List|Search", action) or fields.get("DryRun") == ["true"]
    return Call(service, action, mutating=bool(action) and not reading)


def error(call: Call, code: str) -> tuple[int, str, bytes]:
    """Return status, content type and body of an error in the language of the service."""
    status, message = ERRORS[code]
    if call.service in ("ssm", "tagging"):
        return status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    if call.service == "ec2":
        text = f"<Response><Errors>{text}</Errors><RequestID>layer</RequestID></Response>"
    elif call.service != "s3":
        text = f"<ErrorResponse>{text}<RequestId>layer</RequestId></ErrorResponse>"
    return status, "text/xml", text.encode()


# What looks for things on EC2: the field that names them, the list in the answer, and the error for one not found
LOOKS = {
    "DescribeAddresses": ("AllocationId", "addressesSet", "InvalidAllocationID.NotFound"),
    "DescribeInstances": ("InstanceId", "reservationSet", "InvalidInstanceID.NotFound"),
    "DescribeInstanceStatus": ("InstanceId", "instanceStatusSet", "InvalidInstanceID.NotFound"),
    "DescribeKeyPairs": ("KeyName", "keySet", "InvalidKeyPair.NotFound"),
    "DescribeNetworkInterfaces": ("NetworkInterfaceId", "networkInterfaceSet", "InvalidNetworkInterfaceID.NotFound"),
    "DescribeSecurityGroups": ("GroupId", "securityGroupInfo", "InvalidGroup.NotFound"),
    "DescribeVolumes": ("VolumeId", "volumeSet", "InvalidVolume.NotFound"),
}


def unseen(call: Call, body: bytes) -> tuple[int, str, bytes]:
    """Return status, content type and body as from a part of AWS that does not know yet of what was just made."""
    if call.service == "s3":
        return error(call, "NoSuchBucket")
    field, name, code = LOOKS[call.action]
    if f"{field}.1=" in body.decode(errors="replace"):
        return error(call, code)
    return 200, "text/xml", f"<{call.action}Response><{name}/></{call.action}Response>".encode()


def status_and_body(status: int, content_type: str, answer: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return an answer with its headers."""
    return status, [("Content-Type", content_type), ("Content-Length", str(len(answer)))], answer


class FaultLayer:
    """The WSGI application around the stand-in."""

    def __init__(self, application: Application) -> None:
        """Without faults it only counts."""
        self.application = application
        self.calls: list[Call] = []
        self.actions: set[tuple[str, str]] = set()
        self.faults: list[Fault] = []
        self.held = 0
        self.released = threading.Event()
        self.lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"].startswith("/_layer/"):
            answer = json.dumps(self._command(environ)).encode()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
            return [answer]
        body = read_body(environ)
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("wsgi.input_terminated", None)
        if environ["PATH_INFO"] == "/moto-api/reset":
            with self.lock:
                self.actions = set()
        call = call_of(environ, body)
        if not call.action:
            return self.application(environ, start_response)
        with self.lock:
            striking = [fault for fault in self.faults if fault.strikes(call)]
            position = len(self.calls)
            self.calls.append(call)
            if scope_of(environ)[0] == ANSIBLE:
                self.actions.add((call.service, call.action))
        status, headers, answer = self._answer(environ, call, striking[0] if striking else None)
        with self.lock:
            self.calls[position : position + 1] = [Call(call.service, call.action, call.mutating, status)]
        if not status:
            # The server closes the connection of a request that ends like this
            raise ConnectionAbortedError
        start_response(f"{status} answer", headers)
        return [answer]

    def _answer(self, environ: Environ, call: Call, fault: Fault | None) -> tuple[int, list[tuple[str, str]], bytes]:
        status, headers, answer = 0, list[tuple[str, str]](), b""
        if fault and fault.kind == "unseen":
            body = read_body(environ)
            return status_and_body(*unseen(call, body))
        if fault is None or fault.kind != "error-before":
            status, headers, answer = answer_of(self.application, environ)
        if fault is None:
            return status, headers, answer
        if fault.kind == "hold":
            with self.lock:
                self.held += 1
                self.released.clear()
            self.released.wait(HOLD_SECONDS)
        if fault.kind in ("hold", "drop"):
            return 0, [], b""
        return status_and_body(*error(call, fault.code))

    def _command(self, environ: Environ) -> Any:
        with self.lock:
            match environ["PATH_INFO"].removeprefix("/_layer/"):
                case "faults":
                    self.faults = [Fault(**fault) for fault in json.loads(read_body(environ))]
                    self.calls = []
                    self.held = 0
                case "release":
                    self.released.set()
                case "held":
                    return self.held
                case "actions":
                    return sorted(self.actions)
                case "calls":
                    return [asdict(call) for call in self.calls]
                case other:
                    raise ValueError(other)
        return None


def read_body(environ: Environ) -> bytes:
    """Return the body of a request."""
    if environ.get("wsgi.input_terminated") or not environ.get("CONTENT_LENGTH"):
        return environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else b""
    body: bytes = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    return body


def answer_of(application: Application, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
    """Run an application to its end and return its status, headers and body."""
    begun: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _problem: object = None) -> Callable[..., Any]:
        begun[:] = [int(status.split()[0]), headers]
        return lambda _data: None

    chunks = application(environ, start_response)
    try:
        answer = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    return begun[0], begun[1], answer
