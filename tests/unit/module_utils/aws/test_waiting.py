"""What AWS shows after a while is waited for, and what it never shows is told."""

from __future__ import annotations

import pytest
from ansible.module_utils.labserver.aws.errors import ClientError, explain_aws
from ansible.module_utils.labserver.aws.instances import running_instances
from ansible.module_utils.labserver.aws.waiting import only_one, wait_until, with_retries
from ansible.module_utils.labserver.errors import LabError

from tests.support.aws import HERE, ec2, machines

pytestmark = pytest.mark.usefixtures("naps")


def test_what_is_refused_for_a_minute_is_told_with_the_time(naps: list[float]) -> None:
    with pytest.raises(ClientError) as told:
        with_retries(lambda: only_one([], "InvalidVolume.NotFound", "vol-1"), ["InvalidVolume.NotFound"])
    assert sum(naps) == 57
    assert "'vol-1' does not exist, for 60 seconds: AWS does not show everywhere yet" in explain_aws(told.value, HERE)
    with pytest.raises(ClientError, match=r"exist$"):
        with_retries(lambda: only_one([], "InvalidVolume.NotFound", "vol-1"), ["VolumeInUse"])


def test_what_never_gets_there_is_told_with_the_time_and_what_to_do(naps: list[float]) -> None:
    left = [2]

    def read() -> int:
        left[0] -= 1
        return left[0]

    assert wait_until(read, lambda seen: ["it"] if seen else [], 30) == 0
    assert naps == [3]
    with pytest.raises(LabError, match="in 30 seconds: i-1 is pending; wait a minute and run this again"):
        wait_until(read, lambda _: ["i-1 is pending"], 30)


@pytest.mark.usefixtures("account")
def test_as_many_instances_as_were_asked_for_run_or_it_is_told() -> None:
    here, stopped, gone = machines(3)
    assert [one["InstanceId"] for one in running_instances(ec2(), [stopped, here], 30)] == [stopped, here]
    assert running_instances(ec2(), [], 30) == []
    ec2().stop_instances(InstanceIds=[stopped])
    ec2().terminate_instances(InstanceIds=[gone])
    with pytest.raises(LabError, match=rf"do not run: {stopped} \(.*\), {gone} \(.*launched anew"):
        running_instances(ec2(), [here, stopped, gone], 30)
    with pytest.raises(ClientError, match="for 60 seconds"):
        running_instances(ec2(), [here, "i-0123456789abcdef0"], 30)
