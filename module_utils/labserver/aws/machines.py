"""One EC2 instance: launched with its tags, unless one with the tags that tell it from others is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ClientError, error_code
from .resources import PROJECT, TAG, tag_specification
from .waiting import with_retries

# Just after the calls that made what it is launched with
_NOT_YET = ("InvalidGroup.NotFound", "InvalidKeyPair.NotFound", "InvalidIamInstanceProfile")
_THERE = ["pending", "running", "stopping", "stopped"]
# An interruption stops it, and AWS starts it again. So may we: a one-time request knows no stop.
_SPOT = {
    "MarketType": "spot",
    "SpotOptions": {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"},
}


def ensure_machine(ec2: Any, options: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Launch what the options of the module describe; return its result."""
    filters = [
        {"Name": f"tag:{key}", "Values": [options["tags"][key]]} for key in (PROJECT, f"{TAG}part", f"{TAG}index")
    ]
    filters.append({"Name": "instance-state-name", "Values": _THERE})
    found = [
        instance["InstanceId"]
        for page in ec2.get_paginator("describe_instances").paginate(Filters=filters)
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]
    if found or check_mode:
        return {"changed": not found, "instance_ids": found}
    request = _request(options)

    def launch() -> Any:
        try:
            return ec2.run_instances(**request)
        except ClientError as error:
            # AWS has no code of its own for a profile that it does not know yet
            if error_code(error) == "InvalidParameterValue" and "IAM Instance Profile" in str(error):
                answer = {"Error": {"Code": _NOT_YET[-1], "Message": str(error)}}
                raise ClientError(answer, "RunInstances") from error
            raise

    launched = with_retries(launch, _NOT_YET)["Instances"]
    return {"changed": True, "instance_ids": [instance["InstanceId"] for instance in launched]}


def _request(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of RunInstances. botocore adds a token: one that is repeated launches no second machine."""
    tags = options["tags"]
    kinds = ["instance", "volume", *(["spot-instances-request"] if options["spot"] else [])]
    disk = {"VolumeSize": options["volume_gb"], "VolumeType": options["volume_type"]}
    request: dict[str, Any] = {
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": options["image"],
        "InstanceType": options["instance_type"],
        "KeyName": options["key"],
        "SecurityGroupIds": [options["group"]],
        "SubnetId": options["subnet"],
        "BlockDeviceMappings": [
            {"DeviceName": options["device"], "Ebs": {**disk, "Encrypted": True, "DeleteOnTermination": True}}
        ],
        "MetadataOptions": {"HttpTokens": "required"},
        "TagSpecifications": [one for kind in kinds for one in tag_specification(kind, tags)],
    }
    if options["cpu_credits"]:
        request["CreditSpecification"] = {"CpuCredits": options["cpu_credits"]}
    if options["instance_profile"]:
        request["IamInstanceProfile"] = {"Name": options["instance_profile"]}
    if options["spot"]:
        request["InstanceMarketOptions"] = _SPOT
    return request
