"""The filters of role sandbox."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.support.plugins import load_plugin


@pytest.fixture(scope="module")
def sandbox() -> ModuleType:
    return load_plugin("sandbox/filter_plugins/sandbox.py")


def test_hosts_have_ports_of_their_own(sandbox: ModuleType) -> None:
    hosts = sandbox.sandbox_host_list("lab", "2", "debian13", "8080", 8787)  # numbers as -e gives them
    assert hosts == [
        {"name": "lab-1", "system": "debian13", "http_port": 8080, "rstudio_port": 8787},
        {"name": "lab-2", "system": "debian13", "http_port": 8081, "rstudio_port": 8788},
    ]
    assert sandbox.published_ports(hosts[1]) == ["127.0.0.1:8081:80", "127.0.0.1:8788:8787"]
    assert sandbox.published_ports({"name": "x"}) == []
    assert sandbox.sandbox_host_list("lab", 0, "debian12", 1, 2) == []


@pytest.mark.parametrize(
    ("count", "system", "http", "rstudio", "told"),
    [
        (2, "debian12", 8080, 8787, ""),
        (0, "debian12", 8080, 8787, "sandbox_count to 1 or more"),
        (-1, "debian12", 8080, 8787, "sandbox_count to 1 or more"),
        (1, "debian7", 8080, 8787, "No system 'debian7': set sandbox_system to one of debian12, debian13."),
        (3, "debian12", 65534, 8787, "65536 is no port: set sandbox_http_port"),
        (1, "debian12", 0, 8787, "0 is no port"),
        (1, "debian12", 8787, 8787, "Port 8787 is wanted twice"),
        (3, "debian12", 8080, 8082, "at least 3 apart"),
    ],
)
def test_hosts_that_cannot_be_are_refused(
    sandbox: ModuleType, count: int, system: str, http: int, rstudio: int, told: str
) -> None:
    hosts = sandbox.sandbox_host_list("lab", count, system, http, rstudio)
    problem = sandbox.sandbox_problem(hosts, ["debian12", "debian13"])
    assert told in problem
    assert bool(problem) == bool(told)


def test_what_others_have_by_our_names_is_told(sandbox: ModuleType) -> None:
    ours, other = {"labserver.project": "lab"}, {"labserver.project": "other"}
    engine = {
        "containers": [
            {"Names": ["/lab-1"], "Labels": ours},
            {"Names": ["/db", "/lab-2"], "Labels": {}},
            {"Names": ["/lab-22"], "Labels": None},
            {"Names": ["/LAB-3"], "Labels": {}},
        ],
        "volumes": [
            {"Name": "lab-1", "Labels": other},
            {"Name": "lab-2", "Labels": ours},
            {"Name": "lab", "Labels": {}},
        ],
        "networks": [{"Name": "lab", "Labels": {}}, {"Name": "lab-1", "Labels": {}}],
    }
    hosts = ["lab-1", "lab-2", "lab-3"]
    assert sandbox.taken_names(engine, hosts, "lab", "labserver.project", "lab") == [
        "container lab-2",
        "volume lab-1",
        "network lab",
    ]
    assert sandbox.taken_names({"volumes": None}, hosts, "lab", "labserver.project", "lab") == []


def test_proxies_are_given_in_both_cases(sandbox: ModuleType) -> None:
    controller = {"http_proxy": "", "HTTP_PROXY": "http://proxy:1", "no_proxy": "localhost", "NO_PROXY": "other"}
    assert sandbox.proxy_variables(controller) == {
        "http_proxy": "http://proxy:1",
        "HTTP_PROXY": "http://proxy:1",
        "no_proxy": "localhost",
        "NO_PROXY": "localhost",
    }
    assert sandbox.proxy_variables({}) == {}


@pytest.mark.parametrize(("index", "given"), [("https://index/simple", True), ("/srv/index", False), ("", False)])
def test_the_environment_holds_what_means_something_inside(sandbox: ModuleType, index: str, *, given: bool) -> None:
    environment = sandbox.container_environment({"PIP_INDEX_URL": index}, "/ca.pem")
    authorities = {"SSL_CERT_FILE": "/ca.pem", "REQUESTS_CA_BUNDLE": "/ca.pem", "PIP_CERT": "/ca.pem"}
    assert environment == authorities | ({"PIP_INDEX_URL": index} if given else {})


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (["name=seccomp,profile=default"], []),
        (["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"], ["apparmor=unconfined"]),
        (["name=selinux"], ["label=disable"]),
        (None, []),
    ],
)
def test_what_the_engine_does_not_have_is_not_switched_off(
    sandbox: ModuleType, found: list[str] | None, named: list[str]
) -> None:
    assert sandbox.security_options({"SecurityOptions": found}) == ["seccomp=unconfined", *named]


def test_with_cgroup_v2_a_host_sees_its_own_tree_only(sandbox: ModuleType) -> None:
    options = sandbox.confinement({}, {"CgroupVersion": "2"})
    assert options["cgroupns_mode"] == "private"
    assert "volumes" not in options
    assert "remount,rw,bind /sys/fs/cgroup && exec" in options["command"][-1]
    old = sandbox.confinement({}, {"CgroupVersion": "1"})
    assert old["cgroupns_mode"] == "host"
    assert old["volumes"] == ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    assert "command" not in old


def test_only_a_host_with_devices_makes_some(sandbox: ModuleType) -> None:
    rules = ["b 7:* rmw"]
    assert sandbox.confinement({"device_cgroup_rules": rules}, {})["capabilities"][-1] == "MKNOD"
    plain = sandbox.confinement({}, {})
    assert not {"MKNOD", "NET_RAW"} & set(plain["capabilities"])
    assert plain["cap_drop"] == ["ALL"]
