"""r_package: against real R and a real repository of packages that the tests write."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import r_package
from ansible.module_utils.labserver import r_distribution, r_driver, r_packages
from ansible.module_utils.testing import patch_module_args

from tests.support import r as r_support
from tests.support.modules import Page, Server
from tests.support.r import StandInApt

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="no Rscript on PATH: install r-base-dev")
GOOD = ["labgood", "labneeds", "labcxx", "labfortran"]


class Run(Protocol):
    """Runs the module; the fixture `run_module` cannot, for it has an option `name` of its own."""

    def __call__(self, *, check: bool = False, diff: bool = False, **options: object) -> dict[str, Any]: ...


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*, check: bool = False, diff: bool = False, **options: object) -> dict[str, Any]:
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff}
        with patch_module_args(json.loads(json.dumps({**options, **internal}, default=str))), pytest.raises(SystemExit):
            r_package.main()
        return {"failed": False, **json.loads(capsys.readouterr().out)}

    return run


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "MAKEFLAGS",
        "R_LIBS",
    ):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))


@pytest.fixture(scope="session")
def every(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository of all packages of the tests."""
    return r_support.repository(tmp_path_factory.mktemp("every"))


@pytest.fixture(scope="session")
def built(every: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library with those that can be installed."""
    library = tmp_path_factory.mktemp("built")
    archives = [str(every / f"src/contrib/{name}_1.0.tar.gz") for name in ("labbase", *GOOD)]
    subprocess.run(["R", "CMD", "INSTALL", f"--library={library}", *archives], check=True, capture_output=True)
    return library


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def closed() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def library(tmp_path: Path, built: Path) -> Path:
    """Return a library that has labgood and labbase."""
    for name in ("labgood", "labbase"):
        shutil.copytree(built / name, tmp_path / "library" / name)
    return tmp_path / "library"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def wish(library: Path, repository: Path | str, *names: str, **more: Any) -> dict[str, Any]:
    repos = repository.as_uri() if isinstance(repository, Path) else repository
    return {"name": list(names), "library": library, "repos": repos, "distro": "never", **more}


def answer(library: Path, name: str) -> str:
    """Return what a package's function gives in an R of its own."""
    code = f"cat({name}::answer())"
    environment = {**os.environ, "R_LIBS": str(library)}
    done = subprocess.run(["Rscript", "-e", code], check=True, capture_output=True, text=True, env=environment)
    return done.stdout


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@needs_r
def test_packages_are_compiled_and_installed_with_what_they_need_once(run: Run, every: Path, tmp_path: Path) -> None:
    asked = wish(tmp_path / "new" / "library", every, *GOOD)
    foretold = run(check=True, diff=True, **asked)
    assert foretold["changed"]
    assert foretold["packages"]["labcxx"] == {
        "version": "1.0",
        "source": "repository",
        "library": str(tmp_path / "new/library"),
    }
    assert not (tmp_path / "new").exists()

    result = run(diff=True, **asked)
    assert result["changed"]
    assert (result["failures"], result["unavailable"]) == ({}, {})
    assert {name: entry["source"] for name, entry in result["packages"].items()} == dict.fromkeys(GOOD, "repository")
    assert result["diff"] == foretold["diff"]
    assert "labbase 1.0" in result["diff"]["after"], "what others need is shown too"
    library = tmp_path / "new/library"
    assert entries(library) == sorted(["labbase", *GOOD])
    assert [answer(library, name) for name in ("labneeds", "labcxx", "labfortran")] == ["42", "3", "42"]
    assert entries(tmp_path / "tmp") == []

    again = run(diff=True, **wish(library, "http://127.0.0.1:9", *GOOD, "stats"))
    assert not again["changed"], "what loads needs no repository"
    assert {entry["source"] for entry in again["packages"].values()} == {"present"}
    assert again["diff"]["before"] == again["diff"]["after"]


@needs_r
def test_what_can_be_had_is_installed_and_each_failure_names_its_cause(run: Run, every: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(every, repository)
    expected = {
        "labcompile": ["does not compile", "undeclared_thing", "version"],
        "lababove": ["needs labcompile", "undeclared_thing"],
        "labheader": ["no_such_library.h", "libnosuch (>= 2)", "-dev"],
        "labload": ["does not load", "the moon is not full"],
        "labnewer": ["needs R (>= 99.0)", "this is R", "version"],
        "labdangling": ["needs labnowhere", "unknown package", "repos"],
        "labconflict": ["version conflict", "labgood (>= 9.0)", "1.0"],
        "LabGood": ["unknown package", "did you mean labgood?"],
        "nosuchpackage": ["unknown package", "spelling", repository.as_uri()],
    }
    library = tmp_path / "library"
    asked = wish(library, repository, "labgood", *expected, "labbase")
    result = run(**asked)
    assert result["failed"]
    assert result["changed"]
    assert list(result["packages"]) == ["labgood", "labbase"]
    assert result["unavailable"] == {}
    assert set(result["failures"]) == set(expected)
    for name, words in expected.items():
        assert f"{name}: " in result["msg"]
        for word in words:
            assert word in result["failures"][name]
    assert "wrong.c" in result["log"]
    assert entries(library) == ["labbase", "labgood"]
    assert entries(tmp_path / "tmp") == []

    for name in ("labcompile", "labheader", "labload", "labnewer", "labnowhere", "LabGood", "nosuchpackage"):
        r_support.write(repository / "src/contrib", name, "1.1")
    r_support.write(repository / "src/contrib", "labgood", "9.0")
    r_support.index(repository)
    mended = run(**asked)
    assert not mended["failed"]
    assert mended["packages"]["labcompile"]["version"] == "1.1"
    assert mended["packages"]["labgood"]["version"] == "9.0", "labconflict asks for it"
    assert not run(**asked)["changed"]


@needs_r
def test_a_repository_out_of_reach_is_told_apart_and_the_rest_is_had(
    run: Run, server: Server, every: Path, library: Path, closed: str
) -> None:
    asked = wish(library, closed, "labgood", "labneeds", "labplain")
    result = run(**asked)
    assert result["failed"]
    assert result["failures"] == {}
    assert set(result["unavailable"]) == {"labneeds", "labplain"}
    assert list(result["packages"]) == ["labgood"], result["msg"]
    for word in ("labneeds, labplain: ", "out of reach", closed, "connect", "repos"):
        assert word.lower() in result["msg"].lower()
    assert run(check=True, **asked)["unavailable"] == result["unavailable"], "nothing in it changes from run to run"

    server.pages = r_support.pages(every)
    mended = run(**{**asked, "repos": {"gone": closed, "CRAN": server.url("/")}})
    assert not mended["failed"], "one repository that has it is enough"
    assert mended["packages"]["labneeds"]["source"] == "repository"


@needs_r
def test_the_repository_of_the_sites_profile_is_the_default(
    run: Run, every: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = wish(library, every, "labplain")
    del asked["repos"]
    profile = tmp_path / "Rprofile.site"
    profile.touch()
    monkeypatch.setenv("R_PROFILE", str(profile))
    result = run(**asked)
    assert "no repository is set" in result["failures"]["labplain"]
    assert "r_base" in result["failures"]["labplain"]
    profile.write_text(f'options(repos = c(LAB = "{every.as_uri()}/"))\n')
    assert not run(**asked)["failed"]


@needs_r
def test_a_password_in_an_address_is_not_shown(run: Run, library: Path, closed: str) -> None:
    result = run(**wish(library, closed.replace("//", "//me:se@cret@"), "labcxx"))
    assert "***@127.0.0.1" in result["msg"]
    assert "cret" not in str(result["msg"]) + str(result["unavailable"]) + result["log"]


@needs_r
def test_an_address_without_packages_is_wrong_and_not_out_of_reach(
    run: Run, server: Server, library: Path, tmp_path: Path
) -> None:
    for repository in (server.url("/typo"), (tmp_path / "typo").as_uri()):
        result = run(**wish(library, repository, "labcxx"))
        assert result["failed"]
        assert result["unavailable"] == {}
        assert repository in result["failures"]["labcxx"]
        assert "src/contrib" in result["failures"]["labcxx"]


@needs_r
def test_a_server_that_refuses_is_out_of_reach(
    run: Run, server: Server, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = server._server.RequestHandlerClass
    monkeypatch.setattr(handler, "do_HEAD", lambda self: self.send_error(403), raising=False)
    result = run(**wish(library, server.url("/"), "labcxx"))
    assert "HTTP status 403" in result["unavailable"]["labcxx"]


@needs_r
def test_a_repository_that_stops_half_way_and_one_that_lacks_a_file(
    run: Run, server: Server, every: Path, library: Path
) -> None:
    server.pages = r_support.pages(every)
    half, lost = "/src/contrib/labplain_1.0.tar.gz", "/src/contrib/labother_1.0.tar.gz"
    whole = server.pages[half].body
    server.pages[half].cut = [len(whole) // 2]
    gone = server.pages.pop(lost)
    asked = wish(library, server.url("/"), "labplain", "labother", "labmore")
    result = run(**asked)
    assert result["failed"]
    assert set(result["failures"]) == {"labplain", "labother"}
    assert "half-way" in result["failures"]["labplain"]
    assert server.url(half) in result["failures"]["labplain"]
    assert "404" in result["failures"]["labother"]
    assert list(result["packages"]) == ["labmore"]

    server.pages[half] = Page(whole[: len(whole) // 2])  # half a file that its server believes to be whole
    server.pages[lost] = gone
    result = run(**asked)
    assert "half-way" in result["failures"]["labplain"]
    assert not (library / "labplain").exists()

    server.pages[half] = Page(whole)
    assert not run(**asked)["failed"]


@needs_r
def test_an_index_that_stops_half_way(run: Run, server: Server, every: Path, library: Path) -> None:
    server.pages = r_support.pages(every)
    for name in ("PACKAGES", "PACKAGES.gz", "PACKAGES.rds"):
        page = server.pages[f"/src/contrib/{name}"]
        page.cut = [len(page.body) // 3] * 9
    asked = wish(library, server.url("/"), "labplain")
    result = run(**asked)
    assert result["failed"]
    assert server.url("") in result["msg"]
    server.pages = r_support.pages(every)
    assert not run(**asked)["failed"]


@needs_r
def test_a_full_disk_is_named(run: Run, every: Path, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((1 << 20) - (48 << 10)))
    asked = wish(small_disk / "library", every, "labplain", "labmore")
    result = run(**asked)
    assert result["failed"]
    assert result["unavailable"] == {}
    assert "labplain" in result["failures"]
    for word in ("no room left", f"file system {small_disk} ", "library"):
        assert word in result["failures"]["labplain"]
    assert not (small_disk / "library/labplain").exists()

    ballast.unlink()
    assert not run(**asked)["failed"]
    assert answer(small_disk / "library", "labplain") == "42"


@needs_r
def test_a_full_disk_of_temporary_files_is_named(
    run: Run, every: Path, library: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(small_disk))
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((1 << 20) - (48 << 10)))
    result = run(**wish(library, every, "labplain"))
    assert result["failed"]
    assert str(small_disk) in result["msg"]
    assert "TMPDIR" in result["msg"]
    ballast.unlink()
    assert not run(**wish(library, every, "labplain"))["failed"]


@needs_r
def test_a_run_that_is_killed_is_finished_by_the_next(run: Run, tmp_path: Path, library: Path) -> None:
    """R has begun to write the package, and keeps the old one aside, when all processes are killed."""
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    slow = "#!/bin/sh\n[ ! -e $SLOW ] || { touch $SLOW.begun; sleep 60; }\n"
    r_support.write(
        repository / "src/contrib", "labgood", "2.0", configure=slow.replace("$SLOW", str(tmp_path / "slow"))
    )
    r_support.index(repository)
    asked = wish(library, repository, "labgood", state="latest")
    (tmp_path / "slow").touch()
    process = os.fork()
    if not process:
        os.setsid()
        run(**asked)
    until((tmp_path / "slow.begun").exists)
    assert (library / "00LOCK-labgood").is_dir()
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    (left,) = (tmp_path / "tmp").iterdir()
    until(lambda: is_free(left))
    os.utime(left, (0, 0))

    (tmp_path / "slow").unlink()
    result = run(**asked)
    assert result["packages"]["labgood"]["version"] == "2.0"
    assert entries(library) == ["labbase", "labgood"]
    assert entries(tmp_path / "tmp") == []


def is_free(folder: Path) -> bool:
    """Tell whether the last process that works in a folder is gone; killed ones take a moment."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


@needs_r
def test_what_was_half_installed_does_not_count(run: Run, every: Path, library: Path, built: Path) -> None:
    (library / "labgood/R/labgood.rdb").unlink()
    (library / "labbase/NAMESPACE").unlink()
    shutil.rmtree(library / "labbase/Meta")
    lock = library / "00LOCK-labcxx"
    shutil.copytree(built / "labcxx", lock / "labcxx")  # what R puts aside while it installs
    (lock / "00new/labcxx/libs").mkdir(parents=True)
    (library / "labcxx").mkdir()
    asked = wish(library, every, "labneeds", "labgood")
    result = run(**asked)
    assert not result["failed"], result["msg"]
    assert result["changed"]
    assert answer(library, "labneeds") == "42"
    assert entries(library) == ["labbase", "labcxx", "labgood", "labneeds"]
    assert answer(library, "labcxx") == "3", "what a killed installation had put aside is back"


@needs_r
def test_another_that_installs_is_waited_for(
    run: Run, every: Path, library: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = wish(library, every, "labcxx")
    lock = os.open(library, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    monkeypatch.setattr(r_packages, "LOCK_WAIT", 0)
    result = run(**asked)
    assert result["failed"]
    assert str(library) in result["msg"]
    assert "wait" in result["msg"]

    def finish() -> None:
        shutil.copytree(built / "labcxx", library / "labcxx")
        os.close(lock)

    monkeypatch.setattr(r_packages, "LOCK_WAIT", 60)
    threading.Timer(3, finish).start()
    result = run(**asked)
    assert result["packages"]["labcxx"]["source"] == "present", "what it has installed is not installed again"


@needs_r
@pytest.mark.parametrize("option", ["-l {}", "--library={}"])
def test_an_r_cmd_install_of_somebody_else_is_seen(tmp_path: Path, option: str) -> None:
    r_support.write(tmp_path, "labslow", configure="#!/bin/sh\nsleep 30\n")
    (tmp_path / "theirs").mkdir()
    command = ["R", "CMD", "INSTALL", *option.format("theirs").split(), "labslow_1.0.tar.gz"]
    other = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        until(lambda: r_packages.installing(tmp_path / "theirs") != "")
        assert "R CMD INSTALL" in r_packages.installing(tmp_path / "theirs")
        assert r_packages.installing(tmp_path / "ours") == ""
    finally:
        os.killpg(other.pid, signal.SIGKILL)
        other.wait()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that in 30 seconds")


@needs_r
def test_versions(run: Run, tmp_path: Path, library: Path) -> None:
    repository = tmp_path / "repository"
    contrib = repository / "src/contrib"
    (contrib / "Archive/labgood").mkdir(parents=True)
    r_support.write(contrib, "labgood", "2.0-1")
    r_support.write(contrib, "labnewer", "1.0")
    r_support.write(contrib, "labnewer", "2.0", Depends="R (>= 99)")
    r_support.index(repository)
    r_support.write(contrib / "Archive/labgood", "labgood", "0.9", Imports="labnewer")
    asked = wish(library, repository, "labgood")
    assert not run(**asked)["changed"], "present leaves what loads"

    latest = run(diff=True, state="latest", **asked)
    assert latest["packages"]["labgood"]["version"] == "2.0-1"
    assert latest["diff"] == {"before": "labgood 1.0\n", "after": "labgood 2.0-1\n"}
    assert not run(state="latest", **asked)["changed"]
    assert not run(version="2.0.1", **asked)["changed"], "R takes - and . for the same"

    foretold = run(check=True, version="0.9", **asked)
    assert foretold["packages"]["labgood"]["version"] == "0.9"
    archived = run(version="0.9", **asked)
    assert archived["packages"]["labgood"]["version"] == "0.9"
    assert "labnewer" in entries(library), "what the archived version needs is read from its archive"
    assert run(**wish(library, repository, "labnewer"))["packages"]["labnewer"]["version"] == "1.0"

    lacking = run(version="7.7", **asked)
    assert "version conflict" in lacking["failures"]["labgood"]
    assert "2.0-1" in lacking["failures"]["labgood"]
    older = run(version="2.0", **wish(library, repository, "labnewer"))
    assert "needs R (>= 99)" in older["failures"]["labnewer"]


@needs_r
def test_a_version_that_fails_leaves_the_old_one(run: Run, tmp_path: Path, library: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    r_support.write(repository / "src/contrib", "labgood", "2.0", **r_support.PACKAGES["labcompile"])
    r_support.index(repository)
    result = run(state="latest", **wish(library, repository, "labgood"))
    assert "undeclared_thing" in result["failures"]["labgood"]
    assert not result["changed"]
    assert answer(library, "labgood") == "42"


@needs_r
def test_latest_says_which_repository_it_could_not_ask(run: Run, library: Path, closed: str) -> None:
    result = run(state="latest", **wish(library, closed, "labgood"))
    assert not result["changed"]
    assert closed in str(result["warnings"])


@needs_r
def test_a_package_that_takes_r_down_is_named(run: Run, tmp_path: Path, library: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    quits = (
        "answer <- function() 42\n.onLoad <- function(...) if (!nzchar(Sys.getenv('R_INSTALLING'))) quit(status = 3)\n"
    )
    r_support.write(repository / "src/contrib", "labquits", **{"R/": quits, "StagedInstall": "no"})
    r_support.index(repository)
    environment = {**os.environ, "R_INSTALLING": "yes"}
    archive = repository / "src/contrib/labquits_1.0.tar.gz"
    command = ["R", "CMD", "INSTALL", f"--library={library}", str(archive)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    result = run(**wish(library, repository, "labgood", "labquits"))
    assert "labquits" in result["failures"]
    assert list(result["packages"]) == ["labgood"], result["msg"]

    r_support.write(repository / "src/contrib", "labquits")
    assert not run(**wish(library, repository, "labgood", "labquits"))["failed"]


@needs_r
def test_built_packages_are_taken_or_insisted_on(
    run: Run, every: Path, tmp_path: Path, built: Path, library: Path
) -> None:
    asked = wish(library, every, "labcxx", type="binary")
    result = run(**asked)
    assert "source only" in result["failures"]["labcxx"]
    assert "type: auto" in result["failures"]["labcxx"]

    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    archive = repository / "src/contrib/labcxx_1.0.tar.gz"
    subprocess.run(["tar", "--create", "--gzip", f"--file={archive}", f"--directory={built}", "labcxx"], check=True)
    r_support.index(repository)
    result = run(**{**asked, "repos": repository.as_uri()})
    assert not result["failed"], result["msg"]
    assert "*binary* package" in result["log"]
    assert answer(library, "labcxx") == "3"


@needs_r
def test_all_cores_compile_unless_the_environment_says_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    r_support.write(repository / "src/contrib", "labcores", configure='#!/bin/sh\necho "$MAKEFLAGS"\n')
    r_support.index(repository)
    cores = len(os.sched_getaffinity(0))
    assert f"-j{cores}" in run(**wish(tmp_path / "one", repository, "labcores"))["log"]
    monkeypatch.setenv("MAKEFLAGS", "-j7")
    assert "-j7" in run(**wish(tmp_path / "two", repository, "labcores"))["log"]


@needs_r
def test_removal(run: Run, library: Path, every: Path, built: Path) -> None:
    shutil.copytree(built / "labneeds", library / "labneeds")
    (library / "labhalf").mkdir()  # what an R that was killed left of a package
    asked = wish(library, every, "labgood", state="absent")
    result = run(**asked)
    assert result["failed"]
    assert "labneeds" in result["failures"]["labgood"]
    assert "name" in result["failures"]["labgood"]
    assert (library / "labgood").is_dir()

    asked["name"] = ["labgood", "labneeds", "labhalf", "labnever"]
    foretold = run(check=True, diff=True, **asked)
    assert foretold["changed"]
    assert (library / "labgood").is_dir()
    result = run(diff=True, **asked)
    assert result["changed"]
    assert result["diff"] == foretold["diff"]
    assert result["diff"]["after"] == ""
    assert "labgood 1.0" in result["diff"]["before"]
    assert entries(library) == ["labbase"]
    assert not run(**asked)["changed"]

    assert "part of R" in run(**wish(library, every, "stats", state="absent"))["failures"]["stats"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ["lab good"]}, ["lab good", "name"]),
        ({"name": ["labgood", "r-lib/lab"]}, ["r-lib/lab", "name"]),
        ({"name": ["lab'); q('"]}, ["invalid package name"]),
        ({"name": ["labgood", "labbase"], "version": "1.0"}, ["version", "one package"]),
        ({"name": ["labgood"], "version": "new"}, ["version", "1.7.11.1"]),
        ({"name": ["labgood"], "version": "1.0", "state": "latest"}, ["version", "state: present"]),
        ({"name": ["labgood"], "repos": "cran.example.org"}, ["repos", "cran.example.org", "https://"]),
        ({"name": ["labgood"], "repos": "ftp://me:secret@x"}, ["repos", "***@x"]),
        ({"name": ["labgood"], "repos": [1]}, ["repos", "mapping"]),
        ({"name": ["labgood"], "library": "/a:b"}, ["library", "/a:b"]),
        ({"name": ["labgood"], "timeout": 0}, ["timeout"]),
        ({"name": []}, ["name"]),
    ],
)
def test_wrong_options_are_named(run: Run, options: dict[str, Any], words: list[str]) -> None:
    result = run(**options)
    assert result["failed"]
    for word in words:
        assert word in result["msg"]
    assert "secret" not in result["msg"]


@needs_r
def test_a_library_that_cannot_be_made(run: Run, every: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run(**wish(tmp_path / "file/library", every, "labgood"))
    assert str(tmp_path / "file/library") in result["msg"]
    assert "set `library`" in result["msg"]


def test_without_r(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("ansible.module_utils.common.process.get_bin_path", no_program)
    result = run(name=["labgood"])
    assert result["failed"]
    assert "r_base" in result["msg"]
    foretold = run(check=True, name=["labgood"])
    assert foretold["changed"]
    assert "not there yet" in str(foretold["warnings"])
    assert list(foretold["packages"]) == ["labgood"]
    assert not run(name=["labgood"], state="absent")["changed"]
    result = run(name=["labgood"], r=str(tmp_path / "R"))
    assert str(tmp_path / "R") in result["msg"]
    assert "correct `r`" in result["msg"]


def no_program(name: str, *_: object, **__: object) -> str:
    raise ValueError(f"no {name}")


@needs_r
def test_rscript_will_do(run: Run, every: Path, library: Path) -> None:
    result = run(check=True, r=shutil.which("Rscript"), **wish(library, every, "labneeds"))
    assert result["packages"]["labneeds"]["source"] == "repository"


# the distribution, with a stand-in for apt


@pytest.fixture
def apt(tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> StandInApt:
    apt = StandInApt(tmp_path / "apt", built)
    monkeypatch.setenv("PATH", f"{apt.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("R_LIBS_SITE", str(apt.site))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    home = subprocess.run(["R", "RHOME"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setattr(r_packages, "HOMES", (home,))
    monkeypatch.setattr(r_distribution.Apt, "lists", every_list(tmp_path))
    return apt


def every_list(folder: Path) -> Path:
    (folder / "lists").mkdir()
    (folder / "lists/archive_Packages.lz4").touch()
    return folder / "lists"


def prefer(library: Path, repository: Path | str, *names: str, **more: Any) -> dict[str, Any]:
    return {**wish(library, repository, *names), "distro": "prefer", **more}


@needs_r
def test_the_distributions_packages_go_first_also_for_what_others_need(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path
) -> None:
    apt.offer("labgood")
    apt.offer("labcxx", version="1:1.0+dfsg-2+b1")
    asked = prefer(tmp_path / "library", every, "labcxx", "labneeds")
    foretold = run(check=True, diff=True, **asked)
    assert {name: entry["source"] for name, entry in foretold["packages"].items()} == {
        "labcxx": "distribution",
        "labneeds": "repository",
    }
    assert apt.calls("apt-get") == []
    result = run(diff=True, **asked)
    assert not result["failed"], result["msg"]
    assert result["diff"] == foretold["diff"]
    assert result["packages"]["labcxx"] == {"version": "1.0", "source": "distribution", "library": str(apt.site)}
    (call,) = apt.calls("apt-get")
    assert call.endswith("r-cran-labcxx r-cran-labgood"), "one transaction, with what labneeds needs"
    assert "--no-install-recommends" in call
    assert "Lock::Timeout" in call
    assert entries(tmp_path / "library") == ["labbase", "labneeds"]
    assert not run(**asked)["changed"]
    assert apt.calls("apt-cache") == []


@needs_r
def test_the_distribution_must_be_new_enough(run: Run, apt: StandInApt, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    r_support.write(repository / "src/contrib", "labgood", "2.0")
    r_support.write(repository / "src/contrib", "labwants", Imports="labgood (>= 2.0)")
    r_support.index(repository)
    apt.offer("labgood")
    library = tmp_path / "library"
    result = run(**prefer(library, repository, "labwants"))
    assert apt.calls("apt-get") == []
    assert entries(library) == ["labgood", "labwants"]

    result = run(**prefer(library, repository, "labgood", version="1.0"))
    assert result["packages"]["labgood"] == {"version": "1.0", "source": "distribution", "library": str(apt.site)}
    assert entries(library) == ["labwants"], "the copy that would be found first is gone"

    result = run(check=True, **prefer(library, repository, "labgood", state="latest"))
    assert result["packages"]["labgood"]["version"] == "2.0"


@needs_r
def test_only_the_distribution(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt.offer("labgood", version="1.0.99~rc1-1")
    asked = {**prefer(tmp_path / "library", every, "labgood", "labcxx"), "distro": "only"}
    result = run(**asked)
    assert result["packages"]["labgood"]["version"] == "1.0", "as R has it"
    assert list(result["failures"]) == ["labcxx"]
    assert "distro: prefer" in result["failures"]["labcxx"]

    monkeypatch.setattr(r_packages, "HOMES", ("/nowhere",))
    result = run(**{**asked, "name": ["labcxx"]})
    assert "for this R" in result["failures"]["labcxx"]


@needs_r
def test_what_apt_cannot_install_comes_from_the_repository(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path, closed: str
) -> None:
    apt.offer("labgood")
    apt.offer("labbase", fails="E: Could not resolve 'deb.example.org'")
    apt.offer("labneeds", fails="E: r-cran-labneeds: the archive is damaged")
    asked = prefer(tmp_path / "library", closed, "labgood", "labbase", "labneeds")
    result = run(**asked)
    assert list(result["packages"]) == ["labgood"], result["msg"]
    assert list(result["unavailable"]) == ["labbase"], "out of reach both there and there"
    assert "deb.example.org" in result["unavailable"]["labbase"]
    assert "the archive is damaged" in result["failures"]["labneeds"]
    mended = run(**{**asked, "repos": every.as_uri()})
    assert {name: entry["source"] for name, entry in mended["packages"].items()} == {
        "labgood": "present",
        "labbase": "repository",
        "labneeds": "repository",
    }


@needs_r
def test_what_then_comes_from_the_repository_has_its_needs_from_the_distribution(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path
) -> None:
    apt.offer("labgood")
    apt.offer("labbase")
    apt.offer("labneeds", fails="E: r-cran-labneeds: the archive is damaged")
    result = run(**prefer(tmp_path / "library", every, "labneeds"))
    assert result["packages"]["labneeds"]["source"] == "repository"
    assert entries(apt.site) == ["labbase", "labgood"]
    assert entries(tmp_path / "library") == ["labneeds"]


@needs_r
def test_apt_is_for_root(
    run: Run, apt: StandInApt, every: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt.offer("labgood")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = run(**prefer(tmp_path / "library", every, "labgood"))
    assert "become: true" in result["failures"]["labgood"]
    assert "distro: never" in result["failures"]["labgood"]
    assert apt.calls("apt-get") == []


@needs_r
def test_the_distributions_packages_are_removed_by_apt(
    run: Run, apt: StandInApt, every: Path, built: Path, library: Path
) -> None:
    for name in ("labgood", "labcxx"):
        shutil.copytree(built / name, apt.site / name)
    asked = prefer(library, every, "labgood", "labcxx", state="absent")
    del asked["library"]
    refused = run(**{**asked, "distro": "never"})
    assert "r-cran-labcxx" in refused["failures"]["labcxx"]
    assert run(**asked)["changed"]
    assert entries(apt.site) == []
    (call,) = apt.calls("apt-get")
    assert call.endswith("remove r-cran-labcxx r-cran-labgood")
    assert not run(**asked)["changed"]


@needs_r
def test_package_lists_are_fetched_where_there_are_none(run: Run, apt: StandInApt, every: Path, tmp_path: Path) -> None:
    apt.offer("labgood")
    (tmp_path / "lists/archive_Packages.lz4").unlink()
    run(check=True, **prefer(tmp_path / "library", every, "labgood"))
    assert apt.calls("apt-get") == []
    run(**prefer(tmp_path / "library", every, "labgood"))
    update, install = apt.calls("apt-get")
    assert update.endswith("update")
    assert "install" in install


# what does not need R


@pytest.fixture
def dnf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the log of a stand-in for dnf and rpm, the only programs there are besides the shell."""
    (tmp_path / "bin").mkdir()
    script = f"""#!/bin/sh
echo "$(basename "$0") $*" >>{tmp_path}/log
case "$*" in
  *repoquery*) printf 'R-doMC 1.3.7\\nR-doMC 1.3.8\\n\\nR-MASS 7.3.58.2\\n' ;;
  *R-broken*) echo "Error: Unable to find a match: R-broken" >&2; exit 1 ;;
  --query*R-doMC*) echo "R-doMC" ;;
  --query*) echo "not owned" >&2; exit 1 ;;
esac
"""
    for name in ("dnf", "rpm", "basename"):
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    shutil.copy("/usr/bin/basename", tmp_path / "bin/basename")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "log"


def test_dnf(dnf: Path) -> None:
    tool = r_distribution.found()
    assert isinstance(tool, r_distribution.Dnf)
    assert tool.candidates(["doMC", "MASS", "tictoc"]) == {"doMC": "1.3.8", "MASS": "7.3.58.2"}
    assert r_driver.version_of("7.3.58.2") == r_driver.version_of("7.3-58.2")
    dnf.unlink()
    problems = tool.install(["doMC", "broken"])
    assert list(problems) == ["broken"]
    assert "Unable to find a match" in problems["broken"].reason
    together, *alone = dnf.read_text().splitlines()
    assert together.endswith("install R-doMC R-broken")
    assert "install_weak_deps=False" in together
    assert len(alone) == 2, "one by one after the transaction failed"
    ours, theirs = Path("/usr/lib64/R/library/R-doMC/DESCRIPTION"), Path("/usr/local/lib/R/tictoc/DESCRIPTION")
    assert tool.owners([ours, theirs]) == {ours: "R-doMC"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("1.5.2-1", "1.5.2"),
        ("7.3-58.2-1", "7.3-58.2"),
        ("1:4.7-1.1-1+b2", "4.7-1.1"),
        ("1.14.8+dfsg-1", "1.14.8"),
        ("2.1.8.1", "2.1.8.1"),
    ],
)
def test_versions_of_debian(theirs: str, ours: str) -> None:
    assert r_distribution.upstream(theirs) == ours


def test_what_packages_need() -> None:
    needs = r_driver.needs_in("R (>= 4.3.0), foreach(>= 1.2),\n iterators, Matrix (>= 1.5-1), Matrix (< 2)")
    assert needs == {
        "R": [(">=", "4.3.0")],
        "foreach": [(">=", "1.2")],
        "iterators": [],
        "Matrix": [(">=", "1.5-1"), ("<", "2")],
    }
    assert r_driver.fulfils("1.5-4", needs["Matrix"])
    assert not r_driver.fulfils("1.5.0", needs["Matrix"])
    assert r_driver.fulfils("1.10", [(">", "1.9"), ("!=", "1.11"), ("<=", "1.10")])


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("g++: fatal error: Killed signal terminated program cc1plus", ["memory", "swap", "MAKEFLAGS=-j1"]),
        ("/bin/bash: line 1: gfortran: command not found\nmake: *** [x.o] Error 127", ["gfortran", "r_base"]),
        ("sh: 1: make: not found\nERROR: compilation failed", ["make is missing", "r_base"]),
        ("/usr/bin/ld: cannot find -lxml2: No such file or directory", ["xml2", "-dev", "libxml2 (needed)"]),
        ("configure: error: no curl headers", ["no curl headers", "-dev"]),
        ("ERROR: this R is version 4.2.2, package 'x' requires R >= 4.3.0", ["R >= 4.3.0", "4.2.2", "version"]),
        (
            "Error: namespace 'rlang' 1.0.6 is already loaded, but >= 1.1.0 is required",
            ["rlang 1.0.6", ">= 1.1.0", "latest"],
        ),
        ("ERROR: something else\nand more", ["something else", "and more"]),
    ],
)
def test_causes_in_the_log_of_an_installation(log: str, words: list[str]) -> None:
    reason = r_packages.why_not_installed("labx", log, "libxml2 (needed)")
    for word in words:
        assert word in reason


def test_the_first_error_is_shown_however_much_follows() -> None:
    log = "a.c:1: error: the cause\n" + "note\n" * 100 + "make: *** [a.o] Error 1\nERROR: compilation failed\n"
    reason = r_packages.why_not_installed("labx", log, "")
    assert "error: the cause" in reason
    assert "Error 1" in reason
    assert len(reason.splitlines()) < 20
