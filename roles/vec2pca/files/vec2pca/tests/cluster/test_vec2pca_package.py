"""What scripts/package_cluster of labserver packs, on a Spark that has nothing but Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path(os.environ.get("VEC2PCA_PACKAGE", "none"))
pytestmark = [
    pytest.mark.skipif(not PACKAGE.is_dir(), reason="$VEC2PCA_PACKAGE names no folder of scripts/package_cluster"),
    pytest.mark.skipif(not shutil.which("java"), reason="there is no Java"),
]
SPARK = pytest.importorskip("pyspark", reason="Spark is not installed")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A Python with Spark and nothing else."""
    home = tmp_path / "bare"
    venv.create(home, with_pip=False, symlinks=True)
    site = next(home.glob("lib/python3*/site-packages"))
    (site / "pyspark").symlink_to(Path(SPARK.__file__).parent)
    (site / "py4j").symlink_to(Path(pytest.importorskip("py4j").__file__).parent)
    return home


def test_it_runs_where_there_is_only_spark(tmp_path: Path, bare: Path, topic_text: Callable[[int], str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text(topic_text(400))
    shutil.unpack_archive(PACKAGE / "vec2pca.tar.gz", tmp_path / "vec2pca")
    python = bare / "bin" / "python"
    command = [
        next(bare.glob("lib/python3*/site-packages")) / "pyspark" / "bin" / "spark-submit",
        *("--master", "local-cluster[2,1,512]", "--archives", f"{PACKAGE / 'vec2pca.tar.gz'}#vec2pca"),
        *("--conf", "spark.executor.memory=512m", "--conf", "spark.executorEnv.PYTHONPATH=vec2pca"),
        *("--conf", "spark.executorEnv.NLTK_DATA=vec2pca/nltk_data", "--conf", "spark.executorEnv.XDG_CACHE_HOME=."),
        *(PACKAGE / "vec2pca_cluster.py", text, tmp_path / "page.html", "--json", tmp_path / "out.json"),
        *("--min-count", "5", "--features", "16", "--components", "4", "--train", "average", "--parts", "2"),
    ]
    environment = {
        "PATH": f"{bare / 'bin'}:{os.defpath}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path / "vec2pca"),
        "NLTK_DATA": str(tmp_path / "vec2pca" / "nltk_data"),
        "PYSPARK_PYTHON": str(python),
        "SPARK_LOCAL_IP": "127.0.0.1",
        **{name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ},
    }
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["corpus"]["lines"] == 400
    assert found["cluster"]["executors"] == 2
