"""What the kernel, df and fstab say is read as they write it, and only our lines of fstab change."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.labserver.fstab import escaped, unescaped
from ansible.module_utils.labserver.swap import Fstab, canonical, file_system_of, paths_in_use

HEADER = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
OURS = "/srv/a.swap none swap sw,x-labserver 0 0\n"
FOREIGN = (
    "# /srv/a.swap none swap sw 0 0\nUUID=1 none swap sw 0 0\n/swapfile\tnone  swap sw 0 0\nUUID=2 / ext4 rw 0 1\n"
)


def test_the_kernels_list_is_read() -> None:
    swaps = f"{HEADER}/dev/sda2      partition\t999\t0\t-2\n/srv/a\\040b.swap file\t65532\t0\t-3\n"
    assert paths_in_use(swaps) == {"/dev/sda2", "/srv/a b.swap"}
    assert paths_in_use(f"{HEADER}/srv/\u00a0a\u2028b.swap file\t65532\t0\t-3\n") == {"/srv/\u00a0a\u2028b.swap"}
    assert paths_in_use(HEADER) == paths_in_use("") == set()


@pytest.mark.parametrize("path", ["/srv/a b", "/srv/tab\there", "/srv/back\\slash", "/srv/\\040", "/srv/ä"])
def test_fstab_spells_a_path_both_ways(path: str) -> None:
    assert unescaped(escaped(path)) == path
    assert len(escaped(path).split()) == 1


def test_bytes_in_octal_are_understood() -> None:
    assert unescaped("/srv/\\303\\244\\040b") == "/srv/ä b"  # ä, as some tools write it


def test_a_path_has_one_spelling(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder / "deep")
    expected = f"{folder}/deep/a.swap"
    for spelling in ("link/a.swap", "link//a.swap/", "./link/./a.swap", "folder/deep/../deep/a.swap"):
        assert canonical(f"{tmp_path}/{spelling}") == expected
    assert canonical(f"{tmp_path}/link/../a.swap") == f"{folder}/a.swap"  # as the kernel walks it
    assert canonical(f"{tmp_path}/link/..") == str(folder)
    (folder / "deep" / "a.swap").symlink_to("/dev/null")
    assert canonical(f"{tmp_path}/link/a.swap") == expected  # the file itself is not followed
    assert canonical("/") == "/"


def test_df_is_read() -> None:
    assert file_system_of("Type     Avail\next4     13954\n") == ("ext4", 13954)


def test_a_line_is_added_once_and_removed_alone() -> None:
    for before in ("", FOREIGN, FOREIGN.rstrip("\n")):
        fstab = Fstab(before)
        for _ in range(2):
            fstab.add("/srv/a.swap", ours=True)
        assert sorted(fstab.text.splitlines()) == sorted([*before.splitlines(), OURS.rstrip()])
        assert fstab.marked() == ["/srv/a.swap"]
        fstab.remove("/srv/a.swap", unmarked=False)
        assert fstab.text == before


def test_lines_of_others_stay() -> None:
    fstab = Fstab(FOREIGN)
    fstab.add("/swapfile", ours=False)
    mine = Fstab("/srv/a.swap none swap sw,pri=5 0 0\n")
    mine.add("/srv/a.swap", ours=True)
    assert mine.text == "/srv/a.swap none swap sw,pri=5 0 0\n"
    fstab.remove("/swapfile", unmarked=False)
    assert (fstab.text, fstab.marked()) == (FOREIGN, [])


def test_a_line_of_an_earlier_release_is_marked_or_removed() -> None:
    fstab = Fstab(f"{FOREIGN}/srv//a.swap none swap sw 0 0\n")
    fstab.add("/srv/a.swap", ours=True)
    assert fstab.text == FOREIGN + OURS
    fstab = Fstab(f"{FOREIGN}/srv//a.swap none swap sw 0 0\n")
    fstab.remove("/srv/a.swap", unmarked=True)
    assert fstab.text == FOREIGN


def test_a_path_with_a_space_is_one_field() -> None:
    fstab = Fstab("")
    fstab.add("/srv/my swap", ours=True)
    assert fstab.text == "/srv/my\\040swap none swap sw,x-labserver 0 0\n"
    assert fstab.marked() == ["/srv/my swap"]
    fstab.remove("/srv/my swap", unmarked=False)
    assert fstab.text == ""
