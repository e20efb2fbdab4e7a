"""R as any user of the finished server meets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

PACKAGED = ("doMC", "foreach", "iterators", "doParallel", "randomForest", "bigmemory", "data.table")
# Debian does not have them, or not everywhere; a network without CRAN cannot have them
OTHERS = ("gbm", "tictoc", "xgboost")


@pytest.fixture
def rscript(host: Host) -> Callable[..., str]:
    """Run R code as a user without rights, and return what it prints."""

    def run(code: str, *arguments: str) -> str:
        result = host.run("runuser -u nobody -- env HOME=/tmp Rscript -e %s" + " %s" * len(arguments), code, *arguments)
        assert result.succeeded, result.stderr
        return str(result.stdout)

    return run


def test_the_distributions_packages_load(rscript: Callable[..., str]) -> None:
    code = "for (name in commandArgs(TRUE)) suppressMessages(library(name, character.only = TRUE))"
    rscript(code, *PACKAGED)


def test_any_other_loads_or_is_named_with_its_reason(
    host: Host, rscript: Callable[..., str], component: Callable[..., Any], fetch: Callable[..., Any]
) -> None:
    code = """
    for (name in commandArgs(TRUE)) if (suppressWarnings(require(name, character.only = TRUE, quietly = TRUE))) {
      cat(name, "")
    }
    """
    missing = component("r_packages")["unavailable"]
    if host.system_info.codename == "bookworm":
        assert "xgboost" not in missing, "a source of Debian's has it"
    assert set(rscript(code, *OTHERS).split()) == set(OTHERS) - set(missing)
    page = fetch("/report.html").text
    for name, reason in missing.items():
        assert reason
        assert name in page


def test_every_requested_package_is_accounted_for(component: Callable[..., Any]) -> None:
    record = component("r_packages")
    assert record["state"] == "ready"
    assert {*record["details"]["versions"], *record["unavailable"]} == {*PACKAGED, *OTHERS}
    assert not {*record["unavailable"]} & {*PACKAGED}


def test_foreach_works_on_several_processes(rscript: Callable[..., str]) -> None:
    code = """
    suppressMessages(library(doMC)); registerDoMC(2)
    found <- foreach(i = 1:2, .combine = c) %dopar% { Sys.sleep(0.2); Sys.getpid() }
    cat(length(unique(found)))
    """
    assert rscript(code) == "2"


def test_r_multiplies_with_openblas(rscript: Callable[..., str]) -> None:
    code = """
    x <- matrix(sin((1:40000)^2), 200)
    stopifnot(all.equal((x %*% x)[7, 9], sum(x[7, ] * x[, 9])), all.equal(solve(x) %*% x, diag(200)))
    cat(sessionInfo()$BLAS)
    """
    assert "openblas" in rscript(code)


def test_the_profile_sets_repository_and_cores(
    host: Host, rscript: Callable[..., str], component: Callable[..., Any]
) -> None:
    code = """
    cat(getOption("repos")[["CRAN"]], getOption("Ncpus"), Sys.getenv("MAKEFLAGS"), getOption("HTTPUserAgent"),
        paste(getRversion()), sep = "\\n")
    """
    repository, cores, flags, agent, version = rscript(code).splitlines()
    # the snapshot that still has an xgboost for R 4.2 is for Debian 12 only
    day = {"bookworm": "2025-06-02", "trixie": "2026-10-01"}[host.system_info.codename]
    assert repository == f"https://packagemanager.posit.co/cran/__linux__/{host.system_info.codename}/{day}"
    assert cores == host.check_output("nproc")
    assert flags == f"-j{cores}"
    # the form by which Posit knows whose binaries to send
    assert agent == f"R/{version} R ({version} x86_64-pc-linux-gnu x86_64 linux-gnu)"
    assert component("r_base")["details"]["repository"] == repository


SOURCES = {
    "cxx.cpp": '#include <vector>\nextern "C" void seven(int *x) { *x = (int) std::vector<int>(7).size(); }',
    "c.c": "void seven(int *x) { *x = 7; }",
    "fortran.f90": "subroutine seven(x)\ninteger :: x\nx = 7\nend subroutine",
}


def test_what_a_package_needs_to_be_compiled_is_there(rscript: Callable[..., str]) -> None:
    code = """
    given <- commandArgs(TRUE)
    dir.create(folder <- tempfile()); setwd(folder)
    for (i in seq(1, length(given), 2)) {
      name <- sub("[.].*", "", given[[i]])
      writeLines(given[[i + 1]], given[[i]])
      arguments <- c("CMD", "SHLIB", paste0("--output=", name, ".so"), given[[i]])
      stopifnot(system2("R", arguments, stdout = FALSE) == 0)
      dyn.load(paste0(name, ".so"))
      call <- if (name == "fortran") .Fortran else .C
      cat(name, call("seven", 0L, PACKAGE = name)[[1]], "")
    }
    """
    arguments = [part for pair in SOURCES.items() for part in pair]
    assert rscript(code, *arguments) == "cxx 7 c 7 fortran 7 "
