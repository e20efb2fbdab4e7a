"""Moto as a server, behind the fault layer, mended where it differs from AWS in what the tests look at.

Run it by hand with ``python -m tests.integration.aws.moto_server --port 5555``; it prints its address when it answers.
``POST /moto-api/reset`` empties the account.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
from collections.abc import Callable, Iterable
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

# Moto accepts any image, type and key unless told otherwise before it is imported
for check in ("ENABLE_AMI_VALIDATION", "ENABLE_KEYPAIR_VALIDATION", "EC2_ENABLE_INSTANCE_TYPE_VALIDATION"):
    os.environ[f"MOTO_{check}"] = "true"
# AWS's own policies, such as that of Session Manager's agent
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.budgets.responses import BudgetsResponse  # noqa: E402
from moto.core.responses import ActionResult  # noqa: E402
from moto.core.types import Base64EncodedString  # noqa: E402
from moto.core.utils import utcnow  # noqa: E402
from moto.ec2 import utils  # noqa: E402
from moto.ec2.exceptions import (  # noqa: E402
    DependencyViolationError,
    InvalidInputError,
    VPCIdNotSpecifiedError,
)
from moto.ec2.models import EC2Backend, amis  # noqa: E402
from moto.ec2.models.core import TaggedEC2Resource  # noqa: E402
from moto.ec2.models.elastic_block_store import Volume  # noqa: E402
from moto.ec2.models.elastic_ip_addresses import ElasticAddress  # noqa: E402
from moto.ec2.models.elastic_network_interfaces import NetworkInterface  # noqa: E402
from moto.ec2.models.instances import Instance  # noqa: E402
from moto.ec2.models.spot_requests import SpotInstanceRequest  # noqa: E402
from moto.ec2.responses.account_attributes import AccountAttributes  # noqa: E402
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses  # noqa: E402
from moto.ec2.responses.general import General  # noqa: E402
from moto.ec2.responses.tags import TagResponse  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server  # noqa: E402

from tests.integration.aws.faults import Application, Environ, FaultLayer, answer_of, call_of, read_body  # noqa: E402

# What booted machines have written on their consoles; see Beside
CONSOLE = {"text": ""}
# How many Elastic IPs the account may have
MANY = "100"
QUOTA = {"addresses": MANY}

# Images that moto does not know, in two editions each: owner, name, root device
OTHER_IMAGES = [
    ("136693071363", "debian-12-{arch}-2026{month}01-1234", "/dev/xvda"),
    ("136693071363", "debian-13-{arch}-2026{month}01-1234", "/dev/xvda"),
    ("099720109477", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-{arch}-server-2026{month}01", "/dev/sda1"),
    ("099720109477", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{arch}-server-2026{month}01", "/dev/sda1"),
]
for owner, name, device in OTHER_IMAGES:
    for arch, machine in (("amd64", "x86_64"), ("arm64", "arm64")):
        for month in ("09", "10"):
            full_name = name.format(arch=arch, month=month)
            amis.AMIS.append(
                {
                    "ami_id": f"ami-0{sha256(full_name.encode()).hexdigest()[:16]}",
                    "architecture": machine,
                    "creation_date": f"2026-{month}-01T00:00:00.000Z",
                    "description": full_name,
                    "hypervisor": "xen",
                    "image_type": "machine",
                    "name": full_name,
                    "owner_id": owner,
                    "public": True,
                    "root_device_name": device,
                    "root_device_type": "ebs",
                    "state": "available",
                    "virtualization_type": "hvm",
                }
            )

# To moto the type of an address is vpc-elastic-ip; ec2_eip asks for elastic-ip, and is "changed" for ever
utils.EC2_PREFIX_TO_RESOURCE["eipalloc"] = "elastic-ip"
utils.EC2_PREFIX_TO_RESOURCE["sir"] = "spot-instances-request"


def instead_of(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a method of moto replaced by a function, which gets the replaced one as its first argument."""
    stock = getattr(owner, name)

    def replace(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(owner, name, lambda self, *args, **kwargs: function(stock, self, *args, **kwargs))
        return function

    return replace


@instead_of(Volume, "__init__")
def describe_all_of_a_volume(stock: Any, self: Any, *args: Any, **kwargs: Any) -> None:
    """Moto leaves out what is empty; ec2_vol fails without multi_attach_enabled, ec2_vol_info without snapshot_id."""
    stock(self, *args, **kwargs)
    self.multi_attach_enabled = bool(self.multi_attach_enabled)
    self.snapshot_id = self.snapshot_id or ""


# Moto has every elastic address on an interface's primary private address, whichever was named; loses it when the
# machine stops; and lets two share one place.

Elastic: Any = ElasticAddress
Interface: Any = NetworkInterface


def public_address(interface: Any) -> Any:
    """Return the elastic address of the interface's primary private address, else the passing one."""
    elastic = {
        address.private_ip_address: address for address in interface.ec2_backend.addresses if address.eni is interface
    }
    if interface.private_ip_address in elastic:
        return elastic[interface.private_ip_address].public_ip
    return interface.__dict__.get("passing_ip")


def set_passing_address(interface: Any, value: str | None) -> None:
    """Take note of an address that AWS lends while a machine runs."""
    if value not in {address.public_ip for address in interface.ec2_backend.addresses}:
        interface.__dict__["passing_ip"] = value


def private_addresses(interface: Any) -> list[dict[str, Any]]:
    """Return the private addresses of an interface, each with the public one it has."""
    elastic = {
        address.private_ip_address: address for address in interface.ec2_backend.addresses if address.eni is interface
    }
    result = []
    for known in interface.private_ip_addresses:
        item = {key: value for key, value in known.items() if key != "Association"}
        item["Primary"] = item["PrivateIpAddress"] == interface.private_ip_address
        if address := elastic.get(item["PrivateIpAddress"]):
            item["Association"] = {
                "AllocationId": address.allocation_id,
                "AssociationId": address.association_id,
                "IpOwnerId": interface.owner_id,
                "PublicDnsName": utils.generate_dns_from_ip(address.public_ip),
                "PublicIp": address.public_ip,
            }
        elif item["Primary"] and interface.public_ip:
            item["Association"] = {"IpOwnerId": "amazon", "PublicIp": interface.public_ip}
        result.append(item)
    return result


Elastic.private = None
Elastic.private_ip_address = property(
    lambda self: (self.private or self.eni.private_ip_address) if self.eni else None,
)
Interface.public_ip = property(public_address, set_passing_address)
Interface.instance_private_ip_address_list = property(private_addresses)


@instead_of(EC2Backend, "get_all_network_interfaces")
def describe_the_public_addresses(stock: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """Have DescribeNetworkInterfaces say the same as DescribeInstances."""
    interfaces = stock(self, *args, **kwargs)
    for interface in interfaces:
        interface.private_ip_addresses[:] = private_addresses(interface)
    return interfaces


@instead_of(ElasticIPAddresses, "associate_address")
def associate_with_the_address_named(stock: Any, self: Any) -> Any:
    """Moto overlooks PrivateIpAddress, and the address that is there already stays."""
    result = stock(self)
    backend = self.ec2_backend
    (address,) = (
        one
        for one in backend.addresses
        if self._get_param("AllocationId") == one.allocation_id or self._get_param("PublicIp") == one.public_ip
    )
    address.private = self._get_param("PrivateIpAddress")
    address.instance = address.eni.instance
    for other in backend.addresses:
        if other is not address and other.eni is address.eni and other.private_ip_address == address.private_ip_address:
            other.eni = other.instance = other.association_id = None
    return result


@instead_of(EC2Backend, "run_instances")
def set_the_groups_of_the_interface(stock: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """To moto a machine is in no group, if only its first interface names them; ec2_instance then sets them again."""
    first = [nic for nic in kwargs.get("nics") or [] if str(nic.get("DeviceIndex")) == "0"]
    if first and first[0].get("Groups") and not kwargs.get("security_group_ids"):
        kwargs["security_group_ids"] = first[0].pop("Groups")
    return stock(self, *args, **kwargs)


@instead_of(EC2Backend, "run_instances")
def start_in_the_default_subnet(stock: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """Without a subnet, moto starts a machine in the EC2-Classic of old, with an address outside every subnet."""
    if not kwargs.get("subnet_id") and not kwargs.get("nics"):
        if self.get_default_vpc() is None:
            raise VPCIdNotSpecifiedError
        zone = kwargs.get("placement") or f"{self.region_name}a"
        subnet = self.get_default_subnets().get(zone)
        if subnet is None:
            message = f"No default subnet for availability zone: '{zone}'."
            raise InvalidInputError(message)
        kwargs["subnet_id"] = subnet.id
    return stock(self, *args, **kwargs)


@instead_of(Instance, "terminate")
def detach_on_termination(stock: Any, self: Any) -> Any:
    """With the machine, moto keeps its addresses associated and its first interface alive; AWS keeps neither."""
    for address in self.ec2_backend.addresses:
        if address.eni in self.nics.values():
            self.ec2_backend.disassociate_address(association_id=address.association_id)
    if 0 in self.nics and self.nics[0].id in self.ec2_backend.enis:
        self.nics[0].delete_on_termination = True
    return stock(self)


@instead_of(EC2Backend, "_delete_security_group")
def keep_groups_in_use(stock: Any, self: Any, vpc_id: str | None, group_id: str) -> None:
    """Moto deletes a security group that a machine is in."""
    if any(group_id in {group.id for group in interface.group_set} for interface in self.enis.values()):
        message = f"resource {group_id} has a dependent object"
        raise DependencyViolationError(message)
    stock(self, vpc_id, group_id)


@instead_of(TagResponse, "describe_tags")
def delete_tags_of_deleted_resources(stock: Any, self: Any) -> Any:
    """Moto's DescribeTags names keys, groups, volumes and addresses for ever."""
    backend = self.ec2_backend
    there = {one.id for one in (*backend.addresses, *backend.key_pairs.values())} | set(backend.volumes)
    there |= {group for groups in backend.groups.values() for group in groups}
    for one in list(backend.tags):
        if one.startswith(("eipalloc-", "key-", "sg-", "vol-")) and one not in there:
            del backend.tags[one]
    return stock(self)


@instead_of(EC2Backend, "__init__")
def add_the_default_internet_route(stock: Any, self: Any, *args: Any, **kwargs: Any) -> None:
    """Moto's default network has no internet gateway."""
    stock(self, *args, **kwargs)
    gateway = self.create_internet_gateway()
    self.attach_internet_gateway(gateway.id, self.default_vpc.id)
    table = next(one for one in self.route_tables.values() if one.vpc_id == self.default_vpc.id)
    self.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)


@instead_of(AccountAttributes, "describe_account_attributes")
def describe_the_quota(stock: Any, self: Any) -> Any:
    """Moto's account may have five Elastic IPs, and moto gives it more; ours may have as many as the test says."""
    result = stock(self)
    for attribute in result.result["AccountAttributes"]:
        if attribute["AttributeName"] == "vpc-max-elastic-ips":
            attribute["AttributeValues"] = [{"AttributeValue": QUOTA["addresses"]}]
    return result


@instead_of(General, "get_console_output")
def write_the_console_output(_stock: Any, self: Any) -> Any:
    """Moto's machines all say the same; ours what the test has put there."""
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    text = Base64EncodedString.from_raw_string(CONSOLE["text"])
    return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": text})


# Moto's budgets have no tags


@instead_of(BudgetsResponse, "create_budget")
def keep_the_tags_of_a_budget(stock: Any, self: Any) -> Any:
    """Keep them with the budget."""
    result = stock(self)
    budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("Budget")["BudgetName"]]
    budget.tags = self._get_param("ResourceTags", [])
    return result


def list_tags_for_resource(self: Any) -> str:
    """Answer with the tags of the budget of an ARN."""
    _, _, _, _, account, place = self._get_param("ResourceARN").split(":", 5)
    return json.dumps({"ResourceTags": self.backend.budgets[account][place.partition("/")[2]].tags})


Budgets: Any = BudgetsResponse
Budgets.list_tags_for_resource = list_tags_for_resource


# To moto a Spot Instance is one that says so. AWS has a request for it, with tags of its own, which launches another
# instance, without any, in the place of one that is terminated, until it is cancelled.

utils.filter_dict_attribute_mapping["spot-instance-request-id"] = "spot_instance_request_id"
Launched: Any = Instance
Launched.spot_instance_request_id = None


class SpotRequest(TaggedEC2Resource):
    """A persistent Spot request."""

    __module__ = SpotInstanceRequest.__module__  # by which moto finds its service

    def __init__(self, backend: Any, instance: Any, launch: Callable[[], Any], tags: dict[str, str]) -> None:
        """Take the instance that it launched, and a way to launch another."""
        self.ec2_backend = backend
        self.id = self.spot_instance_request_id = utils.random_spot_request_id()
        self.type, self.state, self.instance, self.launch = "persistent", "active", instance, launch
        self.add_tags(tags)

    @property
    def instance_id(self) -> str:
        """Return what AWS tells of the instance."""
        return str(self.instance.id)

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """Filter by tags."""
        return super().get_filter_value(filter_name, method_name or "DescribeSpotInstanceRequests")


@instead_of(EC2Backend, "run_instances")
def request_spot_instances(stock: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """Note a request for an instance that is to be a Spot Instance."""
    reservation = stock(self, *args, **kwargs)
    if kwargs.get("instance_market_options"):
        plain = {key: value for key, value in kwargs.items() if key not in ("tags", "instance_market_options")}
        tags = kwargs["tags"].get("spot-instances-request", {})
        for instance in reservation.instances:
            instance.instance_lifecycle = "spot"
            request = SpotRequest(self, instance, lambda: stock(self, *args, tags={}, **plain).instances[0], tags)
            instance.spot_instance_request_id = request.id
            self.spot_instance_requests[request.id] = request
    return reservation


@instead_of(Instance, "terminate")
def launch_another(stock: Any, self: Any) -> Any:
    """Have the request of a Spot Instance launch another."""
    result = stock(self)
    for request in self.ec2_backend.spot_instance_requests.values():
        if request.instance is self:
            request.instance = request.launch()
            request.instance.instance_lifecycle = "spot"
            request.instance.spot_instance_request_id = request.id
    return result


class Beside:
    """What moto lacks altogether: a ClientToken that comes again makes nothing new; POST /_console and /_quota."""

    def __init__(self, application: Application) -> None:
        """Start without any token."""
        self.application = application
        self.answers: dict[tuple[str, str], tuple[bytes, tuple[int, list[tuple[str, str]], bytes]]] = {}
        self.lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        body = read_body(environ)
        environ["wsgi.input"] = BytesIO(body)
        if environ["PATH_INFO"] == "/moto-api/reset":
            self.answers.clear()
            CONSOLE["text"] = ""
            QUOTA["addresses"] = MANY
        elif environ["PATH_INFO"] == "/_quota":
            QUOTA["addresses"] = body.decode()
            start_response("204 No Content", [])
            return []
        elif environ["PATH_INFO"] == "/_console":
            CONSOLE["text"] = body.decode()
            start_response("204 No Content", [])
            return []
        token = parse_qs(body.decode(errors="replace")).get("ClientToken", [""])[0]
        if not token:
            return self.application(environ, start_response)
        key = (call_of(environ, body).action, token)
        with self.lock:
            if key not in self.answers:
                status, headers, answer = answer_of(self.application, environ)
                if status == 200:
                    self.answers[key] = (body, (status, headers, answer))
            elif self.answers[key][0] == body:
                status, headers, answer = self.answers[key][1]
            else:
                status, headers = 400, [("Content-Type", "text/xml")]
                answer = (
                    b"<Response><Errors><Error><Code>IdempotentParameterMismatch</Code></Error></Errors></Response>"
                )
        start_response(f"{status} answer", headers)
        return [answer]


class Handler(MotoRequestHandler):
    """Without a line per request, and with an end to connections whose answer is dropped."""

    def log_request(self, *_args: object) -> None:
        """Say nothing."""

    def connection_dropped(self, *_args: object) -> None:
        """Close it: it would stay open for a next request, and who asked would wait for the answer for a minute."""
        self.close_connection = True


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    application = FaultLayer(Beside(DomainDispatcherApplication(create_backend_app)))
    port = parser.parse_args().port
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
