"""Apache of a host that others use: our site beside theirs, and what the removal puts back."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.labserver.ports import Listener

from tests.support.modules import RunModule

PORTS = "# as shipped\nListen 80\n\n<IfModule ssl_module>\n\tListen 443\n</IfModule>\n"
DEFAULT = "<VirtualHost *:80>\nDocumentRoot /var/www/html\n</VirtualHost>\n"
WIKI = "<VirtualHost *:80>\nServerName wiki.example.org\nServerAlias w.example.org\n</VirtualHost>\n"
Act = Callable[..., dict[str, Any]]


class Apache:
    """Stands in for Debian's Apache: what it would read, and who has installed it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.etc = root / "etc/apache2"
        self.page = root / "var/www/html/index.html"
        self.installed = False
        self.problem = ""
        self.dependents: list[str] = []
        self.listeners: list[Listener] = []

    def install(self) -> None:
        """Install it as the distribution ships it."""
        self.installed = True
        for folder in ("sites-available", "sites-enabled", "conf-enabled", "mods-enabled"):
            (self.etc / folder).mkdir(parents=True)
        (self.etc / "ports.conf").write_text(PORTS)
        (self.etc / "sites-available/000-default.conf").write_text(DEFAULT)
        (self.etc / "sites-enabled/000-default.conf").symlink_to("../sites-available/000-default.conf")
        shipped = self.root / "usr/share/apache2/default-site/index.html"
        for page in (shipped, self.page):
            page.parent.mkdir(parents=True)
            page.write_text("It works!")

    def add(self, name: str, text: str) -> None:
        """Add a site of others."""
        (self.etc / f"sites-enabled/{name}.conf").write_text(text)

    def files(self) -> list[Path]:
        folders = ("conf-enabled", "sites-enabled")
        return [self.etc / "ports.conf", *(file for name in folders for file in sorted((self.etc / name).glob("*")))]

    def run(self, *argv: str) -> tuple[int, str, str]:
        """Stand in for the programs."""
        mods = self.etc / "mods-enabled"
        if argv[0] == "apache2ctl":
            wrong = not self.installed or ("-t" in argv and self.problem)
            return (1, "", self.problem) if wrong else (0, self.dump(), "")
        if argv[0] == "dpkg-query":
            shipped = {"ports.conf": PORTS, "sites-available/000-default.conf": DEFAULT}
            sums = ((name, hashlib.md5(text.encode()).hexdigest()) for name, text in shipped.items())  # noqa: S324
            return 0, "".join(f" {self.etc / name} {digest}\n" for name, digest in sums), ""
        if argv[0] == "a2enmod":
            (mods / f"{argv[-1]}.load").touch()
        elif argv[0] == "a2dismod":
            (mods / f"{argv[-1]}.load").unlink()
        return 0, "", ""

    def dump(self) -> str:
        """Print the configuration as apache2ctl -t does."""
        lines = [f"    (1) {file}" for file in self.files()]
        for file in self.files():
            for port, body in re.findall(r"<VirtualHost \*:(\d+)>(.*?)</VirtualHost>", file.read_text(), re.DOTALL):
                name = re.search(r"ServerName (\S+)", body)
                lines.append(f"         port {port} namevhost {name[1] if name else 'host'} ({file}:1)")
                lines += [f"                 alias {alias}" for alias in re.findall(r"ServerAlias (\S+)", body)]
        return "\n".join([*lines, *(f" {file.stem}_module (shared)" for file in self.etc.glob("mods-enabled/*"))])

    def tree(self) -> dict[str, str]:
        """Return all files and links."""
        return {str(path): path.read_text() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def apache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apache:
    apache = Apache(tmp_path)
    for name in ("config", "server"):
        monkeypatch.setattr(f"ansible.module_utils.labserver.apache.{name}.run", apache.run)
    monkeypatch.setattr("ansible.module_utils.labserver.apache.server.dependents", lambda _: apache.dependents)
    monkeypatch.setattr("ansible.module_utils.labserver.ports.listeners", list)
    monkeypatch.setattr("ansible.module_utils.labserver.apache.server.listeners", lambda: apache.listeners)
    return apache


@pytest.fixture
def act(apache: Apache, run_module: RunModule) -> Act:
    def act(state: str = "present", port: int = 8081, *, check: bool = False, **options: Any) -> dict[str, Any]:
        ports = {"httpd_port": port}
        given: dict[str, Any] = {"ports": ports, "server_name": "lab.example.org", "modules": ["headers"]}
        root = {"root": str(apache.root), "document_root": str(apache.page.parent)}
        options = {**root, **given, **options}
        return run_module("apache_server", check=check, state=state, family="Debian", **options)

    return act


def set_up(act: Act, apache: Apache, **options: Any) -> dict[str, Any]:
    """Check, install where it is missing, and set it up."""
    assert not act("checked", **options)["failed"]
    if not apache.installed:
        apache.install()
    result = act(**options)
    assert not result["failed"], result
    return result


def test_sites_of_others_stay_and_ours_comes_beside_them(act: Act, apache: Apache) -> None:
    apache.install()
    apache.add("000-default", DEFAULT + "# edited")  # through the link
    apache.add("wiki", WIKI)
    before = apache.tree()
    result = set_up(act, apache)
    assert (result["alone"], result["write_page"]) == (False, True)
    assert {path: apache.tree().get(path) for path in before} == before
    assert (apache.etc / "conf-enabled/labserver.conf").read_text() == "Listen 8081\n"
    assert (apache.etc / "sites-enabled/labserver.conf").is_symlink()
    assert not act()["changed"]
    removed = act("absent")
    assert removed["packages"] == []
    assert [Path(path).name for path in removed["used_by"]] == ["000-default.conf", "wiki.conf"]
    after = apache.tree()
    after.pop(str(apache.root / "var/lib/labserver/httpd.json"))
    assert after == before


def test_on_a_shared_port_ours_comes_last_and_answers_to_its_name_alone(act: Act, apache: Apache) -> None:
    apache.install()
    apache.add("wiki", WIKI)
    set_up(act, apache, port=80)
    assert (apache.etc / "sites-enabled/zz-labserver.conf").is_symlink()
    assert (apache.etc / "sites-enabled/000-default.conf").exists()
    assert not (apache.etc / "conf-enabled/labserver.conf").exists()
    taken = act("checked", port=80, server_name="W.example.org")
    assert "wiki.conf answers to W.example.org" in taken["msg"]
    assert "httpd_server_name" in taken["msg"]


def test_an_apache_of_our_own_listens_on_our_port_alone_and_goes_with_us(act: Act, apache: Apache) -> None:
    assert set_up(act, apache)["alone"]
    assert "# switched off by labserver: Listen 80\n" in (apache.etc / "ports.conf").read_text()
    assert not (apache.etc / "sites-enabled/000-default.conf").exists()
    removed = act("absent")
    assert removed["packages"] == ["apache2"]
    assert (apache.etc / "ports.conf").read_text() == PORTS
    assert (apache.etc / "sites-enabled/000-default.conf").is_symlink()


def test_it_stays_for_those_who_came_later(act: Act, apache: Apache) -> None:
    set_up(act, apache)
    apache.add("theirs", "Listen 9000\n<VirtualHost *:9000>\n</VirtualHost>\n")
    removed = act("absent")
    assert removed["packages"] == []
    assert (removed["active"], removed["enabled"]) == (True, True)
    assert not (apache.etc / "sites-enabled/000-default.conf").exists(), "it would answer for all names"


def test_a_package_that_needs_it_keeps_it(act: Act, apache: Apache) -> None:
    set_up(act, apache)
    apache.dependents = ["phpmyadmin"]
    removed = act("absent")
    assert (removed["packages"], removed["used_by"]) == ([], ["package phpmyadmin"])


def test_the_distributions_site_gives_way_only_where_it_is_in_the_way(act: Act, apache: Apache) -> None:
    apache.install()
    set_up(act, apache)
    assert (apache.etc / "sites-enabled/000-default.conf").exists()
    set_up(act, apache, port=80)
    assert not (apache.etc / "sites-enabled/000-default.conf").exists()
    act("absent")
    assert (apache.etc / "sites-enabled/000-default.conf").is_symlink()


def test_what_the_host_was_is_recorded_once(act: Act, apache: Apache) -> None:
    """A run that was killed after the installation is not taken for the state before it."""
    act("checked")
    apache.install()
    record = apache.root / "var/lib/labserver/httpd.json"
    first = record.read_text()
    act("checked")
    assert record.read_text() == first
    assert '"installed": false' in first


def test_tls_does_not_open_the_port_that_is_not_asked_for(act: Act, apache: Apache) -> None:
    apache.install()
    apache.add("wiki", WIKI)
    set_up(act, apache, ports={"httpd_port": 8081, "httpd_tls_port": 8443}, modules=["ssl"])
    assert "\t# switched off by labserver: Listen 443\n" in (apache.etc / "ports.conf").read_text()
    act("absent")
    assert (apache.etc / "ports.conf").read_text() == PORTS
    assert not (apache.etc / "mods-enabled/ssl.load").exists()


def test_a_host_of_an_earlier_release_gets_its_ports_back(act: Act, apache: Apache) -> None:
    apache.install()
    (apache.etc / "ports.conf").write_text(PORTS.replace("80", "8081"))
    (apache.etc / "sites-available/labserver.conf").write_text(
        "<VirtualHost *:8081>\nErrorLog /var/log/apache2/labserver-error.log\n</VirtualHost>\n"
    )
    (apache.etc / "sites-enabled/labserver.conf").symlink_to("../sites-available/labserver.conf")
    set_up(act, apache)
    assert (apache.etc / "ports.conf").read_text() == PORTS.replace(
        "Listen 80", "# switched off by labserver: Listen 80"
    )
    assert act("absent")["packages"] == ["apache2"]
    assert (apache.etc / "ports.conf").read_text() == PORTS


def test_nothing_is_removed_from_a_host_that_was_never_set_up(act: Act, apache: Apache) -> None:
    apache.install()
    before = apache.tree()
    removed = act("absent")
    assert (removed["changed"], removed["packages"]) == (False, [])
    assert apache.tree() == before


def test_pages_of_others_stay_and_the_distributions_comes_back(act: Act, apache: Apache) -> None:
    apache.install()
    set_up(act, apache)
    apache.page.write_text("<p>No analysis has been published here yet.")
    (apache.page.parent / "report.json").write_text('{"components": [], "bom": 1}')
    act("absent")
    assert apache.page.read_text() == "It works!"
    assert (apache.page.parent / "report.json").exists()


def test_the_pages_of_role_report_go(act: Act, apache: Apache) -> None:
    apache.install()
    set_up(act, apache)
    header, report, data = (apache.page.parent / name for name in ("header.html", "report.html", "report.json"))
    measured = header.with_name("measured.html")
    measured.write_text('<dl class="measured">')
    header.write_text('<nav class="site" aria-label="Server">')
    report.write_text("<title>lab-1: what this server has</title>")
    data.write_text('{"host": "lab-1", "system": "Debian 12", "url": "http://lab/", "components": [], "more": {}}')
    act("absent")
    assert not any(path.exists() for path in (header, report, data, measured))


def test_what_people_add_to_our_site_stays(act: Act, apache: Apache) -> None:
    apache.install()
    set_up(act, apache)
    folder = apache.etc / "labserver.d"
    (folder / "jupyter.conf").write_text("# ours")
    (folder / "theirs.conf").write_text("# theirs")
    (folder / "old").mkdir()
    assert not act("absent")["failed"]
    assert sorted(path.name for path in folder.iterdir()) == ["old", "theirs.conf"]


@pytest.mark.parametrize("place", ["sites-available", "sites-enabled", "conf-enabled"])
def test_a_file_of_others_by_the_name_of_ours_is_refused_and_never_removed(
    act: Act, apache: Apache, place: str
) -> None:
    apache.install()
    (apache.etc / place / "labserver.conf").write_text(WIKI)
    before = apache.tree()
    assert "labserver.conf was not made here" in act("checked")["msg"]
    removed = act("absent")
    assert (removed["changed"], removed["packages"]) == (False, [])
    assert apache.tree() == before


def test_a_site_that_moves_leaves_nothing_behind(act: Act, apache: Apache) -> None:
    apache.install()
    set_up(act, apache)
    first, second, third = apache.page.parent, apache.root / "srv/one/www", apache.root / "srv/two"
    apache.page.write_text("<p>No analysis has been published here yet.")
    third.mkdir(parents=True)
    (third / "notes.html").write_text("theirs")
    for root in (second, third):
        assert set_up(act, apache, document_root=str(root))["moved"]
        assert act("moved", document_root=str(root), check=True)["changed"]
        assert act("moved", document_root=str(root))["changed"]
        assert not act(document_root=f"{root}/")["moved"]
        (root / "report.html").write_text("<title>lab-1: what this server has</title>")
        (root / "index.html").write_text("<p>No analysis has been published here yet.")
    assert apache.page.read_text() == "It works!"
    assert not second.exists()
    act("absent", document_root=str(third))
    assert apache.page.read_text() == "It works!"
    assert [path.name for path in third.iterdir()] == ["notes.html"], "and no page of the distribution"
    assert sorted(path.name for path in first.iterdir()) == ["index.html"]


def test_folders_that_cannot_be_ours_are_refused(act: Act, apache: Apache) -> None:
    apache.install()
    wiki, blog = apache.root / "srv/wiki", apache.root / "srv/blog"
    for folder in (wiki, blog):
        folder.mkdir(parents=True)
    apache.add("wiki", f"<VirtualHost *:80>\nServerName w.example.org\nDocumentRoot {wiki}\n</VirtualHost>\n")
    (blog / "index.php").write_text("theirs")
    (apache.root / "link").symlink_to(wiki)
    for path, words in {
        f"{apache.root}/link": "a site of others serves",
        f"{blog}/": "first page of others (index.php)",
        f"{blog}/index.php": "is no folder",
        "www": "absolute path",
    }.items():
        message = act("checked", document_root=path)["msg"]
        assert words in message
        assert "set httpd_document_root" in message or "set it" in message
    (wiki / "index.html").write_text("theirs")  # then vec2pca has to have a page of another name
    assert not act("checked", document_root=str(wiki))["failed"]


def test_a_link_to_a_page_that_is_not_there_yet_is_left(act: Act, apache: Apache) -> None:
    apache.install()
    apache.page.unlink()
    apache.page.symlink_to("app/index.html")
    assert not set_up(act, apache)["write_page"]


def test_a_configuration_that_is_wrong_already_is_named(act: Act, apache: Apache) -> None:
    apache.install()
    apache.problem = "Syntax error on line 1 of wiki.conf"
    message = act("checked")["msg"]
    assert "wiki.conf" in message
    assert "before the role changes anything" in message


def test_a_program_on_the_port_of_others_is_named_before_apache_fails(act: Act, apache: Apache) -> None:
    apache.install()
    apache.listeners = [Listener("::", 80, "nginx", "312", "nginx")]
    assert "port 80, which nginx (pid 312) has" in act("checked")["msg"]
    apache.listeners = [Listener("::", 80, "apache2", "312", "apache2")]
    assert not act("checked")["failed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70000}, "httpd_port is 70000"),
        ({"ports": {"httpd_port": 443, "httpd_tls_port": 443}}, "are both 443"),
        ({"server_name": "a b"}, "httpd_server_name is 'a b'"),
        ({"server_name": 'x"\nNonsense On'}, "httpd_server_name"),
    ],
)
def test_what_cannot_be_is_refused(act: Act, options: dict[str, Any], message: str) -> None:
    assert message in act("checked", **options)["msg"]


def test_long_names_and_addresses_are_fine(act: Act) -> None:
    for name in (".".join(["department"] * 9), "192.0.2.1", "2001:db8::1", "my_host"):
        assert not act("checked", server_name=name)["failed"]


def test_a_port_that_another_program_has_is_refused(act: Act, apache: Apache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        message = act("checked", port=taken.getsockname()[1])["msg"]
    assert "is taken by" in message
    assert "set httpd_port" in message
    assert not (apache.root / "var").exists()
