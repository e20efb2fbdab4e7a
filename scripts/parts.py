"""The parts of scripts/test: what each of them runs. Standard output and error go to its log."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import docker_engine
import environment
import machine
import package_cluster
from downloads import fetch, fetch_punkt
from environment import REQUIREMENTS, uv_environment
from machine import ROOT, STATE, ScriptError, apt_install, check, print_status

IMAGES = "images"  # comes before all that boots hosts; no test, and not counted
WITHOUT_HOSTS = ("lint", "unit", "cluster")
ONLY_FULL = (
    "every fault at every call to AWS, each in an account of its own (an hour); the lives of 1 and 5 machines, two"
    " projects side by side, what is half there, Elastic IPs of the user's own, a machine made anew, each refusal in an"
    " empty account, a budget, Spot Instances and Session Manager each by itself; on a booted machine the whole site,"
    " reboots, its removal, a wrong clock, SELinux, power cuts, too little memory, the first command of a new user; a"
    " network that goes in each role; strangers at a cluster, and its restart; a run killed at each task; the upgrade"
    " of the whole site from each version"
)

LINTERS = (
    ("ansible-lint", "--offline"),  # takes longest
    ("mypy",),
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("yamllint", "--strict", "."),
    ("python", "scripts/check_imports.py"),
    ("python", "scripts/reference.py", "--check"),
)

VEC2PCA_TESTS = "roles/vec2pca/files/vec2pca/tests"
CLUSTER_TESTS = f"{VEC2PCA_TESTS}/cluster"
# The packages of the hosts: requirements, in the order in which they are installed, with further options of uv
HOST_ENVIRONMENTS: dict[str, dict[str, Sequence[str]]] = {
    "lab": {"roles/python_venv/files/lab.txt": ()},
    # pyspark is built from its source, with what is pinned
    "spark": {"roles/spark/files/build.txt": (), "roles/spark/files/spark.txt": ("--no-build-isolation",)},
}
JAVA = ("openjdk-17-jre-headless", "openjdk-21-jre-headless")  # Debian 12, and later

AXE_SOURCES = ("pypi:axe-playwright-python==0.1.8#axe_playwright_python/axe.min.js",)
AXE_SHA256 = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"


def scenarios() -> list[str]:
    """Return the names of molecule's scenarios."""
    return sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))


def names() -> list[str]:
    """Return the names of all parts."""
    return [*WITHOUT_HOSTS, "integration", *scenarios()]


def boots_hosts(name: str) -> bool:
    """Return whether a part needs the images."""
    return name not in (*WITHOUT_HOSTS, IMAGES)


def run(name: str, *, full: bool) -> None:
    """Run one part; ScriptError where it fails."""
    os.environ.update({"NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"})  # logs are plain text
    if full:
        os.environ["LABSERVER_FULL"] = "1"
    match name:
        case "lint":
            lint()
        case "unit":
            unit()
        case "cluster":
            cluster()
        case "integration":
            pytest("tests/integration", *(["--full"] if full else []))
        case "images":
            docker_engine.start()
            with machine.package_manager():  # mmdebstrap may have to be installed
                check("ansible-playbook", "molecule/shared/images.yml")
        case scenario:
            check("molecule", "test", "--scenario-name", scenario)


def destroy(scenario: str, log: BinaryIO) -> None:
    """Remove the hosts of a scenario that was cut off."""
    command = ["molecule", "destroy", "--scenario-name", scenario]
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)


def pytest(*arguments: str) -> None:
    """Run pytest on both cores."""
    check("pytest", "-n", "2", "--dist", "loadfile", "--durations=15", *arguments)


def lint() -> None:
    """Run all linters at once, and print the output of each."""
    commands = [*LINTERS, ("shellcheck", *shell_scripts())]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    failed = []
    for command, process in zip(commands, running, strict=True):
        text = process.communicate()[0]
        print(f"==> {' '.join(command)}\n{text}", flush=True)
        if process.returncode:
            failed.append(command[0])
    if failed:
        raise ScriptError(f"{', '.join(dict.fromkeys(failed))}: see above")


def shell_scripts() -> list[str]:
    """Return every script that bash runs, by its first line, and what they share."""
    files = [path for folder in ("scripts", ".ci", "benchmarks") for path in (ROOT / folder).rglob("*")]
    scripts = [path for path in files if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash\n")]
    return sorted(str(path.relative_to(ROOT)) for path in [*scripts, ROOT / "scripts" / "lib.sh"])


def unit() -> None:
    """Run the unit tests, then those of vec2pca with the packages of the hosts, on which it runs."""
    if not (shutil.which("Rscript") and shutil.which("gfortran")) and not apt_install("r-base-dev"):
        print_status("R could not be installed: the tests of r_package are skipped")
    has_chromium = shutil.which("chromium") and shutil.which("chromedriver")
    if not has_chromium and not apt_install("chromium", "chromium-driver"):
        print_status("No Chromium could be installed: the tests of the page are skipped")
    nltk_data, axe, screenshots = STATE / "nltk_data", STATE / "axe.min.js", STATE / "screenshots"
    screenshots.mkdir(parents=True, exist_ok=True)
    os.environ.update(NLTK_DATA=str(nltk_data), AXE_JS=str(axe), VEC2PCA_SCREENSHOTS=str(screenshots))
    real_reviews = ROOT.parent / "shared" / "data"  # where they lie beside the checkout
    if real_reviews.is_dir():
        os.environ["LABSERVER_DATA"] = str(real_reviews)
    fetch_punkt(nltk_data / "tokenizers")
    fetch(axe, AXE_SOURCES, AXE_SHA256)
    pytest("tests/unit")
    check(host_environment("lab", "pytest"), "-m", "pytest", VEC2PCA_TESTS, "--ignore", CLUSTER_TESTS)


def cluster() -> None:
    """Run the tests of vec2pca that need Spark, with the packages of its hosts."""
    if not shutil.which("java") and not any(map(apt_install, JAVA)):
        print_status("Java could not be installed: the tests of the cluster are skipped")
    os.environ.update(NLTK_DATA=str(STATE / "nltk_data"), VEC2PCA_PACKAGE=str(STATE / "package"))
    fetch_punkt(STATE / "nltk_data" / "tokenizers")
    package_cluster.build(STATE / "package", platform.python_version(), f"{platform.machine()}-manylinux_2_28")
    check(host_environment("spark", "moto[s3]", "pytest"), "-m", "pytest", CLUSTER_TESTS)


def host_environment(name: str, *tools: str) -> Path:
    """Make an environment that the hosts have, and add tools of the tests; return its Python."""
    folder = STATE / name
    if not (folder / "bin" / "python").exists():
        check(environment.python(), "-m", "venv", folder)
    constraints = STATE / "constraints.txt"
    constraints.write_text("\n".join(re.findall(r"^[^#\s]+==[^\\\n]+", REQUIREMENTS.read_text(), re.MULTILINE)))
    # Tests start many processes in it
    variables = uv_environment() | {"VIRTUAL_ENV": str(folder), "UV_COMPILE_BYTECODE": "1"}
    install = ("uv", "pip", "install", "--quiet")
    for requirements, options in HOST_ENVIRONMENTS[name].items():
        check(*install, "--require-hashes", *options, "-r", requirements, env=variables)
    check(*install, "--constraints", constraints, *tools, env=variables)
    return folder / "bin" / "python"
