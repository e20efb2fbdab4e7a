"""A device is waited for and described as the programs of util-linux report it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import block_device_info
import pytest
from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from tests.support.modules import RunModule

DEVICE = "/dev/nvme1n1"


class Host:
    """What the programs print, by their names."""

    def __init__(self, folder: Path) -> None:
        self.file, self.fstab = folder / "device", folder / "fstab"
        self.file.write_bytes(bytes(5000))
        self.device: dict[str, Any] | None = {"name": DEVICE, "type": "disk"}
        self.signatures: list[dict[str, Any]] = []
        self.mounts: list[dict[str, str | None]] = [{"source": "/dev/nvme0n1p1", "target": "/"}]
        self.calls = 0

    def run(self, command: list[str], *, check_rc: bool = False) -> tuple[int, str, str]:
        if command[0] == "lsblk":
            assert not check_rc  # it fails because of the names that are not there
            self.calls += 1
            return 32, json.dumps({"blockdevices": [self.device]}) if self.device else "", "not a block device"
        if command[0] == "wipefs":
            assert command[-1] == DEVICE
            return 0, json.dumps({"signatures": self.signatures}) if self.signatures else "", ""
        return 0, json.dumps({"filesystems": self.mounts}), ""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Host:
    found = Host(tmp_path_factory.mktemp("host"))
    monkeypatch.setattr(block_device_info, "FSTAB", found.fstab)
    monkeypatch.setattr(block_device_info, "open_device", lambda _: found.file.open("rb"))
    monkeypatch.setattr(AnsibleModule, "run_command", found.run)
    monkeypatch.setattr(block_device_info, "PAUSE", 0)
    return found


def read(run_module: RunModule, mount_point: object = "/srv/data", **options: Any) -> dict[str, Any]:
    options = {"devices": ["/dev/sdf", "/dev/xvdf"], "mount_point": mount_point, **options}
    result = run_module("block_device_info", **options)
    assert (result["failed"], result.get("changed")) == (False, False)
    return result


@pytest.mark.usefixtures("host")
def test_a_blank_device_has_nothing_on_it(tmp_path: Path, run_module: RunModule) -> None:
    for mount_point in (tmp_path, tmp_path / "missing"):
        result = read(run_module, mount_point, check=True)
        assert (result["available"], result["name"], result["reason"]) == (True, DEVICE, "")
        assert (result["signatures"], result["partitions"], result["uuid"]) == ([], [], "")
        assert (result["mounted"], result["hidden_file"]) == (False, "")


def test_what_is_on_a_device_is_reported_once(host: Host, run_module: RunModule) -> None:
    """A partition table has two signatures, for it stands at both ends."""
    host.device = {"name": DEVICE, "children": [{"name": f"{DEVICE}p1"}]}
    host.signatures = [{"type": "gpt"}, {"type": "gpt", "uuid": None}, {"type": "PMBR"}]
    result = read(run_module)
    assert (result["signatures"], result["partitions"], result["uuid"]) == (["gpt", "PMBR"], [f"{DEVICE}p1"], "")


def test_a_file_system_has_a_uuid(host: Host, run_module: RunModule) -> None:
    host.signatures = [{"type": "xfs", "uuid": "1234-abcd"}]
    assert read(run_module)["uuid"] == "1234-abcd"


def test_where_it_is_mounted_is_reported(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    (tmp_path / "on-the-volume").touch()
    host.mounts.append({"source": DEVICE, "target": str(tmp_path)})
    result = read(run_module, tmp_path)
    assert (result["mounted"], result["other_targets"], result["other_sources"]) == (True, [], [])
    assert result["hidden_file"] == ""


def test_what_else_is_mounted_is_reported(host: Host, run_module: RunModule) -> None:
    host.mounts += [{"source": DEVICE, "target": "/mnt"}, {"source": "tmpfs", "target": "/srv/data"}]
    result = read(run_module)
    assert (result["mounted"], result["other_targets"], result["other_sources"]) == (False, ["/mnt"], ["tmpfs"])


@pytest.mark.usefixtures("host")
def test_a_file_that_would_be_hidden_is_named(tmp_path: Path, run_module: RunModule) -> None:
    (tmp_path / "kept").touch()
    assert read(run_module, tmp_path)["hidden_file"] == str(tmp_path / "kept")


def test_a_device_that_does_not_appear_is_unavailable(host: Host, run_module: RunModule) -> None:
    host.device = None
    result = read(run_module)
    assert not result["available"]
    assert result["reason"] == "/dev/sdf, /dev/xvdf did not appear as a block device within 0 seconds"


def test_a_device_is_waited_for(host: Host, run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    attached, host.device = host.device, None

    def attach(_seconds: float) -> None:
        if host.calls == 2:
            host.device = attached

    monkeypatch.setattr("time.sleep", attach)
    assert read(run_module, timeout=3600)["available"]
    assert host.calls == 3


def test_a_device_with_data_and_no_signature_is_not_blank(host: Host, run_module: RunModule) -> None:
    host.file.write_bytes(bytes(4096) + b"raw data")
    assert read(run_module)["signatures"] == ["data"]


def test_whose_lines_fstab_has_is_reported(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    foreign = f"/dev/sdz {tmp_path}/data/ ext4 noauto 0 0"
    host.fstab.write_text(f"# {tmp_path}/data\n{foreign}\n/swapfile none swap x-labserver 0 0\n")
    result = read(run_module, tmp_path / "link")
    assert (result["target"], result["foreign_lines"], result["recorded"]) == (f"{tmp_path}/data", [foreign], False)
    host.fstab.write_text(
        f"UUID=1234 {tmp_path}/data xfs defaults,x-labserver 0 0\nUUID=5 /srv/a\\040b xfs x-labserver 0 0\n"
    )
    result = read(run_module, tmp_path / "data")
    assert (result["foreign_lines"], result["recorded"], result["recorded_mounted"]) == ([], True, False)
    assert result["recorded_elsewhere"] == ["/srv/a b"]
    for source, uuid, ours in (("/dev/sdb", "1234", True), ("tmpfs", None, False)):  # the later one is on top
        host.mounts.append({"source": source, "target": f"{tmp_path}/data", "uuid": uuid})
        assert read(run_module, tmp_path / "data", devices=[])["recorded_mounted"] is ours


def test_a_crash_is_an_error(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnsibleModule, "run_command", lambda *_, **__: (0, "no JSON", ""))
    with pytest.raises(json.JSONDecodeError):
        read(run_module)
