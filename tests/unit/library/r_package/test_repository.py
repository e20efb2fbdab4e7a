"""r_package and repositories: out of reach, wrong, refusing, or stopping half-way."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import r_package

from tests.support import r as r_support
from tests.support.modules import Page, Server
from tests.support.r import Run, answer, needs_r, options


@needs_r
def test_a_repository_out_of_reach_is_told_apart_and_the_rest_is_had(
    run: Run, server: Server, every: Path, library: Path, closed: str
) -> None:
    arguments = options(library, closed, "labgood", "labneeds", "labplain")
    result = run(**arguments)
    assert result["failed"]
    assert result["failures"] == {}
    assert set(result["unavailable"]) == {"labneeds", "labplain"}
    assert list(result["packages"]) == ["labgood"], result["msg"]
    for word in ("labneeds, labplain: ", "out of reach", closed, "connect", "repos"):
        assert word.lower() in result["msg"].lower()
    assert run(check=True, **arguments)["unavailable"] == result["unavailable"], "nothing in it changes from run to run"

    server.pages = r_support.pages(every)
    mended = run(**{**arguments, "repos": {"gone": closed, "CRAN": server.url("/")}})
    assert not mended["failed"], "one repository that has it is enough"
    assert mended["packages"]["labneeds"]["source"] == "repository"


@needs_r
def test_the_repository_of_the_sites_profile_is_the_default(
    run: Run, every: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = options(library, every, "labplain")
    del arguments["repos"]
    profile = tmp_path / "Rprofile.site"
    profile.touch()
    monkeypatch.setenv("R_PROFILE", str(profile))
    result = run(**arguments)
    assert "no repository is set" in result["failures"]["labplain"]
    assert "r_base" in result["failures"]["labplain"]
    profile.write_text(f'options(repos = c(LAB = "{every.as_uri()}/"))\n')
    assert not run(**arguments)["failed"]


@needs_r
def test_a_password_in_an_address_is_not_shown(run: Run, library: Path, closed: str) -> None:
    result = run(**options(library, closed.replace("//", "//me:se@cret@"), "labcxx"))
    assert "***@127.0.0.1" in result["msg"]
    assert "cret" not in str(result["msg"]) + str(result["unavailable"]) + result["log"]


@needs_r
def test_an_address_without_packages_is_wrong_and_not_out_of_reach(
    run: Run, server: Server, library: Path, tmp_path: Path
) -> None:
    for repository in (server.url("/typo"), (tmp_path / "typo").as_uri()):
        result = run(**options(library, repository, "labcxx"))
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
    result = run(**options(library, server.url("/"), "labcxx"))
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
    arguments = options(library, server.url("/"), "labplain", "labother", "labmore")
    result = run(**arguments)
    assert result["failed"]
    assert set(result["failures"]) == {"labplain", "labother"}
    assert "half-way" in result["failures"]["labplain"]
    assert server.url(half) in result["failures"]["labplain"]
    assert "404" in result["failures"]["labother"]
    assert list(result["packages"]) == ["labmore"]

    server.pages[half] = Page(whole[: len(whole) // 2])  # half a file that its server believes to be whole
    server.pages[lost] = gone
    result = run(**arguments)
    assert "half-way" in result["failures"]["labplain"]
    assert not (library / "labplain").exists()

    server.pages[half] = Page(whole)
    assert not run(**arguments)["failed"]


@needs_r
def test_an_index_that_stops_half_way(run: Run, server: Server, every: Path, library: Path) -> None:
    server.pages = r_support.pages(every)
    for name in ("PACKAGES", "PACKAGES.gz", "PACKAGES.rds"):
        page = server.pages[f"/src/contrib/{name}"]
        page.cut = [len(page.body) // 3] * 9
    arguments = options(library, server.url("/"), "labplain")
    result = run(**arguments)
    assert result["failed"]
    assert server.url("") in result["msg"]
    server.pages = r_support.pages(every)
    assert not run(**arguments)["failed"]


@needs_r
def test_the_first_repository_that_has_a_package_gives_it(run: Run, every: Path, tmp_path: Path, closed: str) -> None:
    newer = tmp_path / "newer"
    (newer / "src/contrib").mkdir(parents=True)
    r_support.write(newer / "src/contrib", "labplain", "2.0")
    r_support.index(newer)
    repos = [closed, every.as_uri(), newer.as_uri()]
    arguments = {**options(tmp_path / "library", every, "labplain"), "repos": repos}
    result = run(**arguments)
    assert result["packages"]["labplain"]["version"] == "1.0"
    assert closed in str(result["warnings"]), "the one that is passed over is named"
    assert run(**{**arguments, "state": "latest"})["packages"]["labplain"]["version"] == "2.0"


@needs_r
def test_latest_says_which_repository_it_could_not_ask(run: Run, library: Path, closed: str) -> None:
    result = run(state="latest", **options(library, closed, "labgood"))
    assert not result["changed"]
    assert closed in str(result["warnings"])


@needs_r
def test_built_packages_are_taken_or_insisted_on(
    run: Run, every: Path, tmp_path: Path, built: Path, library: Path
) -> None:
    arguments = options(library, every, "labcxx", type="binary")
    result = run(**arguments)
    assert "source only" in result["failures"]["labcxx"]
    assert "type: auto" in result["failures"]["labcxx"]

    repository = tmp_path / "repository"
    (repository / "src/contrib").mkdir(parents=True)
    archive = repository / "src/contrib/labcxx_1.0.tar.gz"
    subprocess.run(["tar", "--create", "--gzip", f"--file={archive}", f"--directory={built}", "labcxx"], check=True)
    r_support.index(repository)
    result = run(**{**arguments, "repos": repository.as_uri()})
    assert not result["failed"], result["msg"]
    assert "*binary* package" in result["log"]
    assert answer(library, "labcxx") == "3"


@needs_r
def test_what_is_not_required_may_be_out_of_reach_and_nothing_else(
    run: Run, every: Path, library: Path, closed: str
) -> None:
    result = run(required=False, **options(library, closed, "labgood", "labneeds", "labplain"))
    assert not result["failed"]
    assert (result["changed"], result["available"]) == (False, False)
    assert result["reason"].startswith("labneeds, labplain: the repository is out of reach")
    assert list(result["packages"]) == ["labgood"]
    assert set(result["unavailable"]) == {"labneeds", "labplain"}

    result = run(required=False, **options(library, every, "labgood", "labcompile", "nosuchpackage"))
    assert result["failed"]
    assert set(result["failures"]) == {"labcompile", "nosuchpackage"}

    result = run(required=False, **options(library, every, "labplain"))
    assert (result["available"], result["reason"]) == (True, "")


@needs_r
def test_a_certificate_that_is_not_trusted_is_an_error(run: Run, library: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on PATH, which makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", *files]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server(context)
    try:
        result = run(required=False, **options(library, f"https://{server.address}", "labplain"))
    finally:
        server.close()
    assert result["failed"]
    assert result["unavailable"] == {}
    assert "certificate of the repository is not trusted" in result["failures"]["labplain"]


def test_a_crash_is_no_reason(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake in the module")

    monkeypatch.setattr(r_package, "install_packages", crash)
    monkeypatch.setattr("ansible.module_utils.basic.get_bin_path", lambda *_, **__: "/bin/true")
    with pytest.raises(RuntimeError, match="a mistake"):
        run(required=False, name=["labgood"])
