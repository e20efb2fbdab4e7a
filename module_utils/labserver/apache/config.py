"""Apache's configuration as Apache itself reads it: sites, ports, modules, and what is as the distribution ships it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

NAME = "labserver"
_OFF = "# switched off by labserver: "


def run(*argv: str) -> tuple[int, str, str]:
    """Run a program in English; return its status, output and errors. A missing one has status 127."""
    try:
        process = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
            check=False,
        )
    except FileNotFoundError:
        return 127, "", f"{argv[0]} is missing"
    return process.returncode, process.stdout.decode("utf-8", "replace"), process.stderr.decode("utf-8", "replace")


@dataclass(frozen=True)
class Layout:
    """Where a family of systems has what; all paths are below `root`."""

    control: str
    service: str
    package: str
    site: Path  # our site, linked into `sites`
    sites: Path
    listen: Path  # the ports of our own
    extensions: Path
    port_files: Sequence[Path]  # of the distribution, which name the ports that it listens on
    mods: Path | None  # links to the modules that are enabled, where there are such
    configurations: Path
    default_site: Path  # a link, or a file that is always read
    default_page: Path
    certificate: Path | None  # of the distribution's own site, which comes later than the site
    distribution: frozenset[str]  # configurations that the packages bring

    def ours(self, path: Path) -> bool:
        """Whether a file is part of our own configuration."""
        return path in (self.site, self.listen) or path in self.links or self.extensions in path.parents

    @property
    def links(self) -> tuple[Path, Path]:
        """The link to our site: before the others, or after them."""
        return self.sites / f"{NAME}.conf", self.sites / f"zz-{NAME}.conf"


def layout(family: str, root: Path = Path("/")) -> Layout:
    """Return the layout of Debian's or RedHat's family."""
    if family == "Debian":
        etc = root / "etc/apache2"
        return Layout(
            control="apache2ctl",
            service="apache2",
            package="apache2",
            site=etc / f"sites-available/{NAME}.conf",
            sites=etc / "sites-enabled",
            listen=etc / f"conf-enabled/{NAME}.conf",
            extensions=etc / f"{NAME}.d",
            port_files=[etc / "ports.conf"],
            mods=etc / "mods-enabled",
            configurations=etc / "conf-enabled",
            default_site=etc / "sites-enabled/000-default.conf",
            default_page=root / "usr/share/apache2/default-site/index.html",
            certificate=None,
            distribution=frozenset(
                f"{name}.conf"
                for name in ("charset", "localized-error-pages", "other-vhosts-access-log", "security", "serve-cgi-bin")
            ),
        )
    etc = root / "etc/httpd"
    return Layout(
        control="httpd",
        service="httpd",
        package="httpd",
        site=etc / f"{NAME}.conf",
        sites=etc / "conf.d",
        listen=etc / f"conf.d/{NAME}-listen.conf",
        extensions=etc / f"{NAME}.d",
        port_files=[etc / "conf/httpd.conf", etc / "conf.d/ssl.conf"],
        mods=None,
        configurations=etc / "conf.d",
        default_site=etc / "conf.d/ssl.conf",
        default_page=root / "usr/share/httpd/noindex/index.html",
        certificate=root / "etc/pki/tls/certs/localhost.crt",
        distribution=frozenset(f"{name}.conf" for name in ("autoindex", "userdir", "welcome", "ssl")),
    )


@dataclass(frozen=True)
class Site:
    """A virtual host. The name is as Apache knows it, also where the file gives none."""

    port: str
    names: tuple[str, ...]
    file: Path

    def answers_to(self, name: str) -> bool:
        """Whether requests for this name may come here."""
        return any(fnmatch(name.lower(), known.lower()) for known in self.names)


@dataclass
class Configuration:
    """What Apache has read."""

    problem: str = ""
    files: list[Path] = field(default_factory=list)
    modules: frozenset[str] = frozenset()
    sites: list[Site] = field(default_factory=list)

    def ports(self, *, without: Sequence[Path] = ()) -> set[int]:
        """Return the ports that it listens on, by all files but these."""
        return {port for file in self.files if file not in without for port in ports_of(read_text(file), self.modules)}


def read_configuration(plan: Layout) -> Configuration:
    """Return the configuration as it is on disk, or why Apache would not start with it."""
    dumps = (word for name in ("VHOSTS", "INCLUDES", "MODULES") for word in ("-D", f"DUMP_{name}"))
    status, output, errors = run(plan.control, "-t", *dumps)
    if status:
        return Configuration(problem=errors.strip() or f"{plan.control} -t ended with status {status}")
    return Configuration(
        files=[Path(path) for path in re.findall(r"^ +\([*\d]+\) (/.*)$", output, re.MULTILINE)],
        modules=frozenset(re.findall(r"^ (\w+)_module \(", output, re.MULTILINE)),
        sites=list(_sites(output)),
    )


def _sites(output: str) -> Iterator[Site]:
    """Read the dump of virtual hosts."""
    found: list[tuple[str, list[str], Path]] = []
    for line in output.splitlines():
        several = re.match(r" +port (\S+) namevhost (\S+) \((.*):\d+\)$", line)
        alone = re.match(r"\S+:(\d+|\*) +(\S+) \((.*):\d+\)$", line)
        alias = re.match(r" +(?:wild )?alias (\S+)$", line)
        match = several or alone
        if match:
            found.append((match[1], [match[2]], Path(match[3])))
        elif alias and found:
            found[-1][1].append(alias[1])
    return (Site(port, tuple(names), file) for port, names, file in found)


def ports_of(text: str, modules: frozenset[str]) -> set[int]:
    """Return the ports of the Listen directives that count with these modules."""
    ports: set[int] = set()
    off: list[bool] = []
    for line in text.splitlines():
        section = re.match(r"\s*<IfModule\s+(!?)\s*\"?(?:mod_)?(\w+?)(?:_module|\.c)?\"?\s*>", line, re.IGNORECASE)
        if section:
            off.append((section[2] in modules) == (section[1] == "!"))
        elif re.match(r"\s*</IfModule>", line, re.IGNORECASE) and off:
            off.pop()
        match = re.match(r"\s*Listen\s+(?:\S*:)?(\d+)\b", line, re.IGNORECASE)
        if match and not any(off):
            ports.add(int(match[1]))
    return ports


def document_roots(sites: Sequence[Site]) -> set[Path]:
    """Return the folders that sites serve."""
    files = {site.file for site in sites}
    roots = (re.findall(r"^\s*DocumentRoot\s+\"?([^\"\n]+?)\"?\s*$", read_text(file), re.M | re.I) for file in files)
    return {Path(os.path.realpath(path)) for paths in roots for path in paths}


def comment_out(text: str, port: int) -> str:
    """Turn the Listen directives of a port into comments by which they are found again."""
    return re.sub(rf"^([ \t]*)(Listen[ \t]+{port}(?:[ \t]+https)?[ \t]*)$", rf"\1{_OFF}\2", text, flags=re.MULTILINE)


def uncomment(text: str, port: str = r"\d+") -> str:
    """Turn such comments into directives again: the same bytes as before."""
    return re.sub(rf"^([ \t]*){_OFF}(Listen[ \t]+{port}\b)", r"\1\2", text, flags=re.MULTILINE)


def is_as_shipped(path: Path, plan: Layout, text: str | None = None) -> bool:
    """Whether a file is what the distribution's package brought, ports that we switched off aside.

    `text` is taken for its content if given.
    """
    real = Path(os.path.realpath(path))
    if not real.is_file():
        return False
    if plan.service == "apache2":
        _, known, _ = run("dpkg-query", "--show", "--showformat=${Conffiles}\n", plan.package)
    else:
        _, known, _ = run("rpm", "--query", "--queryformat=[%{FILENAMES} %{FILEDIGESTS}\n]", "--file", str(real))
    match = re.search(rf"^\s*{re.escape(str(real))} ([0-9a-f]+)", known, re.MULTILINE)
    if not match:
        return False
    content = uncomment(read_text(real) if text is None else text).encode("utf-8", "surrogateescape")
    algorithm = {32: "md5", 64: "sha256"}.get(len(match[1]))
    return bool(algorithm) and hashlib.new(str(algorithm), content).hexdigest() == match[1]


def foreign(configuration: Configuration, plan: Layout) -> tuple[list[Site], list[Path]]:
    """Return the sites of others, and their further configurations."""
    default = is_as_shipped(plan.default_site, plan)
    sites = [
        site
        for site in configuration.sites
        if not plan.ours(site.file) and not (default and site.file == plan.default_site)
    ]
    files = [
        file
        for file in configuration.files
        if file.parent == plan.configurations and not plan.ours(file) and file.name not in plan.distribution
    ]
    return sites, files


def read_text(path: Path) -> str:
    """Return the text of a file, every byte of it; nothing where there is none."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return ""
