"""The filters of role ec2: what there is, set against what is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.plugins import load_plugin

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

filters: dict[str, Any] = {
    name: function
    for file in ("ec2_plan", "ec2_ports", "ec2_problems")
    for name, function in load_plugin(f"ec2/filter_plugins/{file}.py").FilterModule().filters().items()
}


def thing(kind: str, identity: str, index: int | None = 1, part: str = "", on: str | None = None, **more: Any) -> Any:
    """One of what module aws_resources_info finds."""
    facts: dict[str, Any] = {"state": "running", "instance_type": "t3.micro", "expires": None, "tagged": True}
    facts |= {"spot": False, "profile": None, "size_gb": None, "public_ip": None}
    return {"type": kind, "id": identity, "name": f"lab-{index}", "index": index, "part": part or kind} | {
        "attached_to": on,
        **facts,
        **more,
    }


def machine(index: int = 1, identity: str = "", **more: Any) -> Any:
    return thing("instance", identity or f"i-{index}", index, **more)


def address(identity: str, index: int = 1, on: str | None = None, part: str = "address") -> Any:
    return thing("address", identity, index, part, on, public_ip=f"ip-{identity}")


def volume(identity: str, index: int = 1, on: str | None = None, size_gb: int = 5) -> Any:
    return thing("volume", identity, index, "data", on, size_gb=size_gb)


def request(**more: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"addresses": 0, "data_gb": 0, "free": {}, "elastic_ip_ids": [], "elastic_ips": []}
    other = {"elastic_ip": True, "spot": False, "session_manager": False, "budget": 0}
    return {"count": 1, **other, **nothing, **more}


def names(things: list[Any]) -> list[str]:
    return [one["id"] for one in things]


# --- too much and too little ---


def test_nothing_there_lacks_everything() -> None:
    plan = filters["ec2_plan"]([], request(count=2))
    assert (plan["missing"], plan["incomplete"], plan["surplus"]) == ([1, 2], [1, 2], [])


def test_what_is_whole_lacks_nothing() -> None:
    found = [machine(), address("a", on="i-1"), address("b", on="i-1", part="extra-address"), volume("v", on="i-1")]
    found += [thing("volume", "root", part="instance", on="i-1", size_gb=10), thing("security_group", "sg", None)]
    plan = filters["ec2_plan"](found, request(addresses=1, data_gb=5))
    keys = ("missing", "incomplete", "surplus", "unassociated", "stopped", "orphaned")
    assert {key: plan[key] for key in keys} == {key: [] for key in keys}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([machine(), machine(identity="i-9"), address("a", on="i-1")], id="two of one number"),
        pytest.param([machine(), address("a")], id="an address that leads nowhere"),
        pytest.param([machine(), address("a", on="i-9")], id="an address that leads elsewhere"),
        pytest.param([machine(), address("a", 2, on="i-1", part="extra-address")], id="an extra address only"),
        pytest.param([machine(), address("a", on="i-1"), address("b", on="i-1")], id="two addresses"),
        pytest.param([machine(), address("a", on="i-1"), volume("v", on="i-1")], id="a volume that is not wanted"),
        pytest.param([machine(state="shutting-down"), address("a", on="i-1")], id="on its way out"),
    ],
)
def test_what_is_not_whole_is_lacking(found: list[Any]) -> None:
    assert filters["ec2_plan"](found, request())["incomplete"] == [1]


def test_more_than_asked_for_has_to_go_and_only_that() -> None:
    found = [machine(), machine(2), address("a", on="i-1"), address("b", 2, on="i-2"), volume("v", 2, on="i-2")]
    found += [address(name, on="i-1", part="extra-address") for name in ("e3", "e1", "e2")]
    plan = filters["ec2_plan"](found, request(addresses=1, data_gb=5))
    assert names(plan["surplus"]) == ["i-2", "b", "v", "e2", "e3"]
    # Without a request for data volumes, that of a machine that stays goes, too
    assert names(filters["ec2_plan"]([machine(), volume("v", on="i-1")], request())["surplus"]) == ["v"]
    # What lies idle costs nobody anything but money: it is released, not asked about
    assert filters["ec2_plan"]([machine(), address("a"), address("b")], request())["surplus"] == []


def test_a_volume_waits_for_its_machine_and_may_be_too_small() -> None:
    found = [machine(), volume("v", on="i-1", size_gb=5), volume("w", 2)]
    plan = filters["ec2_plan"](found, request(count=2, data_gb=8))
    assert (names(plan["orphaned"]), plan["incomplete"]) == (["w"], [1, 2])


def test_what_has_no_number_belongs_to_no_machine() -> None:
    found = [thing("instance", "i-1", None), thing("address", "a", None, "address")]
    plan = filters["ec2_plan"](found, request())
    assert (plan["instances"], plan["addresses"], plan["surplus"]) == ([], [], [])


# --- what machines are given ---


def running(index: int = 1, secondary: tuple[tuple[str, str], ...] = (), zone: str = "a") -> Any:
    """An instance as ec2_instance_info returns it; `secondary` are private addresses with their public ones."""
    private = [{"primary": True, "private_ip_address": f"10.0.0.{index}"}]
    for inner, public in secondary:
        more = {"association": {"public_ip": public}} if public else {}
        private.append({"primary": False, "private_ip_address": inner, **more})
    return {
        "instance_id": f"i-{index}",
        "tags": {"labserver:index": str(index)},
        "placement": {"availability_zone": zone},
        "network_interfaces": [
            {"attachment": {"device_index": 1}, "network_interface_id": "eni-other"},
            {
                "attachment": {"device_index": 0},
                "network_interface_id": f"eni-{index}",
                "private_ip_address": f"10.0.0.{index}",
                "private_ip_addresses": private,
            },
        ],
    }


def attach(machines: list[Any], found: list[Any], asked: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The attachments, and the associations once the missing addresses are allocated."""
    plan = filters["ec2_plan"](found, asked)
    attachments = filters["ec2_attachments"](machines, plan, asked)
    allocated = [{"item": one, "id": f"new-{n}"} for n, one in enumerate(attachments["addresses"])]
    return attachments, filters["ec2_associations"](machines, plan, asked, attachments, allocated)


def test_a_new_machine_is_given_everything() -> None:
    asked = request(count=2, addresses=1, data_gb=5, free={"a": ["10.0.0.99", "10.0.0.98"], "b": ["10.0.1.99"]})
    attachments, associations = attach([running(), running(2)], [machine(), machine(2)], asked)
    assert attachments["volumes"] == [
        {"index": 1, "instance": "i-1", "zone": "a", "id": None},
        {"index": 2, "instance": "i-2", "zone": "a", "id": None},
    ]
    assert [(one["index"], one["part"]) for one in attachments["addresses"]] == [
        (1, "address"),
        (1, "extra-address"),
        (2, "address"),
        (2, "extra-address"),
    ]
    assert [one["assigned"] for one in attachments["interfaces"]] == [["10.0.0.99"], ["10.0.0.98"]]
    assert [(one["address"], one["private"], one["interface"]) for one in associations] == [
        ("new-0", "10.0.0.1", "eni-1"),
        ("new-1", "10.0.0.99", "eni-1"),
        ("new-2", "10.0.0.2", "eni-2"),
        ("new-3", "10.0.0.98", "eni-2"),
    ]


def test_what_an_earlier_run_left_is_taken_before_anything_new_is_made() -> None:
    found = [machine(), address("a"), address("e", part="extra-address"), volume("v")]
    attachments, associations = attach(
        [running(secondary=(("10.0.0.50", ""),))], found, request(addresses=1, data_gb=5)
    )
    assert attachments == {
        "volumes": [{"index": 1, "instance": "i-1", "zone": "a", "id": "v"}],
        "addresses": [],
        "interfaces": [],
    }
    assert [(one["address"], one["private"]) for one in associations] == [("a", "10.0.0.1"), ("e", "10.0.0.50")]


def test_what_leads_right_is_left_alone() -> None:
    found = [machine(), address("a", on="i-1"), address("e", on="i-1", part="extra-address"), address("b")]
    asked = request(addresses=2, free={"a": ["10.0.0.99"]})
    attachments, associations = attach([running(secondary=(("10.0.0.50", "ip-e"),))], found, asked)
    assert [one["part"] for one in attachments["addresses"]] == ["extra-address"]
    assert [(one["address"], one["private"]) for one in associations] == [("new-0", "10.0.0.99")]


def test_an_address_of_a_machine_that_is_gone_is_led_to_its_successor() -> None:
    found = [machine(state="shutting-down", identity="i-0"), machine(), address("a", on="i-0")]
    attachments, associations = attach([running()], found, request())
    assert attachments["addresses"] == []
    assert [(one["address"], one["private"]) for one in associations] == [("a", "10.0.0.1")]


# --- until when ---


@pytest.mark.parametrize(
    ("asked", "until"),
    [
        ("never", ""),
        ("7d", "2026-11-29T12:00:00Z"),
        ("2027-01-31", "2027-01-31T23:59:59Z"),
        ("2027-01-31T12:30:00Z", "2027-01-31T12:30:00Z"),
    ],
)
def test_until_when(asked: str, until: str) -> None:
    assert filters["ec2_expiry"](asked, [], NOW) == until


def test_days_count_from_the_first_run_and_anew_when_they_are_past() -> None:
    kept = [thing("instance", "i-1", expires=time) for time in ("2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z", None)]
    assert filters["ec2_expiry"]("7d", kept, NOW) == "2026-11-25T00:00:00Z"
    past = [thing("instance", "i-1", expires="2026-11-01T00:00:00Z")]
    assert filters["ec2_expiry"]("7d", past, NOW) == "2026-11-29T12:00:00Z"
    assert filters["ec2_expiry"]("2026-12-01", kept, NOW) == "2026-12-01T23:59:59Z"


@pytest.mark.parametrize("asked", ["2026-02-31", "tomorrow", "", "12345d", "2026-11-21", "31.12.2026"])
def test_what_is_no_time_to_come_is_told(asked: str) -> None:
    with pytest.raises(ValueError, match="set it to days from now"):
        filters["ec2_expiry"](asked, [], NOW)


SERVICES = {"ssh": True, "http": 80, "https": 0, "rstudio": 8787, "proxy": False}
HERE, WORLD = "203.0.113.5/32", "0.0.0.0/0"


@pytest.mark.parametrize(
    ("services", "ports"),
    [
        ({}, {22: "own", 80: "anywhere", 8787: "own"}),
        ({"https": 443, "proxy": True}, {22: "own", 80: "anywhere", 443: "anywhere"}),
        ({"https": 8443, "rstudio": 8788}, {22: "own", 80: "anywhere", 8443: "anywhere", 8788: "own"}),
        ({"proxy": True}, {22: "own", 80: "anywhere"}),
        ({"ssh": False}, {80: "anywhere", 8787: "own"}),
    ],
)
def test_the_open_ports_follow_from_the_services(services: dict[str, Any], ports: dict[int, str]) -> None:
    assert {one["port"]: one["from"] for one in filters["ec2_service_ports"](SERVICES | services)} == ports


@pytest.mark.parametrize(
    ("services", "ports", "told"),
    [
        ({}, [], []),
        ({}, [{"port": 8787, "from": "anywhere"}], [f"port 8787, which {WORLD}"]),
        ({}, [{"port": 8000, "last": 9000, "from": "198.51.100.0/24"}], ["port 8787, which 198.51.100.0/24"]),
        ({}, [{"port": 8787, "from": "machines"}], []),
        ({"proxy": True}, [], [f"port 80, which {WORLD}"]),
        ({"proxy": True, "https": 443}, [{"port": 8787, "from": "anywhere"}], []),  # RStudio listens on 127.0.0.1
        ({"https": 443}, [{"port": 8787, "from": "anywhere"}], [f"port 8787, which {WORLD}"]),
    ],
)
def test_a_password_by_plain_http_from_elsewhere_is_told(
    services: dict[str, Any], ports: list[Any], told: list[str]
) -> None:
    services = SERVICES | services
    ingress = filters["ec2_ingress"]([*filters["ec2_service_ports"](services), *ports], [HERE])
    notes = filters["ec2_password_notes"](ingress, services, [HERE])
    assert len(notes) == len(told)
    assert all(words in note and "httpd_tls" in note for words, note in zip(told, notes, strict=True))


def test_all_the_world_is_nobodys_own_network() -> None:
    ingress = filters["ec2_ingress"]([{"port": 8787, "from": "own"}], [WORLD])
    assert len(filters["ec2_password_notes"](ingress, SERVICES, [WORLD])) == 1


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        ("203.0.113.5\n", ["203.0.113.5/32"]),  # as the service answers that is asked for it
        ("203.0.113.5, 198.51.100.0/24,", ["203.0.113.5/32", "198.51.100.0/24"]),
    ],
)
def test_an_address_is_a_network_of_its_own(text: str, networks: list[str]) -> None:
    assert filters["ec2_networks"](text) == networks


def test_rules_are_those_asked_for() -> None:
    ports = [
        {"port": 22, "from": "own"},
        {"port": 80, "from": "anywhere"},
        {"port": 443, "from": "10.0.0.0/8"},
        {"port": 7077, "last": 7096, "from": "machines"},
    ]
    own = ["203.0.113.5/32", "203.0.113.6/32"]
    assert filters["ec2_ingress"](ports, own) == [
        {"port": 22, "last": 22, "cidrs": own, "members": False},
        {"port": 80, "last": 80, "cidrs": ["0.0.0.0/0"], "members": False},
        {"port": 443, "last": 443, "cidrs": ["10.0.0.0/8"], "members": False},
        {"port": 7077, "last": 7096, "cidrs": [], "members": True},
    ]


# --- tags, and what a teardown removes ---


def test_owner_and_expiry_are_updated_where_they_differ() -> None:
    def tagged(identity: str, owner: str, expires: str | None, **more: Any) -> Any:
        return thing("instance", identity, owner=owner, expires=expires, **more)

    found = [tagged("same", "ada", "2027"), tagged("other", "bob", "2027"), tagged("late", "ada", "2026")]
    found += [tagged("never", "ada", None), tagged("dying", "bob", "2026", state="shutting-down")]
    found += [thing("bucket", "data", None, owner="bob", expires=None), tagged("gone", "bob", None)]
    plan = {"surplus": [{"id": "gone"}]}
    assert names(filters["ec2_outdated_tags"](found, plan, "ada", "2027")) == ["other", "late", "never"]
    assert names(filters["ec2_outdated_tags"](found, plan, "ada", "")) == ["same", "other", "late"]


def test_a_teardown_keeps_the_types_it_is_told_to_and_what_instances_that_stay_need() -> None:
    found = [
        thing(kind, kind, expired=expired)
        for kind, expired in {"instance": True, "volume": True, "security_group": True, "bucket": False}.items()
    ]
    removable = filters["ec2_removable"]
    assert names(removable(found, ["bucket"], expired_only=False)) == ["instance", "volume", "security_group"]
    assert names(removable(found, [], expired_only=True)) == ["instance", "volume", "security_group"]
    found.append(thing("instance", "stays", expired=False))
    assert names(removable(found, [], expired_only=True)) == ["instance", "volume"]
    assert "security_group" in names(removable(found, [], expired_only=False))


def test_ssh_reaches_an_instance_at_its_main_address() -> None:
    found = [machine(), address("a", on="i-1"), address("b", on="i-1", part="extra-address"), address("c")]
    plan = filters["ec2_plan"](found, request())
    assert filters["ec2_ssh_hosts"](plan, []) == [{"id": "i-1", "name": "lab-1", "address": "ip-a", "new": False}]
    assert filters["ec2_ssh_hosts"](plan, ["i-1"])[0]["new"]


# --- Spot ---


def spot_request(index: int, on: str) -> Any:
    return thing("spot_request", f"sir-{index}", index, "instance", on, state="active")


def test_a_spot_request_goes_with_its_machine() -> None:
    found = [spot_request(1, "i-1"), machine(spot=True), spot_request(2, "i-other"), spot_request(3, "i-3")]
    plan = filters["ec2_plan"](found, request(count=2, spot=True))
    assert plan["missing"] == [2]
    assert [one["id"] for one in plan["orphaned_requests"]] == ["sir-2"]
    assert [one["id"] for one in plan["surplus"]] == ["sir-3"]


# --- Elastic IPs of the user's own ---


def own(index: int = 1, on: str | None = None, project: str = "") -> dict[str, Any]:
    return {"index": index, "id": "eipalloc-own", "public_ip": "ip-own", "attached_to": on, "project": project}


def test_the_users_own_address_takes_the_place_of_ours() -> None:
    found = [machine(), address("eipalloc-1", on="i-1")]
    asked = request(elastic_ip_ids=["ip-own"], elastic_ips=[own()])
    plan = filters["ec2_plan"](found, asked)
    assert [one["id"] for one in plan["surplus"]] == ["eipalloc-1"]
    plan = filters["ec2_plan"](found[:1], asked)
    assert plan["incomplete"] == [1]
    attachments = filters["ec2_attachments"]([running()], plan, asked)
    assert attachments["addresses"] == []
    (association,) = filters["ec2_associations"]([running()], plan, asked, attachments, [])
    assert (association["address"], association["reassociate"]) == ("eipalloc-own", False)


def test_the_users_own_address_on_its_machine_completes_it_and_is_never_released() -> None:
    there = thing("address", "eipalloc-own", None, "", "i-1", public_ip="ip-own", tagged=False)
    for name in ("ip-own", "eipalloc-own"):
        found = filters["ec2_own_elastic_ips"]([there, address("other", on="i-1")], ["", name])
        assert [(one["id"], one["index"], one["part"]) for one in found] == [("eipalloc-own", 2, "address")]
    asked = request(elastic_ip_ids=["ip-own"], elastic_ips=[own(on="i-1")])
    plan = filters["ec2_plan"]([machine(), *filters["ec2_own_elastic_ips"]([there], ["ip-own"])], asked)
    assert (plan["surplus"], plan["incomplete"], plan["unassociated"]) == ([], [], [])
    assert filters["ec2_ssh_hosts"](plan, [])[0]["address"] == "ip-own"


# --- what stands in the way ---

OURS = {"labserver:project": "lab"}
UNKNOWN = dict.fromkeys(
    ("addresses_quota", "addresses_used", "vcpus_quota", "vcpus_used", "internet", "public", "free_plan")
)
LIMITS: dict[str, Any] = {**UNKNOWN, "vcpus": 2}
PLACE: dict[str, Any] = {"addresses": 2, "group": None, "key": None, "bucket": None, "limits": LIMITS}
GOOD: dict[str, Any] = {
    "project": "lab",
    "region": "us-west-2",
    "instance_type": "t3.micro",
    "bucket": "",
    "confirm": False,
    "own": ["203.0.113.5/32"],
    "own_needed": True,
    "checkip": "https://check.example.org",
    "ingress": [{"port": 22, "cidrs": ["203.0.113.5/32"]}],
    "key_file": "lab.pub",
    "key_matches": True,
    "public_key": "ssh-ed25519 AAAA",
    "private": 0,
}


SESSION = {"session_manager": True, "system": "amazon2023", "missing_programs": []}


def problems(found: list[Any] | None = None, place: dict[str, Any] | None = None, **more: Any) -> list[str]:
    asked = request(**(GOOD | more))
    found = found or []
    result: list[str] = filters["ec2_problems"](filters["ec2_plan"](found, asked), asked, PLACE | (place or {}), found)
    return result


def test_nothing_stands_in_the_way() -> None:
    ours = {"group": {"id": "sg", "tags": OURS}, "key": {"id": "key", "tags": OURS}, "bucket": {"tags": OURS}}
    found = [machine(), address("a", on="i-1"), volume("v", on="i-1")]
    assert problems() == []
    assert problems(found, ours, data_gb=5, bucket="lab-data", addresses=1) == []
    # A bucket that we announced on our group, and had no time to tag
    announced = {"group": {"id": "sg", "tags": OURS | {"labserver:bucket": "lab-data"}}, "bucket": {"tags": {}}}
    assert problems(place=announced, bucket="lab-data") == []


@pytest.mark.parametrize(
    ("found", "place", "asked", "fix"),
    [
        pytest.param([], {}, {"addresses": 2}, "set ec2_instance_type to a larger type", id="too many addresses"),
        pytest.param([], {}, {"own": []}, "set ec2_own_cidr", id="own address unknown"),
        pytest.param([], {}, {"ingress": [{"port": 22, "cidrs": ["me"]}]}, "203.0.113.5/32", id="no network"),
        pytest.param([], {}, {"private": 2, "free": {"a": ["x"]}}, "set ec2_subnet", id="a full subnet"),
        pytest.param([machine()], {}, SESSION, "without an instance profile", id="no instance profile"),
        pytest.param([], {}, SESSION | {"missing_programs": ["aws"]}, "program aws", id="a missing program"),
        pytest.param([], {}, {"budget": 20.0, "email": "ada"}, "set ec2_budget_email", id="no e-mail"),
        pytest.param([thing("budget", "labserver-lab", None)], {}, {}, "set -e confirm=yes", id="a budget too much"),
        pytest.param([], {}, SESSION | {"system": "debian12"}, "set ec2_system to amazon2023", id="no agent"),
        pytest.param([machine()], {}, {"spot": True}, "set ec2_spot to false", id="not Spot"),
        pytest.param([], {}, {"elastic_ips": [own(), own(2)]}, "is there twice", id="an address twice"),
        pytest.param([], {}, {"elastic_ips": [own(on="i-9")]}, "in use by i-9: disassociate", id="an address in use"),
        pytest.param([], {}, {"elastic_ips": [own(project="lab")]}, "name another", id="an address of a project"),
        pytest.param([], {"group": {"id": "sg", "tags": {}}}, {}, "LABSERVER_PROJECT", id="a foreign group"),
        pytest.param([], {"key": {"id": "k", "tags": {"Name": "lab"}}}, {}, "LABSERVER_PROJECT", id="a foreign key"),
        pytest.param(
            [], {"bucket": {"tags": {}}}, {"bucket": "lab-data"}, "Set ec2_bucket", id="a bucket nobody announced"
        ),
        pytest.param(
            [],
            {"bucket": {"tags": {"a": "b"}}, "group": {"id": "sg", "tags": OURS | {"labserver:bucket": "lab-data"}}},
            {"bucket": "lab-data"},
            "Set ec2_bucket",
            id="a bucket with tags of somebody else",
        ),
        pytest.param([], {}, {"public_key": ""}, "set ec2_public_key_file", id="no public key"),
        pytest.param(
            [machine()],
            {"key": {"id": "k", "tags": OURS}},
            {"key_matches": False},
            "put theirs there",
            id="another key",
        ),
        pytest.param([machine(), machine(identity="i-9")], {}, {}, "i-1, i-9", id="two of one number"),
        pytest.param(
            [volume("v"), volume("w")], {}, {"data_gb": 5}, "several data volumes", id="two volumes of one number"
        ),
        pytest.param([machine(instance_type="t2.micro")], {}, {}, "set ec2_instance_type", id="another type"),
        pytest.param([volume("v")], {}, {"data_gb": 3}, "set ec2_data_volume_gb to 5 or more", id="shrinking"),
        pytest.param([address("a", on="i-theirs")], {}, {}, "take it off there", id="our address on their machine"),
        pytest.param([machine(), machine(2)], {}, {}, "-e confirm=yes", id="fewer than there are"),
    ],
)
def test_what_stands_in_the_way_is_told_with_its_fix(
    found: list[Any], place: dict[str, Any], asked: dict[str, Any], fix: str
) -> None:
    told = problems(found, place, **asked)
    assert len(told) == 1
    assert fix in told[0]


def limited(**known: Any) -> dict[str, Any]:
    return {"limits": LIMITS | known}


@pytest.mark.parametrize(
    ("found", "limits", "asked", "fix"),
    [
        (
            [],
            {"addresses_quota": 5, "addresses_used": 5},
            {},
            "may have 5 Elastic IPs and has 5, and 1 more are needed",
        ),
        ([], {"addresses_quota": 5, "addresses_used": 0}, {"count": 3, "addresses": 1}, "set ec2_elastic_ip=false"),
        ([], {"vcpus_quota": 5, "vcpus_used": 2}, {"count": 2}, "2 x t3.micro need 4: lower ec2_count"),
        ([machine(state="stopped")], {"vcpus_quota": 2, "vcpus_used": 2}, {}, "1 x t3.micro need 2"),
        ([], {"internet": False}, {}, "set ec2_subnet to a subnet that has one"),
        ([machine(), address("a", on="i-1")], {}, {"elastic_ip": False}, "make the machines anew"),
        ([], {"public": False}, {"elastic_ip": False}, "--map-public-ip-on-launch"),
    ],
)
def test_what_aws_would_refuse_is_told_before(
    found: list[Any], limits: dict[str, Any], asked: dict[str, Any], fix: str
) -> None:
    told = problems(found, limited(**limits), **asked)
    assert len(told) == 1
    assert fix in told[0]


@pytest.mark.parametrize(
    ("found", "limits", "asked"),
    [
        ([], {"addresses_quota": 5, "addresses_used": 4}, {}),
        ([], {"addresses_quota": 5, "addresses_used": 5}, {"elastic_ip": False}),
        ([machine(), address("a", on="i-1")], {"addresses_quota": 1, "addresses_used": 1}, {}),
        ([], {"addresses_quota": 1, "addresses_used": 1}, {"elastic_ip_ids": ["eipalloc-1"]}),
        ([machine()], {"vcpus_quota": 2, "vcpus_used": 2}, {"elastic_ip": False}),
        ([], {"vcpus_quota": 2, "vcpus_used": 2}, {"spot": True}),  # have a quota of their own
        ([], {"internet": True, "vcpus_quota": 2, "vcpus_used": 0, "addresses_quota": 1, "addresses_used": 0}, {}),
    ],
)
def test_what_there_is_room_for_is_not_refused(found: list[Any], limits: dict[str, Any], asked: dict[str, Any]) -> None:
    assert problems(found, limited(**limits), **asked) == []


def test_the_free_plan_is_told_of_where_aws_tells_it() -> None:
    note = filters["ec2_free_plan_note"]
    assert note({"free_plan": None}, "t3.micro") == note({}, "t3.micro") == []
    assert note({"free_plan": True}, "t3.micro") == ["t3.micro is a type that AWS's free plan allows."]
    assert "refused it (InvalidParameterCombination)" in note({"free_plan": False}, "t3.large")[0]


def test_without_elastic_ips_a_machine_is_whole_and_reached_at_the_address_that_aws_lends() -> None:
    asked = request(elastic_ip=False)
    plan = filters["ec2_plan"]([machine(public_ip="ip-lent")], asked)
    assert plan["incomplete"] == plan["surplus"] == []
    [host] = filters["ec2_ssh_hosts"](plan, [])
    assert (host["id"], host["address"], host["new"]) == ("i-1", "ip-lent", False)
    attachments = filters["ec2_attachments"]([running()], plan, asked)
    assert attachments["addresses"] == []
    # Switched on
    assert filters["ec2_plan"]([machine(public_ip="ip-lent")], request())["incomplete"] == [1]


def test_what_is_confirmed_does_not_stand_in_the_way() -> None:
    assert problems([machine(), machine(2)], confirm=True) == []


def test_the_next_survey_has_to_show_what_was_made() -> None:
    made = running()
    interface = made["network_interfaces"][1]["network_interface_id"]
    attached = [{"id": "vol-1", "item": {"instance": made["instance_id"]}}]
    associated = [{"id": "eipalloc-1", "item": {"interface": interface}}]
    assert filters["ec2_expected"]([made], attached, associated) == [
        {"id": made["instance_id"]},
        {"id": "vol-1", "attached_to": made["instance_id"]},
        {"id": "eipalloc-1", "attached_to": made["instance_id"]},
    ]


def test_the_rules_for_the_own_address_are_told_from_the_others() -> None:
    rules = [
        {"port": 22, "from": "own"},
        {"port": 22, "from": "10.0.0.0/8"},
        {"port": 80, "from": "anywhere"},
        {"port": 22, "last": 23, "from": "anywhere"},
    ]
    assert filters["ec2_own_rules"](rules) == rules[:2]


def test_how_a_host_key_is_known_is_said_of_each_machine() -> None:
    hosts = [{"name": "lab-1", "address": "ip-1"}, {"name": "lab-2", "address": "ip-2"}]
    proven, taken = filters["ec2_key_notes"](hosts, ["ip-2"])
    assert proven.startswith("Host key of lab-1 (ip-1): proven, ")
    assert taken.startswith("Host key of lab-2 (ip-2): not proven. ")
