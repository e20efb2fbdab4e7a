"""scripts/package_cluster: packs vec2pca with all that it needs, for a Spark that has nothing but Python."""

from __future__ import annotations

import argparse
import re
import sys
import tarfile
import tempfile
from pathlib import Path

import environment
import machine
from downloads import fetch_punkt
from machine import ROOT

PACKAGE = ROOT / "roles" / "vec2pca" / "files" / "vec2pca"
REQUIREMENTS = ROOT / "roles" / "spark" / "files" / "spark.txt"
OF_SPARK = re.compile(r"^(pyspark|py4j)==.*\n(?:[ \t]+.*\n)*", re.MULTILINE)
ARCHIVE, PROGRAM = "vec2pca.tar.gz", "vec2pca_cluster.py"
MAIN = '''"""Given to spark-submit, with vec2pca.tar.gz: docs/cluster.md of labserver."""

import sys

from vec2pca.cli import main

sys.exit(main(["cluster", *sys.argv[1:]]))
'''
EPILOG = f"""\
{ARCHIVE}      vec2pca, its packages and NLTK's punkt: for --archives {ARCHIVE}#vec2pca
{PROGRAM}  the program for spark-submit

docs/cluster.md has the command lines for EMR, Dataproc and Kubernetes.
"""


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/package_cluster",
        description=__doc__.partition(": ")[2],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--python", default="3.11", help="version of Python on the cluster [%(default)s]")
    parser.add_argument(
        "--platform", default="x86_64-manylinux_2_28", help="its platform, as uv names it [%(default)s]"
    )
    parser.add_argument("folder", type=Path, help="where the two files go")
    options = parser.parse_args()
    environment.enter()
    build(options.folder, options.python, options.platform)
    print(f"{options.folder / ARCHIVE}\n{options.folder / PROGRAM}")
    return 0


def build(folder: Path, python: str, platform: str) -> None:
    """Write the two files into a folder."""
    folder = machine.output_folder(folder)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        tree = Path(name) / "tree"
        install(tree, python, platform)
        fetch_punkt(tree / "nltk_data" / "tokenizers")
        pack(tree, folder / ARCHIVE)
    (folder / PROGRAM).write_text(MAIN, encoding="utf-8")


def install(tree: Path, python: str, platform: str) -> None:
    """Install vec2pca and its packages into a folder, for another Python than this."""
    requirements = OF_SPARK.sub("", REQUIREMENTS.read_text(encoding="utf-8"))
    uv = (
        "uv",
        "pip",
        "install",
        "--quiet",
        "--target",
        tree,
        "--python-version",
        python,
        "--python-platform",
        platform,
    )
    variables = environment.uv_environment()
    machine.check(*uv, "--only-binary", ":all:", "--require-hashes", "-r", "-", env=variables, text=requirements)
    machine.check(environment.python(), "-m", "flit_core.wheel", PACKAGE)
    wheel = max((PACKAGE / "dist").glob("vec2pca-*.whl"), key=lambda path: path.stat().st_mtime)
    machine.check(*uv, "--no-deps", wheel, env=variables)


def pack(tree: Path, archive: Path) -> None:
    """Write the archive, whole or not at all."""
    part = archive.with_name(f".{archive.name}.part")
    with tarfile.open(part, "w:gz", compresslevel=6) as packed:
        for path in sorted(tree.iterdir()):
            if path.name != "bin":
                packed.add(path, path.name, filter=lambda entry: None if "__pycache__" in entry.name else entry)
    part.replace(archive)


if __name__ == "__main__":
    sys.exit(machine.run_main(main))
