"""A swap file is made, resized, moved and removed; what is not ours stays as it is."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import swap_file
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.labserver.fstab import escaped
from ansible.module_utils.labserver.swap import MIB

if TYPE_CHECKING:
    from tests.support.modules import RunModule

HEADER = "Filename\tType\tSize\tUsed\tPriority\n"
FOREIGN = "UUID=1 / ext4 rw 0 1\n/swapfile none swap sw 0 0\n"


def write_swap_file(path: Path, label: str = "", size_mb: int = 1) -> Path:
    """Write what mkswap writes, with holes."""
    with path.open("wb") as content:
        content.truncate(size_mb * MIB)
        content.seek(1052)
        content.write(label.encode())
        content.seek(4086)
        content.write(b"SWAPSPACE2")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Host:
    """The kernel's list, fstab, and the programs that change them."""

    def __init__(self, folder: Path) -> None:
        self.swaps, self.fstab = folder / "proc-swaps", folder / "fstab"
        self.swaps.write_text(HEADER)
        self.fstab.write_text(FOREIGN)
        self.file_system = "ext4"
        self.free_mb = 5000
        self.refusal: dict[str, str] = {}  # program to its error
        self.called: list[str] = []

    def in_use(self) -> list[str]:
        return [line.split(" ")[0] for line in self.swaps.read_text().split("\n")[1:-1]]

    def enable(self, path: str | Path) -> None:
        self.swaps.write_text(f"{self.swaps.read_text()}{escaped(str(path))} file\t1020\t0\t-2\n")

    def run(self, command: list[str], **_: Any) -> tuple[int, str, str]:
        program, path = Path(command[0]).name, command[-1]
        if program == "df":
            return 0, f"Type Avail\n{self.file_system} {self.free_mb}\n", ""
        self.called.append(program)
        if program in self.refusal:
            return 1, "", self.refusal[program]
        if program == "mkswap":
            assert command[1:3] == ["--label", "labserver"]
            write_swap_file(Path(path), "labserver", Path(path).stat().st_size // MIB)
        elif program == "swapon":
            self.enable(path)
        elif program == "swapoff":
            lines = self.swaps.read_text().split("\n")
            self.swaps.write_text("\n".join(line for line in lines if line.split(" ")[0] != escaped(path)))
        return 0, "", ""


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Host:
    found = Host(tmp_path_factory.mktemp("host"))
    monkeypatch.setattr(swap_file, "PROC_SWAPS", found.swaps)
    monkeypatch.setattr(swap_file, "FSTAB", found.fstab)
    monkeypatch.setattr(AnsibleModule, "run_command", found.run)
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda _self, name, **_: f"/sbin/{name}")
    return found


def line_of(path: Path) -> str:
    return f"{escaped(str(path))} none swap sw,x-labserver 0 0\n"


def ensure(run_module: RunModule, path: object, size_mb: int = 1, **options: Any) -> dict[str, Any]:
    result = run_module("swap_file", path=str(path), size_mb=size_mb, **options)
    assert not result["failed"], result["msg"]
    return result


def remove(run_module: RunModule, path: object, **options: Any) -> dict[str, Any]:
    result = run_module("swap_file", path=str(path), state="absent", **options)
    assert not result["failed"], result["msg"]
    return result


@pytest.mark.parametrize(
    "name", ["lab.swap", "my swap/lab.swap", "back\\slash.swap", "no\u00a0break\u2028/\u3000lab.swap"]
)
def test_it_is_made_once_and_removed(host: Host, tmp_path: Path, run_module: RunModule, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(path.parent)
    assert ensure(run_module, path, check=True)["changed"]
    assert (host.called, path.exists(), host.fstab.read_text()) == ([], False, FOREIGN)
    result = ensure(run_module, path)
    assert (result["changed"], result["available"], result["files"]) == (True, True, [str(path)])
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (MIB, 0o600)
    assert (host.in_use(), host.fstab.read_text()) == ([escaped(str(path))], FOREIGN + line_of(path))
    host.called.clear()
    for spelling in (
        path,
        f"{path}/",
        f"{tmp_path}/link//{path.name}",
        f"{path.parent}/../{path.parent.name}/{path.name}",
    ):
        result = ensure(run_module, spelling)
        assert (result["changed"], result["path"]) == (False, str(path))
    assert host.called == []
    assert remove(run_module, path, check=True)["changed"]
    assert path.exists()
    assert remove(run_module, f"{tmp_path}/link//{path.name}")["changed"]
    assert (names(path.parent), host.in_use(), host.fstab.read_text()) == (
        ["link"] if path.parent == tmp_path else [],
        [],
        FOREIGN,
    )
    assert not remove(run_module, path)["changed"]


def test_lines_of_others_keep_their_ends(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    theirs = b"UUID=1 / ext4 rw 0 1\r\n# \x0c caf\xe9\r\n"
    host.fstab.write_bytes(theirs)
    path = tmp_path / "lab.swap"
    ensure(run_module, path)
    assert host.fstab.read_bytes() == theirs + line_of(path).encode()
    remove(run_module, path)
    assert host.fstab.read_bytes() == theirs


def test_a_file_is_in_use_although_its_mount_is_gone(
    host: Host, tmp_path: Path, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lab.swap"
    ensure(run_module, path)
    host.swaps.write_text(f"{HEADER}/lab.swap file\t1020\t0\t-2\n")  # as after a restart of the container

    def refuse(*_: int) -> None:
        raise OSError(errno.ETXTBSY, os.strerror(errno.ETXTBSY))

    with monkeypatch.context() as kernel:
        kernel.setattr(os, "posix_fallocate", refuse)
        host.called.clear()
        assert not ensure(run_module, path)["changed"]
        assert host.called == []
        assert remove(run_module, path)["changed"]
        assert (host.called, path.exists()) == (["swapoff"], False)
    ensure(run_module, path)  # /lab.swap is another file now, as where the last folders of two have the same names
    assert host.in_use() == ["/lab.swap", str(path)]


def test_a_file_of_another_size_is_made_anew(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "lab.swap"
    ensure(run_module, path)
    host.free_mb = 201  # with what the old one frees
    host.called.clear()
    assert ensure(run_module, path, size_mb=2)["changed"]
    assert host.called == ["swapoff", "mkswap", "swapon"]
    assert (path.stat().st_size, host.fstab.read_text()) == (2 * MIB, FOREIGN + line_of(path))


def test_what_is_no_swap_file_is_refused_and_never_removed(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "thesis.txt").write_text("x")
    (tmp_path / "file").write_text("x" * 5000)
    (tmp_path / "link").symlink_to(write_swap_file(tmp_path / "other", "labserver"))
    (tmp_path / "gone").symlink_to("nothing")
    os.mkfifo(tmp_path / "fifo")
    kinds = {"data": "a folder", "file": "a file without", "link": "a symbolic link", "gone": "a symbolic link"}
    for name, kind in {**kinds, "data/": "a folder", "fifo": "a FIFO", "/dev/null": "a device"}.items():
        path = name if name.startswith("/") else f"{tmp_path}/{name}"
        result = run_module("swap_file", path=path, size_mb=1)
        assert result["failed"]
        assert f"{path.rstrip('/')} is {kind}" in result["msg"]
        assert "set swap_path" in result["msg"]
        result = remove(run_module, path, recorded=[path])
        assert not result["changed"]
        assert kind in str(result["warnings"])
    assert (folder / "thesis.txt").read_text() == "x"
    assert len(names(tmp_path)) == 6
    assert (host.called, host.fstab.read_text()) == ([], FOREIGN)


def test_a_swap_file_of_somebody_else_is_used_and_stays(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    path = write_swap_file(tmp_path / "theirs", size_mb=2)
    host.fstab.write_text(f"{FOREIGN}{path} none swap sw,pri=5 0 0\n")
    host.enable(path)
    before = host.fstab.read_text()
    refused = run_module("swap_file", path=str(path), size_mb=1)
    assert refused["failed"]
    assert "swap_size_mb: 2" in refused["msg"]
    result = ensure(run_module, path, size_mb=2)
    assert (result["changed"], result["available"], result["files"]) == (False, True, [])
    result = remove(run_module, path, recorded=result["files"])
    assert not result["changed"]
    assert "not made here" in str(result["warnings"])
    assert (path.exists(), host.in_use(), host.fstab.read_text()) == (True, [str(path)], before)


def test_another_path_moves_it(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    old, new = tmp_path / "old swap", tmp_path / "new"
    ensure(run_module, old)
    assert ensure(run_module, new, check=True)["changed"]
    assert old.exists()
    result = ensure(run_module, new)
    assert (result["changed"], result["files"]) == (True, [str(new)])
    assert (names(tmp_path), host.in_use()) == (["new"], [str(new)])
    assert host.fstab.read_text() == FOREIGN + line_of(new)
    # What took the place of the old one since then stays, and is told
    (tmp_path / "mine").write_text("x")
    host.fstab.write_text(host.fstab.read_text() + line_of(tmp_path / "mine"))
    result = ensure(run_module, new)
    assert "mine is a file without a swap signature" in str(result["warnings"])
    assert host.fstab.read_text() == FOREIGN + line_of(new)


def test_the_removal_finds_it_at_another_path(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    ensure(run_module, tmp_path / "lab.swap")
    remove(run_module, tmp_path / "another")
    assert (names(tmp_path), host.in_use(), host.fstab.read_text()) == ([], [], FOREIGN)


def test_a_file_of_an_earlier_release_is_known_by_its_record(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    path = write_swap_file(tmp_path / "lab.swap")
    host.enable(path)
    host.fstab.write_text(f"{FOREIGN}{path} none swap sw 0 0\n")
    result = ensure(run_module, path, recorded=[str(path)])
    assert (result["changed"], result["files"], host.called) == (True, [str(path)], [])
    assert host.fstab.read_text() == FOREIGN + line_of(path)
    assert not ensure(run_module, path, recorded=[str(path)])["changed"]
    host.fstab.write_text(f"{FOREIGN}{path} none swap sw 0 0\n")
    remove(run_module, path, recorded=[str(path)])
    assert (path.exists(), host.in_use(), host.fstab.read_text()) == (False, [], FOREIGN)


def test_a_run_that_was_killed_is_finished(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "lab.swap"
    (tmp_path / ".lab.swap.labserver").write_text("half")
    ensure(run_module, path)
    assert names(tmp_path) == ["lab.swap"]
    # Made, and neither enabled nor in fstab
    host.swaps.write_text(HEADER)
    host.fstab.write_text(FOREIGN)
    host.called.clear()
    assert ensure(run_module, path)["changed"]
    assert (host.called, host.fstab.read_text()) == (["swapon"], FOREIGN + line_of(path))
    # Resized, and gone
    host.swaps.write_text(HEADER)
    path.unlink()
    ensure(run_module, path, size_mb=2)
    assert (path.stat().st_size, host.fstab.read_text()) == (2 * MIB, FOREIGN + line_of(path))


@pytest.mark.parametrize("size_mb", [0, -1])
def test_a_size_that_is_none_is_refused(host: Host, tmp_path: Path, run_module: RunModule, size_mb: int) -> None:
    result = run_module("swap_file", path=str(tmp_path / "lab.swap"), size_mb=size_mb)
    assert result["failed"]
    assert f"swap_size_mb is {size_mb}" in result["msg"]
    assert "swap_state: absent" in result["msg"]
    assert (host.called, names(tmp_path)) == ([], [])


def test_a_place_that_cannot_be_is_refused(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    assert "no folder" in run_module("swap_file", path=str(tmp_path / "missing" / "swap"), size_mb=1)["msg"]
    assert "absolute" in run_module("swap_file", path="swap", size_mb=1)["msg"]
    host.free_mb = 200
    result = run_module("swap_file", path=str(tmp_path / "lab.swap"), size_mb=1)
    assert "200 MB free" in result["msg"]
    assert "Lower swap_size_mb" in result["msg"]
    assert "size_mb" in run_module("swap_file", path=str(tmp_path / "lab.swap"))["msg"]
    assert names(tmp_path) == []


def test_where_the_host_cannot_swap_is_the_reason(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    path, old = tmp_path / "lab.swap", tmp_path / "old"
    ensure(run_module, old)
    host.refusal["swapon"] = f"swapon: {path}: swapon failed: Operation not permitted\n"
    result = ensure(run_module, path)
    assert (result["available"], result["files"]) == (False, [str(old)])
    assert "not permitted" in result["reason"]
    host.file_system = "overlay"
    assert "a file on overlay" in ensure(run_module, path)["reason"]
    host.swaps.unlink()
    assert "built without swap" in ensure(run_module, path)["reason"]
    assert (names(tmp_path), host.fstab.read_text()) == (["old"], FOREIGN + line_of(old))


def test_what_else_goes_wrong_is_an_error(host: Host, tmp_path: Path, run_module: RunModule) -> None:
    path = tmp_path / "lab.swap"
    for program, words in {"mkswap": "mkswap failed: no", "swapon": "set swap_path"}.items():
        host.refusal = {program: "no"}
        result = run_module("swap_file", path=str(path), size_mb=1)
        assert result["failed"]
        assert words in result["msg"]
        assert (names(tmp_path), host.fstab.read_text()) == ([], FOREIGN)
    host.refusal = {}
    ensure(run_module, path)
    host.refusal = {"swapoff": "swapoff: Cannot allocate memory"}
    result = run_module("swap_file", path=str(path), state="absent")
    assert result["failed"]
    assert "fit into the memory" in result["msg"]
    assert (path.exists(), host.fstab.read_text()) == (True, FOREIGN + line_of(path))
