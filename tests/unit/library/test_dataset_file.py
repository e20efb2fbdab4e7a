"""dataset_file: sources in order, checksums, resumption, records; nothing half-written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver import dataset, files, http, pypi

from tests.support.modules import Page, RunModule, Server

DATA = bytes(range(256)) * 2000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.close()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def record(dest: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(f"{dest}.source.json").read_text())
    return content


def test_takes_the_first_source_that_answers_and_tells_why_not_the_others(
    run_module: RunModule, server: Server, tmp_path: Path, closed_port: int
) -> None:
    server.pages["/data"] = Page(DATA)
    dead, gone = f"http://127.0.0.1:{closed_port}/data", server.url("/gone")
    wish: dict[str, Any] = {
        "dest": tmp_path / "data",
        "sources": [dead, gone, server.url("/data")],
        "sha256": SHA,
        "mode": "0640",
    }
    result = run_module("dataset_file", **wish)
    assert result["changed"]
    assert (result["source"], result["sha256"], result["size"]) == (server.url("/data"), SHA, len(DATA))
    assert not result["pinned"]
    assert [entry["source"] for entry in result["unavailable"]] == [dead, gone]
    assert "refused" in result["unavailable"][0]["reason"]
    assert "404" in result["unavailable"][1]["reason"]
    assert (tmp_path / "data").read_bytes() == DATA
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o640
    assert leftovers(tmp_path) == []

    server.requests.clear()
    again = run_module("dataset_file", **wish)
    assert not again["changed"]
    assert again["unavailable"] == result["unavailable"]
    assert again["source"] == result["source"]
    assert server.requests == []


def test_wrong_bytes_are_refused_and_the_next_source_is_tried(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/wrong"] = Page(b"something else")
    good = tmp_path / "good"
    good.write_bytes(DATA)
    sources = [server.url("/wrong"), good.as_uri()]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=sources, sha256=SHA.upper())
    assert result["source"] == good.as_uri()
    assert "wrong checksum" in result["unavailable"][0]["reason"]
    assert (tmp_path / "data").read_bytes() == DATA


def test_an_unknown_checksum_is_pinned_to_what_was_first_seen(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/data"] = Page(DATA)
    wish: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")]}
    assert run_module("dataset_file", **wish)["pinned"]
    assert record(tmp_path / "data")["sha256"] == SHA
    assert not run_module("dataset_file", **wish)["changed"]

    (tmp_path / "data").unlink()
    server.pages["/data"] = Page(b"replaced on the server")
    result = run_module("dataset_file", **wish)
    assert result["failed"]
    assert "first seen" in result["msg"]
    assert "force" in result["msg"]
    assert not (tmp_path / "data").exists()

    forced = run_module("dataset_file", force=True, **wish)
    assert forced["changed"]
    assert record(tmp_path / "data")["sha256"] == hashlib.sha256(b"replaced on the server").hexdigest()


def test_a_pin_ends_with_its_source(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/2014"], server.pages["/2018"] = Page(DATA), Page(b"the newer edition")
    dest = tmp_path / "data"
    run_module("dataset_file", dest=dest, sources=[server.url("/2014")])
    result = run_module("dataset_file", dest=dest, sources=[server.url("/2018")])
    assert result["changed"]
    assert dest.read_bytes() == b"the newer edition"


def test_a_file_that_is_there_without_a_record_is_taken(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "data"
    dest.write_bytes(DATA)
    wish: dict[str, Any] = {"dest": dest, "sources": [server.url("/data")]}
    result = run_module("dataset_file", **wish)
    assert result["changed"]
    assert (result["source"], result["sha256"], result["pinned"]) == (str(dest), SHA, True)
    assert not run_module("dataset_file", **wish)["changed"]
    assert server.requests == []


def test_a_damaged_file_is_fetched_again(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA)
    dest = tmp_path / "data"
    dest.write_bytes(DATA[:-1])
    result = run_module("dataset_file", dest=dest, sources=[server.url("/data")], sha256=SHA, diff=True)
    assert result["changed"]
    assert dest.read_bytes() == DATA
    assert result["diff"]["before"]["sha256"] == hashlib.sha256(DATA[:-1]).hexdigest()
    assert result["diff"]["after"] == {"sha256": SHA, "size": len(DATA), "source": server.url("/data")}


def test_check_mode_tells_which_source_would_serve_and_writes_nothing(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/data"] = Page(DATA)
    wish: dict[str, Any] = {
        "dest": tmp_path / "not yet made" / "data",
        "sources": [server.url("/gone"), server.url("/data")],
        "sha256": SHA,
    }
    result = run_module("dataset_file", **wish, check=True, diff=True)
    assert result["changed"]
    assert (result["source"], result["sha256"], result["size"]) == (server.url("/data"), SHA, None)
    assert [entry["source"] for entry in result["unavailable"]] == [server.url("/gone")]
    assert result["diff"]["before"] == {}
    assert list(tmp_path.iterdir()) == []


def test_check_mode_fails_as_a_run_would_where_no_server_has_the_file(
    run_module: RunModule, server: Server, tmp_path: Path, closed_port: int
) -> None:
    wish: dict[str, Any] = {
        "dest": tmp_path / "data",
        "sources": [server.url("/gone"), f"http://127.0.0.1:{closed_port}/data"],
        "sha256": SHA,
    }
    foretold = run_module("dataset_file", **wish, check=True)
    assert foretold["failed"]
    real = run_module("dataset_file", **wish)
    assert (foretold["msg"], foretold["unavailable"]) == (real["msg"], real["unavailable"])


@pytest.mark.parametrize("source", ["/srv/made/later", "s3://bucket/key", "pypi:name==1#file"])
def test_check_mode_passes_over_no_source_that_it_cannot_know(
    run_module: RunModule, server: Server, tmp_path: Path, source: str
) -> None:
    sources = [server.url("/gone"), source, server.url("/data")]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=sources, check=True)
    assert (result["changed"], result["source"]) == (True, source)


def test_check_mode_asks_nobody_for_what_is_there(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA)
    wish: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")], "sha256": SHA}
    run_module("dataset_file", **wish)
    server.requests.clear()
    assert not run_module("dataset_file", **wish, check=True)["changed"]
    assert server.requests == []


def test_when_all_fail_the_message_names_each_and_the_old_file_stays(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    dest = tmp_path / "data"
    dest.write_bytes(b"old")
    sources = [server.url("/gone"), str(tmp_path / "absent"), str(tmp_path)]
    result = run_module("dataset_file", dest=dest, sources=sources, sha256=SHA)
    assert result["failed"]
    for source in sources:
        assert source in result["msg"]
    assert "no such file" in result["msg"]
    assert "not a regular file" in result["msg"]
    assert "`sources`" in result["msg"]
    assert [entry["source"] for entry in result["unavailable"]] == sources
    assert dest.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": []}, "sources is empty"),
        ({"sources": ["ftp://host/file"]}, "of no known kind"),
        ({"sources": ["relative/path"]}, "of no known kind"),
        ({"sources": ["pypi:name#file"]}, "pypi:<distribution>==<version>#"),
        ({"sources": ["pypi:-rname==1#file"]}, "pypi:<distribution>==<version>#"),
        ({"sources": ["s3://bucket"]}, "s3://<bucket>/<key>"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"connect_timeout": 0}, "connect_timeout"),
        ({"dest": "/"}, "not a regular file"),
        ({"dest": "/no such directory/data"}, "does not exist: create it first"),
    ],
)
def test_bad_options_name_their_fix(
    run_module: RunModule, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    result = run_module("dataset_file", **{"dest": tmp_path / "data", "sources": ["/etc/hostname"], **options})
    assert result["failed"]
    assert message in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_broken_transfer_goes_on_where_it_stopped(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA, etag='"one"', cut=[200_000])
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")], sha256=SHA)
    assert not result["failed"]
    assert (tmp_path / "data").read_bytes() == DATA
    assert server.requests[1][1]["Range"] == "bytes=200000-"
    assert leftovers(tmp_path) == []


def test_an_interrupted_run_is_resumed_by_the_next(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA, etag='"one"', cut=[100_000, 50_000, 30_000])
    wish: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")]}
    failed = run_module("dataset_file", **wish)
    assert failed["failed"]
    assert "early" in failed["msg"]
    assert leftovers(tmp_path) == [".data.part", ".data.part.json"]
    server.requests.clear()
    assert run_module("dataset_file", **wish)["changed"]
    assert [headers.get("Range") for _, headers in server.requests] == ["bytes=180000-"]
    assert (tmp_path / "data").read_bytes() == DATA
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(
    run_module: RunModule, server: Server, tmp_path: Path, *, ranges: bool
) -> None:
    server.pages["/data"] = Page(DATA, etag='"one"', cut=[1000] * http.ATTEMPTS)
    wish: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")]}
    assert run_module("dataset_file", **wish)["failed"]
    changed = DATA[::-1]
    server.pages["/data"] = Page(changed, etag='"two"', ranges=ranges)
    assert run_module("dataset_file", **wish)["sha256"] == hashlib.sha256(changed).hexdigest()


def test_a_file_that_became_shorter_is_fetched_from_its_beginning(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    server.pages["/data"] = Page(DATA, etag='"one"', cut=[1000] * http.ATTEMPTS)
    wish: dict[str, Any] = {"dest": tmp_path / "data", "sources": [server.url("/data")]}
    assert run_module("dataset_file", **wish)["failed"]
    server.pages["/data"] = Page(b"short", etag='"one"')
    assert run_module("dataset_file", **wish)["size"] == 5


def test_without_proof_of_sameness_nothing_is_resumed(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA, etag='W/"weak"', cut=[1000])
    assert run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")], sha256=SHA)["changed"]
    assert all("Range" not in headers for _, headers in server.requests)


def test_a_part_of_another_source_is_never_continued(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/one"] = Page(b"x" * 5000, etag='"same"', cut=[1000] * http.ATTEMPTS)
    server.pages["/two"] = Page(DATA, etag='"same"')
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/one"), server.url("/two")])
    assert result["sha256"] == SHA


def test_a_server_that_stalls_is_given_up(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        begin = time.monotonic()
        result = run_module("dataset_file", dest=tmp_path / "data", sources=[url])
    assert "timed out" in result["unavailable"][0]["reason"]
    assert time.monotonic() - begin < 10


def test_a_server_that_drips_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SLOW_WINDOW", 0.2)
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            try:
                for _ in range(100):
                    connection.sendall(b".")
                    time.sleep(0.05)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener, (tmp_path / "out").open("w+b") as out:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        with pytest.raises(http.SourceError, match="fewer than"):
            http.fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/", out, http.Network())


def test_passwords_are_sent_and_never_shown(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA, status=302, location=server.url("/moved").replace("127.0.0.1", "localhost"))
    server.pages["/moved"] = Page(DATA)
    secret = f"http://ann:s3cr%40t@{server.address}"
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[f"{secret}/gone", f"{secret}/data"])
    assert not result["failed"]
    assert server.requests[0][1]["Authorization"] == "Basic YW5uOnMzY3JAdA=="
    assert "Authorization" not in server.requests[2][1]  # not to where it was redirected
    shown = json.dumps(result) + json.dumps(record(tmp_path / "data"))
    assert "s3cr" not in shown.replace(json.dumps(result.get("invocation", "")), "")
    assert result["source"] == f"http://***@{server.address}/data"


def test_a_redirect_leads_to_no_other_kind_of_address(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("private")
    server.pages["/data"] = Page(b"", status=302, location=(tmp_path / "private").as_uri())
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")])
    assert result["failed"]
    assert not (tmp_path / "data").exists()


def test_the_proxy_of_the_environment_is_used(
    run_module: RunModule, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["http://data.example.org/data"] = Page(DATA)
    monkeypatch.setenv("http_proxy", f"http://{server.address}")
    monkeypatch.setenv("no_proxy", "")
    result = run_module("dataset_file", dest=tmp_path / "data", sources=["http://data.example.org/data"], sha256=SHA)
    assert result["changed"]


def test_a_certificate_bundle_that_is_not_there_is_named(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "no.pem"))
    result = run_module("dataset_file", dest=tmp_path / "data", sources=["https://127.0.0.1:9/data"])
    assert "no.pem" in result["msg"]


def test_two_runs_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA)
    wish = dataset.Wish(tmp_path / "data", [server.url("/data")])
    outcomes: list[dataset.Outcome] = []
    threads = [threading.Thread(target=lambda: outcomes.append(dataset.obtain(wish))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.changed for outcome in outcomes) == [False, False, False, True]
    assert len(server.requests) == 1
    assert (tmp_path / "data").read_bytes() == DATA
    assert leftovers(tmp_path) == []


def test_a_file_that_vanishes_while_it_is_looked_at_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "part"
    path.write_bytes(b"")
    # that it exists is old news: another run has just renamed it
    monkeypatch.setattr(Path, "exists", lambda _: True)
    with path.open("rb") as opened:
        assert files.has_name(opened.fileno(), path)
        path.unlink()
        assert not files.has_name(opened.fileno(), path)


def test_what_a_killed_run_left_is_taken_over(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.pages["/data"] = Page(DATA)
    (tmp_path / ".data.part").write_bytes(b"torn")
    (tmp_path / ".data.pip").mkdir()
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[server.url("/data")], sha256=SHA)
    assert result["changed"]
    assert ".data.part" not in leftovers(tmp_path)


def test_a_full_disk_is_told_as_such(run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good").write_bytes(DATA)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "data"))

    monkeypatch.setattr(dataset.shutil, "copyfileobj", full)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[str(tmp_path / "good")])
    assert "free space" in result["msg"]
    assert not (tmp_path / "data").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a file of another user")
def test_a_partial_file_of_another_user_is_not_trusted(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / ".data.part").write_bytes(b"")
    os.chown(tmp_path / ".data.part", 12345, 12345)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=["/etc/hostname"])
    assert "another user" in result["msg"]


def fake_boto3(monkeypatch: pytest.MonkeyPatch, objects: dict[tuple[str, str], bytes]) -> None:
    class BotoError(Exception):
        pass

    class Client:
        def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
            if (Bucket, Key) not in objects:
                raise BotoError("NoSuchKey: the key does not exist")
            return {"Body": io.BytesIO(objects[Bucket, Key])}

    boto3, exceptions = types.ModuleType("boto3"), types.ModuleType("botocore.exceptions")
    config = types.ModuleType("botocore.config")
    boto3.client = lambda *_, **__: Client()  # type: ignore[attr-defined]
    exceptions.BotoCoreError = exceptions.ClientError = BotoError  # type: ignore[attr-defined]
    config.Config = lambda **_: None  # type: ignore[attr-defined]
    for module in (boto3, exceptions, config):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_s3(run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_boto3(monkeypatch, {("bucket", "sets/data"): DATA})
    sources = ["s3://bucket/other", "s3://bucket/sets/data"]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=sources)
    assert result["source"] == sources[1]
    assert "NoSuchKey" in result["unavailable"][0]["reason"]


def test_s3_without_boto3(run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=["s3://bucket/data"])
    assert "install python3-boto3" in result["msg"]


# --- pypi: real pip, an index of our own ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python_with_pip(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("pip")
    done = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this Python cannot make a virtual environment with pip (python3-venv)")
    return str(folder / "bin" / "python")


@pytest.fixture
def index(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/simple"))
    monkeypatch.setenv("PIP_RETRIES", "0")
    return server


def serve(index: Server, project: str, archives: dict[str, bytes], *, digest: str | None = None) -> None:
    links = ""
    for name, body in archives.items():
        index.pages[f"/files/{name}"] = Page(body)
        sha = digest or hashlib.sha256(body).hexdigest()
        links += f'<a href="/files/{name}#sha256={sha}">{name}</a>'
    index.pages[f"/simple/{project}/"] = Page(f"<!DOCTYPE html><html><body>{links}</body></html>".encode())


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


def test_a_file_of_a_wheel(run_module: RunModule, index: Server, tmp_path: Path, python_with_pip: str) -> None:
    serve(index, "some-data", {"some_data-1.0-py3-none-any.whl": wheel({"some_data/set.csv": DATA})})
    source = "pypi:some-data==1.0#some_data/set.csv"
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=[source], python=python_with_pip)
    assert not result["failed"], result
    assert result["source"] == source
    assert (tmp_path / "set.csv").read_bytes() == DATA
    assert leftovers(tmp_path) == []


def test_a_wheel_for_another_platform_serves_as_well(
    run_module: RunModule, index: Server, tmp_path: Path, python_with_pip: str
) -> None:
    name = "some_data-1.0-cp27-none-win32.whl"
    serve(index, "some-data", {name: wheel({"some_data/set.csv": DATA}, tag="cp27-none-win32")})
    sources = ["pypi:some_data==1.0#some_data/set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result["sha256"] == SHA


def test_no_code_of_a_source_distribution_is_run(
    run_module: RunModule, index: Server, tmp_path: Path, python_with_pip: str
) -> None:
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')"
    serve(index, "some-data", {"some-data-1.0.tar.gz": sdist({"setup.py": trap.encode(), "data/set.csv": DATA})})
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
    run_module: RunModule, index: Server, tmp_path: Path, python_with_pip: str,
    archives: dict[str, bytes], digest: str | None, member: str, message: str,
) -> None:  # fmt: skip
    serve(index, "some-data", archives, digest=digest)
    sources = [f"pypi:some-data==1.0#{member}"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result["failed"]
    assert message in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_the_password_of_the_index_serves_for_its_files_and_is_not_shown(
    run_module: RunModule, index: Server, tmp_path: Path, python_with_pip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ann:s3cret@{index.address}/simple")
    serve(index, "some-data", {"some-data-1.0.tar.gz": sdist({"set.csv": DATA})})
    sources = ["pypi:some-data==1.0#set.csv"]
    result = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=python_with_pip)
    assert result["sha256"] == SHA
    assert index.requests[-1][1]["Authorization"].startswith("Basic ")
    index.pages.clear()
    failed = run_module("dataset_file", dest=tmp_path / "two.csv", sources=sources, python=python_with_pip)
    assert "s3cret" not in failed["msg"]


def test_an_index_out_of_reach_is_named(
    run_module: RunModule, index: Server, tmp_path: Path, python_with_pip: str,
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
    assert "install python3-pip" in result["msg"]
    missing = run_module("dataset_file", dest=tmp_path / "set.csv", sources=sources, python=tmp_path / "none")
    assert "set `python`" in missing["msg"]


def test_twice_the_same_member_is_refused() -> None:
    member = pypi.Member("some-data", "1.0", "set.csv")
    with pytest.raises(http.SourceError, match="2 times"):
        pypi._select(["a/set.csv", "b/set.csv"], member, Path("some-data-1.0.tar.gz"))


def test_a_torn_record_is_no_obstacle(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(DATA)
    (tmp_path / "data.source.json").write_text('{"sha256": ')
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[str(tmp_path / "good")])
    assert result["changed"]
    assert record(tmp_path / "data")["sha256"] == SHA


def test_an_old_file_keeps_its_mode(tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_text("old")
    dest.chmod(0o600)
    with files.replacing(dest) as part:
        part.write(b"new")
    assert dest.read_text() == "new"
    assert dest.stat().st_mode & 0o777 == 0o600
