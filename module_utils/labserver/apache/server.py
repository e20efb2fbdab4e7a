"""Our site beside those of others: what is checked before, what is set, and what is put back."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import LabError
from ..files import read_json, replacing
from ..packages import dependents, installed
from ..pages import HEADER, MEASURED, PLACEHOLDER, REPORT, is_page
from ..ports import check_ports, listeners
from ..record import Record
from .config import (
    Configuration,
    Layout,
    comment_out,
    document_roots,
    foreign,
    is_as_shipped,
    read_configuration,
    read_text,
    run,
    uncomment,
)

HTTP, HTTPS = 80, 443  # the ports that the distribution listens on
# Those that the site and its extensions enable, with what they enable themselves; what needs another comes first
OUR_MODULES = ("proxy_http", "proxy", "headers", "include", "rewrite", "ssl", "socache_shmcb")
# What the roles add to our site; whatever else is in their folder is somebody's
EXTENSIONS = ("jupyter.conf", "rstudio.conf")
LOG = "labserver-error.log"  # that a site of ours names, in each release
# Of those that the distribution's Apache looks for
FIRST_PAGES = ("index.cgi", "index.pl", "index.php", "index.xhtml", "index.htm")
NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?\Z|[0-9A-Fa-f:.]+\Z")


@dataclass
class Server:
    """Apache of this host; with `check` nothing is changed."""

    plan: Layout
    record: Record
    ports: Mapping[str, int]
    server_name: str
    root: Path
    check: bool
    changed: bool = False

    def prepare(self) -> None:
        """Raise a LabError for what would fail later; record once what the host was."""
        if not NAME.match(self.server_name):
            raise LabError(f"httpd_server_name is {self.server_name!r}: set it to a host name or an address")
        check_ports(self.ports, [self.plan.service])
        found = read_configuration(self.plan) if self._is_installed() else Configuration()
        first = not self.record.content
        if first and not self._is_of_earlier_release():
            self._check_names()
        # mod_ssl's own site names a certificate that httpd creates at its first start
        if found.problem and first and (self.plan.certificate is None or self.plan.certificate.exists()):
            raise LabError(
                f"Apache's configuration is not valid before the role changes anything: {found.problem}."
                f" Correct it ({self.plan.control} -t), then run again"
            )
        before = self.record.content or self._before()
        self._check_sites(found, before)
        self._check_root(found)
        if first and not self.check:
            self.record.write(before)

    def _check_names(self) -> None:
        """Raise a LabError where somebody else has a file of one of our names."""
        for path in (self.plan.site, *self.plan.links, self.plan.listen):
            if os.path.lexists(path):
                raise LabError(
                    f"{path} was not made here, and the role has a file of that name: rename it, and run again"
                )

    def _check_root(self, found: Configuration) -> None:
        """Raise a LabError where the folder is none, or has a first page of others, which ours would hide."""
        another = "set httpd_document_root to a folder of its own"
        if not self.root.is_absolute():
            raise LabError(f"httpd_document_root is {self.root}: set it to an absolute path, such as /srv/www")
        if self.root.exists() and not self.root.is_dir():
            raise LabError(f"httpd_document_root is {self.root}, which is no folder: {another}")
        if os.path.lexists(self.root / "index.html"):
            return
        sites, _ = foreign(found, self.plan)
        if Path(os.path.realpath(self.root)) in document_roots(sites):
            raise LabError(f"a site of others serves {self.root}, too, and would get our first page: {another}")
        if pages := [name for name in FIRST_PAGES if (self.root / name).exists()]:
            raise LabError(f"{self.root} has a first page of others ({pages[0]}), which ours would hide: {another}")

    def _check_sites(self, found: Configuration, before: Mapping[str, Any]) -> None:
        """Raise a LabError where a site of others has our place, or another program that of a site of theirs."""
        sites, _ = foreign(found, self.plan)
        for variable, port in self.ports.items():
            for site in sites:
                if site.port == str(port) and site.answers_to(self.server_name):
                    raise LabError(
                        f"on port {port} the site in {site.file} answers to {self.server_name} already:"
                        f" set {variable} to another port, or httpd_server_name to a name of its own"
                    )
        main = self.plan.port_files[0]
        if before["installed"] and self.plan.mods is None and not is_as_shipped(main, self.plan):
            for variable, port in self.ports.items():
                if port in found.ports() and not any(site.port == str(port) for site in found.sites):
                    raise LabError(f"{main} serves a site of others on port {port}: set {variable} to another port")
        if before["installed"]:
            for taken in listeners():
                if taken.port in found.ports() and taken.unit != self.plan.service:
                    raise LabError(
                        f"Apache cannot start: its configuration listens on port {taken.port}, which {taken} has."
                        f" Take that Listen out of it ({main}), or end that program"
                    )

    def _is_installed(self) -> bool:
        return self.plan.port_files[0].exists() and run(self.plan.control, "-v")[0] == 0

    def _before(self) -> dict[str, Any]:
        """Return what the host is. One that an earlier release set up counts as without Apache before."""
        legacy = self._is_of_earlier_release()
        installed = self._is_installed() and not legacy
        service = f"{self.plan.service}.service"
        return {
            "installed": installed,
            "legacy": legacy,
            "active": installed and run("systemctl", "is-active", "--quiet", service)[0] == 0,
            "enabled": installed and run("systemctl", "is-enabled", "--quiet", service)[0] == 0,
            "modules": self._modules() if installed else [],
            "tls": installed and self.plan.port_files[-1].exists(),
            "default_site": installed and self.plan.default_site.is_symlink(),
            "folders": [],
            "root": os.path.realpath(self.root),
            "roots": {os.path.realpath(self.root): installed and self._has_default_page()},
        }

    def _is_of_earlier_release(self) -> bool:
        """Whether the site is one of ours from a release that kept no record."""
        return any(LOG in read_text(path) for path in (self.plan.site, *self.plan.links))

    def _has_default_page(self) -> bool:
        page = self.root / "index.html"
        return page.is_file() and read_text(page) == read_text(self.plan.default_page)

    def _modules(self) -> list[str]:
        return sorted(path.stem for path in self.plan.mods.glob("*.load")) if self.plan.mods else []

    def configure(self, modules: Sequence[str]) -> dict[str, Any]:
        """Set modules, ports, and the place of our site; return what the site's file depends on."""
        before = self.record.content or self._before()
        folders = [str(path) for path in (self.root, *self.root.parents) if not path.exists()]
        if before["legacy"]:
            self._restore_ports()
        root = os.path.realpath(self.root)
        roots = {root: before["installed"] and self._has_default_page(), **self._roots(before)}
        now = {"root": root, **before, "legacy": False, "folders": [*before["folders"], *folders], "roots": roots}
        if now != before and not self.check:
            self.record.write(now)
        for module in modules if self.plan.mods else ():
            self._enable(module)
        self._create(self.root)
        self._create(self.plan.extensions)
        found = read_configuration(self.plan)
        if found.problem:
            raise LabError(f"Apache's configuration is not valid: {found.problem}. Correct it, then run again")
        sites, files = foreign(found, self.plan)
        wanted = set(self.ports.values())
        taken = {int(site.port) for site in sites if site.port.isdigit()}
        self._set_ports(before, wanted, taken)
        found = found if self.check else read_configuration(self.plan)
        own = sorted(wanted - found.ports(without=[self.plan.listen]))
        self._write(self.plan.listen, "".join(f"Listen {port}\n" for port in own))
        if not sites and not files and (not before["installed"] or HTTP in wanted):
            self._disable_default_site()
        self._link(after=bool(taken & wanted))
        page = self.root / "index.html"
        shared = Path(root) in document_roots([site for site in found.sites if not self.plan.ours(site.file)])
        default = self._has_default_page() and not shared
        version = re.search(r"Apache/(\S+)", run(self.plan.control, "-v")[1])
        return {
            "version": version[1] if version else "",
            # What counts for the whole server is set only where it is ours alone
            "alone": not before["installed"] and not sites and not files,
            "write_page": not os.path.lexists(page) or default,
            "moved": now["root"] != root,
            "foreign": sorted({str(path) for path in [*(site.file for site in sites), *files]}),
        }

    def leave(self) -> None:
        """Remove our pages from the folders that the site had before, once it has another."""
        before, root = self.record.content, os.path.realpath(self.root)
        for path, default_page in self._roots(before).items():
            if path != root:
                self._remove_pages(Path(path), default_page=default_page)
        self._remove_folders(before["folders"])
        if not self.check:
            self.record.write({**before, "root": root})

    def restore(self) -> dict[str, Any]:
        """Remove what is ours and put back what was changed; return who else uses Apache, and what is to be done."""
        known = bool(self.record.content) or self._is_of_earlier_release()
        result: dict[str, Any] = {"packages": [], "active": True, "enabled": True, "used_by": []}
        if not known:
            return result
        before = self.record.content or self._before()
        result.update({key: before[key] or not before["installed"] for key in ("active", "enabled")})
        self._remove_site(before)
        if self._is_installed():
            result["used_by"], result["packages"] = self._users(before)
            self._restore_distribution(before, package_removed=self.plan.package in result["packages"])
        return result

    def _remove_site(self, before: Mapping[str, Any]) -> None:
        extensions = [self.plan.extensions / name for name in EXTENSIONS]
        loaded = Path(f"{self.plan.site}.loaded")
        for path in (*self.plan.links, self.plan.site, self.plan.listen, loaded, *extensions):
            self._remove(path)
        for root, default_page in self._roots(before).items():
            self._remove_pages(Path(root), default_page=default_page)
        self._remove_folders([str(self.plan.extensions), *before["folders"]])

    def _roots(self, before: Mapping[str, Any]) -> dict[str, bool]:
        """Return the folders that the site has had, and whether the distribution's page was in each before."""
        # One at a time was recorded before
        return dict(before.get("roots") or {os.path.realpath(self.root): before.get("default_page", False)})

    def _remove_folders(self, folders: Sequence[str]) -> None:
        """Remove those that are empty."""
        for folder in map(Path, folders):
            if folder.is_dir() and not any(folder.iterdir()):
                self.changed = True
                if not self.check:
                    folder.rmdir()

    def _users(self, before: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Return who else uses Apache, and its packages that are ours and that nobody needs."""
        sites, files = foreign(read_configuration(self.plan), self.plan)
        used = sorted({*(site.file for site in sites), *files})
        users = [str(path) for path in used]
        if not before["installed"] and not users:
            users = self._dependents()
        packages = [] if before["installed"] or users else [self.plan.package]
        encrypted = any("sslengine" in read_text(file).lower() for file in used)
        if self.plan.mods is None and not before["tls"] and not encrypted:
            packages.append("mod_ssl")
        return users, packages

    def _restore_distribution(self, before: Mapping[str, Any], *, package_removed: bool) -> None:
        """Restore ports, default site and modules; all of the distribution's where its package is removed."""
        if before["legacy"]:
            self._restore_ports()
        self._uncomment_ports()
        link = self.plan.default_site
        if (before["default_site"] or package_removed) and self.plan.mods and not os.path.lexists(link):
            self.changed = True
            if not self.check:
                link.symlink_to(f"../sites-available/{link.name}")
        for module in OUR_MODULES:
            if module not in before["modules"]:
                self._disable(module)

    def _dependents(self) -> list[str]:
        """Return the packages that people installed and that would go with Apache's."""
        packages = [self.plan.package] if self.plan.mods else [self.plan.package, *installed(["mod_ssl"])]
        return [f"package {name}" for name in dependents(packages)]

    def _set_ports(self, before: Mapping[str, Any], wanted: set[int], taken: set[int]) -> None:
        """Switch the distribution's own ports off where they are not wanted and have been nobody's, or on again."""
        with_tls = len(wanted) > 1
        had_tls = before["installed"] and (self.plan.mods is None or "ssl" in before["modules"])
        for file in self.plan.port_files:
            text = read_text(file)
            for port, may in ((HTTP, not before["installed"]), (HTTPS, with_tls and not had_tls)):
                if port in wanted | taken:
                    text = uncomment(text, str(port))
                elif may:
                    text = comment_out(text, port)
            self._write(file, text)

    def _uncomment_ports(self) -> None:
        """Switch the distribution's ports on again, other than such as another program has by now."""
        for file in self.plan.port_files:
            text = read_text(file)
            for port in (HTTP, HTTPS):
                with suppress(LabError):
                    check_ports({"": port}, [self.plan.service])
                    text = uncomment(text, str(port))
            self._write(file, text)

    def _restore_ports(self) -> None:
        """Restore the files in which an earlier release replaced the ports, where nothing else was changed."""
        for file in self.plan.port_files:
            text = read_text(file)
            plain = re.sub(r"^Listen \d+$", f"Listen {HTTP}", text, count=1, flags=re.MULTILINE)
            for shipped in (
                re.sub(r"^([ \t]+Listen) \d+$", rf"\1 {HTTPS}", plain, flags=re.MULTILINE),
                re.sub(r"^Listen \d+$", f"Listen {HTTPS} https", text, flags=re.MULTILINE),
            ):
                if text and not is_as_shipped(file, self.plan) and is_as_shipped(file, self.plan, shipped):
                    self._write(file, shipped)

    def _disable_default_site(self) -> None:
        link = self.plan.default_site
        if self.plan.mods and link.is_symlink() and is_as_shipped(link, self.plan):
            self._remove(link)

    def _link(self, *, after: bool) -> None:
        """Link our site, after those of others where it shares a port with them: the first answers for all names."""
        first, last = self.plan.links
        link, other = (last, first) if after else (first, last)
        if link.is_file() and not link.is_symlink() and not self.plan.site.exists() and not self.check:
            link.replace(self.plan.site)  # where an earlier release had it
        if not self.plan.site.exists():
            self._write(self.plan.site, "# Until the site is written\n")
        self._remove(other)
        target = os.path.relpath(self.plan.site, link.parent)
        if not (link.is_symlink() and str(link.readlink()) == target):
            self._remove(link)
            self.changed = True
            if not self.check:
                link.symlink_to(target)

    def _enable(self, module: str) -> None:
        if self.plan.mods and not os.path.lexists(self.plan.mods / f"{module}.load"):
            self.changed = True
            if not self.check:
                status, output, errors = run("a2enmod", "--quiet", module)
                if status:
                    raise LabError(f"a2enmod {module} failed: {output} {errors}")

    def _disable(self, module: str) -> None:
        """Disable a module, unless the configuration needs it."""
        if not self.plan.mods or not os.path.lexists(self.plan.mods / f"{module}.load"):
            return
        self.changed = True
        if not self.check:
            # Without a trace in Debian's records of what an administrator has disabled
            run("a2dismod", "--quiet", "--force", "--purge", module)
            if read_configuration(self.plan).problem:
                run("a2enmod", "--quiet", module)

    def _remove_pages(self, root: Path, *, default_page: bool) -> None:
        """Remove the pages that the roles httpd and report wrote; put the distribution's back."""
        page = root / "index.html"
        report = root / "report.html"
        kinds = {page: PLACEHOLDER, report: REPORT}
        kinds |= {root / "header.html": HEADER, root / "measured.html": MEASURED}
        for path, kind in kinds.items():
            if is_page(path, kind):
                self._remove(path)
        if read_json(report.with_suffix(".json")).keys() >= {"host", "system", "url", "components"}:
            self._remove(report.with_suffix(".json"))
        if default_page and not page.exists() and self.plan.default_page.exists() and root.is_dir():
            self._write(page, read_text(self.plan.default_page))

    def _create(self, folder: Path) -> None:
        """Create a folder and those above it, for everyone to read."""
        if folder.is_dir():
            return
        self.changed = True
        if not self.check:
            for path in reversed([folder, *folder.parents]):
                if not path.exists():
                    path.mkdir()
                    path.chmod(0o755)

    def _write(self, path: Path, text: str) -> None:
        """Write a file, whole and with its owner and mode, or remove it where there is nothing to write."""
        if read_text(path) == text:
            return
        if not text:
            self._remove(path)
            return
        self.changed = True
        if not self.check:
            new = not path.exists()
            with replacing(path) as part:
                part.write(text.encode("utf-8", "surrogateescape"))
                if new:
                    os.fchmod(part.fileno(), 0o644)

    def _remove(self, path: Path) -> None:
        if os.path.lexists(path):
            self.changed = True
            if not self.check:
                path.unlink()
