"""R as a program that is asked: one fixed R script, data in as a file of fields, answers out as another."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.labserver.errors import LabError

Version = tuple[int, ...]
Needs = dict[str, list[tuple[str, str]]]  # package: what its version must fulfil, as (operator, version)

# Nothing of the task is ever written into this program: it reads lines of tab-separated fields, and writes such lines.
DRIVER = r"""
paths <- commandArgs(TRUE)
input <- strsplit(readLines(paths[1L], encoding = "UTF-8"), "\t", fixed = TRUE)
asked <- function(key) vapply(Filter(function(line) line[1L] == key, input), `[`, "", 2L)
output <- file(paths[2L], "ab")
tell <- function(...) {
  fields <- c(...)
  fields[is.na(fields)] <- ""
  writeLines(paste(gsub("[\t\r\n]+", " ", enc2utf8(fields)), collapse = "\t"), output, useBytes = TRUE)
  flush(output)
}
# What an expression has to complain of: its warnings and its error, or nothing. install.packages, download.file and
# available.packages all only warn of what is an error to us.
complaints <- function(expression) {
  said <- character()
  tryCatch(
    withCallingHandlers(expression, warning = function(w) {
      said <<- c(said, conditionMessage(w))
      invokeRestart("muffleWarning")
    }),
    error = function(e) said <<- c(said, conditionMessage(e))
  )
  trimws(gsub("[[:space:]]+", " ", paste(unique(said), collapse = "; ")))
}

library_path <- asked("library")
if (!length(library_path)) {
  # the first site library by its name, for .libPaths() passes over one that is still to be made
  library_path <- path.expand(strsplit(Sys.getenv("R_LIBS_SITE"), ":", fixed = TRUE)[[1L]][1L])
  if (is.na(library_path) || !startsWith(library_path, "/")) {
    .libPaths(character())
    library_path <- .libPaths()[1L]
  }
}
.libPaths(library_path) # and the site's: what everybody sees, without the libraries of the user who runs this
if ("source" %in% asked("type")) {
  options(HTTPUserAgent = "labserver") # repositories that give binaries give them to an R of a platform they know
}

strong <- c("Depends", "Imports", "LinkingTo")
base <- rownames(installed.packages(.Library, priority = "base"))
needs_of <- function(row) paste(row[strong][!is.na(row[strong])], collapse = ", ")
names_in <- function(needs) {
  found <- sub("[ \t\n(].*", "", trimws(unlist(strsplit(needs, ",", fixed = TRUE))))
  setdiff(found, c("", "R", base))
}

# R reads a package's code when it is first used: half of it would only be missed then
read_all <- function(package) {
  for (code in file.path(find.package(package)[1L], "R", c(package, "sysdata"))) {
    if (file.exists(paste0(code, ".rdx"))) {
      here <- new.env()
      lazyLoad(code, here)
      as.list(here, all.names = TRUE)
    }
  }
}

# Returns those that load, in the version that is asked for where there is one.
load <- function(packages) {
  fine <- character()
  for (package in setdiff(packages, asked("skip"))) {
    tell("loading", package)
    problem <- tryCatch({
      suppressWarnings(suppressMessages(library(package, character.only = TRUE)))
      read_all(package)
      ""
    }, error = function(e) conditionMessage(e))
    if (nzchar(problem)) {
      tell("broken", package, problem)
    } else {
      version <- as.character(getNamespaceVersion(package))
      tell("loaded", package, version, dirname(find.package(package)[1L]))
      if (all(package_version(version) == asked("version"))) fine <- c(fine, package)
    }
  }
  fine
}

status_of <- function(url) {
  # also tells whether there is a server at all, and sooner than the index, which is asked for in three forms
  if (!grepl("^https?:", url)) return(c(status = "", problem = ""))
  known <- list(timeout = as.integer(asked("timeout")))
  known <- known[names(known) %in% names(formals(curlGetHeaders))]
  status <- ""
  problem <- complaints(status <- as.character(attr(do.call(curlGetHeaders, c(url, known)), "status")))
  c(status = status, problem = problem)
}

# R's own limit is for one file, however large
patient <- function() options(timeout = max(600, getOption("timeout")))

archived <- function(package, version, contrib) {
  folder <- asked("folder")
  dest <- file.path(folder, sprintf("%s_%s.tar.gz", package, version))
  url <- paste(contrib, "Archive", package, basename(dest), sep = "/")
  patient()
  if (nzchar(complaints(utils::download.file(url, dest, mode = "wb", quiet = TRUE)))) return(NULL)
  description <- file.path(package, "DESCRIPTION")
  if (nzchar(complaints(utils::untar(dest, files = description, exdir = folder, tar = "internal")))) return(NULL)
  about <- read.dcf(file.path(folder, description))[1L, ]
  unname(c(about[c("Package", "Version", strong, "OS_type")], basename(dest), dirname(url)))
}

offers <- function(wanted) {
  repositories <- asked("repository")
  if (!length(repositories)) repositories <- as.character(getOption("repos"))
  repositories <- sub("/+$", "", repositories[nzchar(repositories) & repositories != "@CRAN@"])
  columns <- c("Package", "Version", strong, "OS_type", "File", "Repository")
  rows <- matrix(character(), 0L, length(columns), dimnames = list(NULL, columns))
  for (url in repositories) {
    contrib <- contrib.url(url, type = "source")
    status <- status_of(paste0(contrib, "/PACKAGES"))
    problem <- status[["problem"]]
    if (!nzchar(problem)) {
      offered <- NULL
      problem <- complaints(offered <- available.packages(contriburl = contrib, filters = list()))
      if (!is.null(offered) && nrow(offered)) problem <- ""
      if (length(offered)) {
        more <- matrix(NA_character_, nrow(offered), length(columns), dimnames = list(NULL, columns))
        there <- intersect(columns, colnames(offered))
        more[, there] <- offered[, there]
        rows <- rbind(rows, more)
      }
    }
    tell("repository", url, status[["status"]], problem)
  }
  for (version in asked("version")) {
    for (url in repositories) {
      if (any(package_version(rows[rows[, "Package"] == wanted, "Version"]) == version)) break
      rows <- rbind(rows, archived(wanted, version, contrib.url(url, type = "source")))
    }
  }
  for (package in setdiff(wanted, rows[, "Package"])) {
    alike <- unique(rows[tolower(rows[, "Package"]) == tolower(package), "Package"])
    for (name in alike) tell("alike", package, name)
  }
  rows <- rows[is.na(rows[, "OS_type"]) | rows[, "OS_type"] == "unix", , drop = FALSE]
  seen <- character()
  while (length(wanted)) {
    seen <- c(seen, wanted)
    mine <- rows[rows[, "Package"] %in% wanted, , drop = FALSE]
    for (i in seq_len(nrow(mine))) {
      row <- mine[i, ]
      file <- if (is.na(row[["File"]])) sprintf("%s_%s.tar.gz", row[["Package"]], row[["Version"]]) else row[["File"]]
      tell("offer", row[["Package"]], row[["Version"]], paste(row[["Repository"]], file, sep = "/"), needs_of(row))
    }
    wanted <- setdiff(names_in(c(mine[, strong])), seen)
  }
  seen
}

query <- function() {
  tell("r", as.character(getRversion()), R.home(), library_path)
  for (path in .libPaths()) tell("path", path)
  here <- installed.packages(.libPaths(), noCache = TRUE)
  for (i in seq_len(nrow(here))) {
    row <- here[i, ]
    tell("installed", row[["Package"]], row[["Version"]], row[["LibPath"]], row[["Priority"]], needs_of(row))
  }
  wanted <- asked("package")
  fine <- load(intersect(wanted, rownames(here)))
  lacking <- setdiff(asked("offers"), if (!length(asked("newest"))) fine)
  if (length(lacking)) {
    tell("asked")
    load(setdiff(intersect(offers(lacking), rownames(here)), c(wanted, base)))
  }
}

fetch <- function() {
  patient()
  for (line in Filter(function(line) line[1L] == "fetch", input)) {
    tell("fetched", line[2L], complaints(utils::download.file(line[3L], line[4L], mode = "wb", quiet = TRUE)))
  }
}

install <- function() {
  folder <- asked("folder")
  packages <- asked("package")
  cores <- as.integer(getOption("Ncpus", asked("cores")))
  if (!nzchar(Sys.getenv("MAKEFLAGS"))) Sys.setenv(MAKEFLAGS = paste0("-j", cores))
  # Side by side every package compiles on one core. A few take turns and have all cores each.
  if (length(asked("compiled")) && length(asked("compiled")) <= 2L * cores) cores <- 1L
  contrib <- paste0("file://", folder)
  available <- available.packages(contriburl = contrib, filters = list())
  utils::install.packages(packages, lib = library_path, contriburl = contrib, available = available,
    dependencies = FALSE, type = "source", Ncpus = cores, keep_outputs = file.path(folder, "logs"))
}

switch(asked("do"), query = query(), fetch = fetch(), install = install())
close(output)
"""

_PREFIX = "labserver-r_package-"


def version_of(text: str) -> Version:
    """Return the parts of an R version, which may stand between points and hyphens."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def needs_in(text: str) -> Needs:
    """Return what a dependency field asks: `foreach (>= 1.2), R (>= 4.1)`."""
    needs: Needs = {}
    for part in text.split(","):
        match = re.match(r"\s*([A-Za-z][A-Za-z0-9.]*)\s*(?:\(\s*([<>=!]+)\s*([0-9][0-9.-]*)\s*\))?", part)
        if match:
            wants = needs.setdefault(match[1], [])
            if match[2]:
                wants.append((match[2], match[3]))
    return needs


def fulfils(version: str, wants: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a version fulfils all of (operator, version)."""
    mine = version_of(version)
    for operator, other in wants:
        theirs = version_of(other)
        fulfilled = {
            ">=": mine >= theirs,
            ">": mine > theirs,
            "<=": mine <= theirs,
            "<": mine < theirs,
            "==": mine == theirs,
            "!=": mine != theirs,
        }
        if not fulfilled.get(operator, True):
            return False
    return True


def mask(text: str) -> str:
    """Return what R said without user and password of an address, nor how long it tried, which differs every time."""
    return re.sub(r" after \d+ (ms|milliseconds)", "", re.sub(r"(\w+://)[^/\s]+@", r"\1***@", text))


@dataclass(frozen=True)
class Installed:
    """A package in a library, whether or not it loads."""

    name: str
    version: str
    library: str
    priority: str
    needs: Needs


@dataclass(frozen=True)
class Offer:
    """A version of a package that a repository has."""

    name: str
    version: str
    url: str
    needs: Needs


@dataclass(frozen=True)
class Repository:
    """A repository that was asked: the HTTP status of its index where there is one, and what went wrong."""

    url: str
    status: str
    problem: str


@dataclass
class Answer:
    """What R told."""

    version: str = ""
    home: str = ""
    library: Path = Path()
    paths: list[str] = field(default_factory=list)
    installed: list[Installed] = field(default_factory=list)
    loaded: dict[str, tuple[str, str]] = field(default_factory=dict)  # name: version, library
    broken: dict[str, str] = field(default_factory=dict)  # name: why it does not load
    asked: bool = False  # whether repositories were
    repositories: list[Repository] = field(default_factory=list)
    offers: dict[str, list[Offer]] = field(default_factory=dict)
    alike: dict[str, str] = field(default_factory=dict)  # name: the one that differs in its capitals

    def read(self, line: Sequence[str]) -> None:
        """Take one line of fields."""
        kind, *rest = line
        if kind == "r":
            self.version, self.home, self.library = rest[0], rest[1], Path(rest[2])
        elif kind == "path":
            self.paths.append(rest[0])
        elif kind == "installed":
            self.installed.append(Installed(rest[0], rest[1], rest[2], rest[3], needs_in(rest[4])))
        elif kind == "loaded":
            self.loaded[rest[0]] = (rest[1], rest[2])
        elif kind == "broken":
            self.broken[rest[0]] = rest[1]
        elif kind == "asked":
            self.asked = True
        elif kind == "repository":
            self.repositories.append(Repository(mask(rest[0]), rest[1], mask(rest[2])))
        elif kind == "offer":
            self.offers.setdefault(rest[0], []).append(Offer(rest[0], rest[1], rest[2], needs_in(rest[3])))
        elif kind == "alike":
            self.alike[rest[0]] = rest[1]


@dataclass
class R:
    """An R program, a folder to work in, and the locks its processes keep as long as they live."""

    program: str
    work: Path
    locks: list[int]
    log: str = ""
    runs: int = 0

    def ask(self, do: str, lines: Iterable[Sequence[str]]) -> tuple[list[list[str]], str]:
        """Run the driver once; return its lines, and what R printed when it did not come to its end."""
        self.runs += 1
        script, asked, told, printed = (self.work / f"{self.runs}.{name}" for name in ("R", "in", "out", "log"))
        script.write_text(DRIVER, encoding="utf-8")
        fields = [("do", do), ("folder", str(self.work)), *lines]
        asked.write_text("".join("\t".join(line) + "\n" for line in fields), encoding="utf-8")
        told.touch()
        options = ["--no-init-file"]
        if Path(self.program).name != "Rscript":
            options += ["--no-echo", "--no-restore", "--no-save", f"--file={script}", "--args"]
        else:
            options += [str(script)]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en", "TMPDIR": str(self.work)}
        with printed.open("wb") as log:
            process = subprocess.run(
                [self.program, *options, str(asked), str(told)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.work,
                pass_fds=self.locks,
                umask=0o022,  # others load what root installs
                check=False,
            )
        text = mask(printed.read_text(encoding="utf-8", errors="replace"))
        self.log += text
        answer = [line.split("\t") for line in told.read_text(encoding="utf-8", errors="replace").splitlines()]
        return answer, "" if process.returncode == 0 else text or f"exit status {process.returncode}"

    def query(self, names: Sequence[str], lines: Sequence[Sequence[str]]) -> Answer:
        """Ask what is installed, what of `names` loads, and (by `lines`) what repositories offer.

        A package that takes its R process down with it is named by the line that was begun; R is asked again without.
        """
        crashed: dict[str, str] = {}
        while True:
            wanted = [("package", name) for name in names] + [("skip", name) for name in crashed]
            told, problem = self.ask("query", [*lines, *wanted])
            if told and told[-1][0] == "loading":
                crashed[told[-1][1]] = f"R ended while it was loaded: {tail(problem, 5)}"
            elif problem:
                raise LabError(f"R ({self.program}) could not say what is installed: {tail(problem)}")
            else:
                break
        answer = Answer()
        for line in told:
            answer.read(line)
        answer.broken.update(crashed)
        return answer


def tail(text: str, lines: int = 12) -> str:
    """Return the last lines that say something."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-lines:])


def description_of(archive: Path, name: str) -> dict[str, str]:
    """Read a package's archive to its end, and return its DESCRIPTION; raise LabError when it is not whole."""
    description = ""
    try:
        with tarfile.open(archive, "r:*") as content:
            for member in content:
                if member.name.removeprefix("./") == f"{name}/DESCRIPTION":
                    stream = content.extractfile(member)
                    description = stream.read().decode("utf-8", "replace") if stream else ""
    except (tarfile.TarError, EOFError, OSError) as error:
        raise LabError(f"not a whole archive ({error})") from error
    fields: dict[str, str] = {}
    key = ""
    for line in description.splitlines():
        if line[:1] in (" ", "\t"):
            fields[key] = f"{fields.get(key, '')} {line.strip()}"
        elif ":" in line:
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    if fields.get("Package") != name:
        raise LabError("not an R package: it has no DESCRIPTION of its name")
    return fields


def temporary() -> Path:
    """Return the folder for temporary files, rather than a /tmp in memory: compiling takes hundreds of megabytes."""
    standard = "/var/tmp" if Path("/var/tmp").is_dir() else tempfile.gettempdir()  # noqa: S108 - mkdtemp takes it
    return Path(os.environ.get("TMPDIR") or standard)


@contextmanager
def work_folder() -> Iterator[tuple[Path, int]]:
    """Make a folder for R's temporary files, and remove it, and those of runs that were killed."""
    base = temporary()
    for folder in base.glob(f"{_PREFIX}*"):
        _sweep(folder)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, lock
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    try:
        about = folder.lstat()
        if about.st_uid != os.geteuid() or time.time() - about.st_mtime < 10:  # seconds: one that is just being made
            return
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)
