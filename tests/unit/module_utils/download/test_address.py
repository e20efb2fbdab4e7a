"""Addresses as people write them; redirects; and secrets, which are sent and shown nowhere."""

from __future__ import annotations

import base64
import json
import syslog
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.labserver.download import fetch, http
from ansible.module_utils.labserver.download.address import AddressError, identity, mask, parse, scrub
from ansible.module_utils.labserver.download.connection import Network

from tests.support.downloads import DATA, SHA, record
from tests.support.modules import Page, RawServer, RunModule, Server, answer


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/a b/c.csv", "/a%20b/c.csv"),
        ("/é/ü.csv", "/%C3%A9/%C3%BC.csv"),
        ("/a%20b/%C3%A9", "/a%20b/%C3%A9"),
        ("/100%/x%zz", "/100%25/x%25zz"),
        ("/data#part=1", "/data"),
        ("?id=1", "/?id=1"),
        ("", "/"),
        ("/x?a=:/?&=%&b=ü c&d=%26", "/x?a=:/?&=%25&b=%C3%BC%20c&d=%26"),
        ("/x;v=1,2(3)'!*@~$+=", "/x;v=1,2(3)'!*@~$+="),
        ('/<a>|{b}\\^`"', "/%3Ca%3E%7C%7Bb%7D%5C%5E%60%22"),
    ],
)
def test_odd_addresses_are_encoded_once(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, written: str, sent: str
) -> None:
    raw_server.answers = [answer(DATA)]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url(written)])
    assert (result["failed"], result.get("sha256")) == (False, SHA)
    assert raw_server.requests[0].split("\r\n")[0] == f"GET {sent} HTTP/1.1"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://Bücher.example/x", "http://xn--bcher-kva.example/x"),
        ("HTTPS://EXAMPLE.org:443", "https://example.org/"),
        ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("http://b%C3%BCcher.example:/x", "http://xn--bcher-kva.example/x"),
        (" http://h/x\n", "http://h/x"),
    ],
)
def test_hosts(address: str, url: str) -> None:
    assert parse(address).url == url


@pytest.mark.parametrize(
    "address",
    [
        "http://ann:s3cret@h:port/x", "http://ann:s3cret@/x", "http://ann:s3c/ret@h/x", "http://ann:s3c#ret@h/x",
        "http://ann:s3cret@a..b/x", "http://ann:s3cret@[::1/x", "http://ann:s3cret@h:99999/x",
        "http://ann:s3cret@a b/x", "http://ann:s3cret@" + "a" * 80 + "/x", "http://ann:s3cret@h\u2100/x", "ftp://ann:s3cret@h/x",
        "http:ann:s3cret@h", "ann:s3cret@h/x", "http://h:x/?token=s3cret",
    ],
)  # fmt: skip
def test_what_is_no_address_is_told_without_its_secrets(run_module: RunModule, tmp_path: Path, address: str) -> None:
    with pytest.raises(AddressError):
        parse(address)
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[address])
    assert result["failed"]
    assert not any(secret in json.dumps(result) for secret in ("s3cret", "s3c/ret", "s3c#ret"))


@pytest.mark.parametrize(
    ("userinfo", "login"),
    [
        ("ann:p%40ss%2Fw%3Ard", "ann:p@ss/w:rd"),
        ("ann:p@ss:w+rd%", "ann:p@ss:w+rd%"),
        ("änn:pässwörd", "änn:pässwörd"),
        ("token", "token:"),
        (":x", ":x"),
    ],
)
def test_passwords_with_special_characters(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, userinfo: str, login: str
) -> None:
    raw_server.answers = [answer(DATA)]
    source = f"http://{userinfo}@{raw_server.address}/data"
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[source])
    assert result["source"] == f"http://***@{raw_server.address}/data"
    token = base64.b64encode(login.encode()).decode()
    assert f"Authorization: Basic {token}\r\n" in raw_server.requests[0]


# --- redirects -----------------------------------------------------------------------------------------------------


def moved(location: str, status: str = "302 Found") -> bytes:
    return answer(b"gone there", status, f"Location: {location}")


@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/new", "/new"), ("new?x=1#y", "/folder/new?x=1"), ("?x=1", "/folder/data?x=1"), ("/a b", "/a%20b"),
        ("/\u00e9", "/%C3%A9"), ("/%C3%A9%zz", "/%C3%A9%25zz"), ("//{}/new", "/new"), ("http://{}", "/"),
    ],
)  # fmt: skip
def test_redirects_are_followed(raw_server: RawServer, tmp_path: Path, status: str, location: str, sent: str) -> None:
    raw_server.answers = [moved(location.format(raw_server.address), status), answer(DATA)]
    with (tmp_path / "out").open("w+b") as out:
        http.fetch(raw_server.url("/folder/data"), out, Network())
    assert (tmp_path / "out").read_bytes() == DATA
    assert raw_server.requests[1].split("\r\n")[0] == f"GET {sent} HTTP/1.1"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("{}/data", "in a circle"),
        ("file:///etc/hostname", "does not begin with https://"),
        ("ftp://ann:s3cret@h/x?sig=s3cret", "does not begin with https://"),
        ("http://ann:s3cret@h:port/x?sig=s3cret", "no number"),
        ("http://ann:s3cret@[::1/x?sig=s3cret", "malformed"),
        ("", "in a circle"),
    ],
)
def test_redirects_that_lead_nowhere(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, location: str, reason: str
) -> None:
    raw_server.answers = [moved(location.format(f"http://{raw_server.address}"))]
    options: dict[str, Any] = {"dest": tmp_path / "data", "sources": [raw_server.url()], "required": False}
    result = run_module("dataset_file", **options)
    assert not result["available"]
    assert reason in result["reason"]
    assert "s3cret" not in json.dumps(result)


def test_endless_redirects(run_module: RunModule, raw_server: RawServer, tmp_path: Path) -> None:
    raw_server.answers = [lambda _: moved(f"/{len(raw_server.requests)}?sig=s3cret")]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])
    assert "more than 10 times" in result["msg"]
    assert "s3cret" not in json.dumps(result)
    raw_server.answers = [answer(b"", "302 Found")]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])
    assert "does not say where" in result["msg"]


def test_a_password_goes_on_to_the_same_host_alone(
    run_module: RunModule, raw_server: RawServer, server: Server, tmp_path: Path
) -> None:
    other = server.url("/back")
    raw_server.answers = [
        moved("/two"), moved(raw_server.url("/three").replace("127.0.0.1", "localhost")),
        moved(f"http://bob:pw@{raw_server.address}/four"), moved("/five"), moved(other), answer(DATA),
    ]  # fmt: skip
    server.pages["/back"] = Page(DATA)
    source = f"http://ann:pw@{raw_server.address}/one"
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[source])
    assert result["sha256"] == SHA
    logins = [request.partition("Authorization: Basic ")[2].split("\r\n")[0] for request in raw_server.requests]
    ann, bob = (base64.b64encode(f"{name}:pw".encode()).decode() for name in ("ann", "bob"))
    assert logins == [ann, ann, "", bob, bob]
    assert "Authorization" not in server.requests[0][1]  # another port is another server


# --- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("https://ann:s3cret@h/x", "https://***@h/x"),
        ("https://h/x?token=s3cret&id=1", "https://h/x?token=***&id=***"),
        ("https://h/x?s3cret", "https://h/x?***"),
        ("https://h/x?czNjcmV0==", "https://h/x?***"),
        ("https://h/x#access_token=s3cret", "https://h/x#access_token=***"),
        ("https://h/@scope/x", "https://h/@scope/x"),
        ("/srv/a@b?c=d", "/srv/a@b?c=d"),
        ("s3://bucket/a@b?c=d", "s3://bucket/a@b?c=d"),
        ("pypi:x==1#a/b=c", "pypi:x==1#a/b=c"),
    ],
)
def test_what_is_shown_of_a_source(source: str, shown: str) -> None:
    assert mask(source) == shown == mask(shown)


def test_messages_of_others_are_scrubbed() -> None:
    assert scrub("https://h/x?sig=abcd: no, (https://ann:x@h). Set") == "https://h/x?sig=***: no, (https://***@h). Set"
    text = "no host in 'http://ann:s3cret@h/x?sig=abcd', nor s3c ret, nor sig=abcd"
    assert scrub(text, "http://ann:s3c%20ret@h/x?sig=abcd") == "no host in 'http://***@h/x?***', nor ***, nor ***"


SIGNED = "?X-Amz-Date=20260101&X-Amz-Signature={}&versionId=7"


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("http://h/x" + SIGNED.format("abc"), "http://h/x" + SIGNED.format("xyz"), True),
        ("http://ann:one@h/x", "http://ann:two@h/x", True),
        ("http://H:80/é x#f", "http://h/%C3%A9%20x", True),
        ("http://h/x?a=1&b=2&token=3", "http://h/x?token=4&b=2&a=1", True),
        ("http://h/x?Expires=1&Signature=2&Key-Pair-Id=3", "http://h/x?Expires=2&Signature=3&Key-Pair-Id=3", True),
        ("http://h/x?sv=2&st=3&se=4&sp=r&sig=5", "http://h/x?sv=2&st=9&se=9&sp=r&sig=9", True),
        ("http://h/x?id=1", "http://h/x?id=2", False),
        ("http://h/x?id=1&sig=5", "http://h/x?id=2&sig=5", False),
        ("http://h/x?versionId=1&X-Amz-Signature=5", "http://h/x?versionId=2&X-Amz-Signature=5", False),
        ("http://h/x?sp=1", "http://h/x?sp=2", False),
        ("http://h/x?id=", "http://h/x", False),
        ("http://h/x", "https://h/x", False),
        ("http://h/x", "http://h:81/x", False),
        ("/srv/x?token=1", "/srv/x?token=2", False),
    ],
)
def test_a_source_is_known_again(one: str, two: str, *, same: bool) -> None:
    assert (identity(one) == identity(two)) == same


def test_a_source_that_is_signed_anew_stays_the_source_and_another_id_is_another(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path
) -> None:
    dest = tmp_path / "data"
    raw_server.answers = [answer(DATA), answer(b"another")]
    assert run_module("dataset_file", dest=dest, sources=[raw_server.url("/x?id=1&sig=abcdef")])["changed"]
    again = run_module("dataset_file", dest=dest, sources=[raw_server.url("/x?id=1&sig=ghijkl")])
    assert (again["changed"], again["source"]) == (False, raw_server.url("/x?id=***&sig=***"))
    assert len(raw_server.requests) == 1
    assert run_module("dataset_file", dest=dest, sources=[raw_server.url("/x?id=2&sig=ghijkl")])["changed"]
    assert dest.read_bytes() == b"another"


@pytest.mark.parametrize(
    ("recorded", "listed", "changed"),
    [
        ("http://h/x", "http://h/x", False),
        ("http://***@h/x", "http://ann:new@h/x", False),
        ("http://h/x", "https://h/x", False),
        ("http://h/x?id=1", "http://h/x?id=1", False),
        ("http://h/x?id=1&sig=s3cret", "http://h/x?id=1&sig=other", True),
    ],
)
def test_records_of_earlier_versions_hold(
    run_module: RunModule, tmp_path: Path, recorded: str, listed: str, *, changed: bool
) -> None:
    dest = tmp_path / "data"
    dest.write_bytes(DATA)
    old = {"source": recorded, "sha256": SHA, "size": len(DATA), "pinned": True, "unavailable": []}
    Path(f"{dest}.source.json").write_text(json.dumps(old))
    result = run_module("dataset_file", dest=dest, sources=[listed])
    assert (result["failed"], result["changed"], result["sha256"]) == (False, changed, SHA)
    assert "s3cret" not in json.dumps(result) + json.dumps(record(dest))
    assert not run_module("dataset_file", dest=dest, sources=[listed])["changed"]


@pytest.mark.parametrize("module", ["dataset_file", "review_set"])
@pytest.mark.parametrize("check", [False, True])
def test_secrets_are_sent_and_shown_nowhere(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int,
    module: str, *, check: bool,
) -> None:  # fmt: skip
    logged: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(syslog, "syslog", lambda *args: logged.append(str(args)))

    def echo(request: str) -> bytes:
        if "/good" in request:
            return answer(DATA)
        if "/moved" in request:
            return moved("/elsewhere?sig=s3cret-5")
        if "/strange" in request:
            return request.encode()
        quoted = request.split(" ")[1]
        return answer(request.encode(), f"404 no {quoted} with s3cret-1", "Location: " + quoted)

    raw_server.answers = [echo]
    query = "?X-Amz-Signature=s3cret-2&id=s3cret-3&s3cret-4"
    login = f"http://ann:s3cret-1@{raw_server.address}"
    sources = [
        f"{login}/gone{query}", f"{login}/moved{query}", f"{login}/strange{query}",
        f"http://ann:s3cret-1@127.0.0.1:{closed_port}/{query}", f"http://a nn:s3cret 1'\"\\@h:x/{query}",
        f"{login}/good{query}",
    ]  # fmt: skip
    if module == "dataset_file":
        failures = [
            run_module(module, dest=tmp_path / "other", sources=sources[:-1]),
            run_module(module, dest=tmp_path / "other", sources=[f"{source},x" for source in sources[:2]]),
            run_module(module, sources=sources),  # without dest
        ]
        result = run_module(module, dest=tmp_path / "data", sources=sources, check=check, diff=True)
    else:
        sets = {"one": {"title": "One", "file": "data", "sources": sources}}
        failures = [run_module(module, path=tmp_path, sets=sets, names=["two"])]
        result = run_module(module, path=tmp_path, sets=sets, names=["one"], check=check, diff=True)
    assert result["changed"]
    assert any("X-Amz-Signature=s3cret-2" in request and "Authorization" in request for request in raw_server.requests)
    assert any("Invoked with" in line and "sources" in line for line in logged)
    assert "***" in json.dumps(result["invocation"])
    files = [path.read_text(errors="replace") for path in tmp_path.iterdir()]
    assert all(failure["failed"] for failure in failures)
    for text in (*map(json.dumps, [result, *failures]), *logged, *files):
        assert "s3cret" not in text


def test_a_partial_file_keeps_no_secret(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    raw_server.answers = [answer(DATA, "200 OK", 'ETag: "one"', "Content-Length: 999999", length=False)]
    source = f"http://ann:s3cret@{raw_server.address}/data?sig=s3cret"
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[source])
    assert "s3cret" not in json.dumps(result) + (tmp_path / ".data.part.json").read_text()


@pytest.mark.parametrize("proxy", ["http://ann:s3c/ret@proxy:3128", "socks5://ann:s3cret@proxy:1", "http://[s3cret"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    run_module: RunModule, raw_server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    raw_server.answers = [answer(DATA)]
    result = run_module("dataset_file", dest=tmp_path / "data", sources=[raw_server.url()])
    assert result["failed"]
    assert "ret" not in result["unavailable"][0]["reason"]


def test_the_request_keeps_its_password_where_the_arguments_are_shown(tmp_path: Path) -> None:
    request = fetch.DownloadRequest(tmp_path / "data", ["http://ann:s3cret@h/x"])
    assert request.sources == ["http://ann:s3cret@h/x"]
