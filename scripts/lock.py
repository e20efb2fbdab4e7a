"""scripts/lock: writes the hash-pinned requirement files anew from the ranges in pyproject.toml."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import environment
import machine
import pins
from environment import REQUIREMENTS, UV_REQUIREMENT
from machine import ROOT

LAB_REQUIREMENTS = ROOT / "roles" / "python_venv" / "files" / "lab.txt"
JUPYTER_REQUIREMENTS = ROOT / "roles" / "jupyterlab" / "files" / "jupyter.txt"
SPARK = ROOT / "roles" / "spark" / "files"
COMPILE = ("--quiet", "--universal", "--generate-hashes", "--custom-compile-command", "scripts/lock")
# The hosts' Pythons: 3.10 (Ubuntu 22.04) to 3.13 (Debian 13), each with its newest releases
HOSTS = ("--python-version", "3.10", "--fork-strategy", "requires-python")


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="scripts/lock", description=__doc__.partition(": ")[2])
    parser.add_argument("--upgrade", action="store_true", help="take newer releases within the ranges")
    parser.add_argument(
        "--outdated", action="store_true", help="only print a table of what is pinned and has a newer release"
    )
    options, others = parser.parse_known_args()
    options_for_uv = ["--upgrade", *others] if options.upgrade else others
    environment.enter()
    if options.outdated:
        print(pins.outdated())
        return 0

    variables = environment.uv_environment()

    def compile_requirements(output: Path, *arguments: str, text: str | None = None) -> None:
        command = ("uv", "pip", "compile", *COMPILE, "--output-file", str(output.relative_to(ROOT)), *arguments)
        machine.check(*command, *options_for_uv, env=variables, text=text)

    compile_requirements(REQUIREMENTS, "pyproject.toml", "--group", "dev")
    compile_requirements(LAB_REQUIREMENTS, *HOSTS, "--group", "lab")
    # Its kernel runs in the lab's Python, beside the lab's packages
    compile_requirements(
        JUPYTER_REQUIREMENTS, *HOSTS, "--group", "jupyter", "--constraints", str(LAB_REQUIREMENTS.relative_to(ROOT))
    )
    # The releases of the controller where both have a package, for the tests have both
    compile_requirements(
        SPARK / "spark.txt", *HOSTS, "--group", "spark", "--constraints", "requirements/controller.txt"
    )
    compile_requirements(SPARK / "build.txt", *HOSTS, "--group", "spark-build")
    uv = next(line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if line.startswith("uv=="))
    compile_requirements(UV_REQUIREMENT, *HOSTS, "-", text=uv.split()[0])
    return 0


if __name__ == "__main__":
    sys.exit(machine.run_main(main))
