"""The virtual environment runs what the lab needs."""

from __future__ import annotations

from testinfra.host import Host

PYTHON = "/opt/labserver/venv/bin/python"


def test_principal_components_of_a_known_matrix(host: Host) -> None:
    program = (
        "import numpy, sklearn.decomposition;"
        "x = numpy.outer(numpy.arange(10.0), [3.0, 4.0]);"
        "print(abs(sklearn.decomposition.PCA(1).fit(x).components_[0]).round(3).tolist())"
    )
    assert host.check_output("%s -c %s", PYTHON, program) == "[0.6, 0.8]"


def test_any_user_may_run_it(host: Host) -> None:
    program = "import bs4, gensim, isal.isal_zlib, nltk, orjson, pandas, plac, scipy, zstandard"
    assert host.run("runuser -u nobody -- %s -c %s", PYTHON, program).succeeded


def test_the_versions_are_the_pinned_ones(host: Host) -> None:
    assert host.check_output("%s -c 'import gensim; print(gensim.__version__)'", PYTHON) == "4.4.0"
