"""The cluster: what listens, who may use it, and that its result is that of one machine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

UNITS = ("labserver-spark-master", "labserver-spark-worker")
VEC2PCA = "/opt/labserver/spark/bin/vec2pca"
# Where others would see the secret; the pattern is in a file, for else this command would show it itself
SHOWN = """
umask 077; file=$(mktemp)
sed -n 's/^spark.authenticate.secret //p' /etc/labserver-spark/spark-defaults.conf > $file
grep --text --files-with-matches --file=$file /proc/[0-9]*/cmdline
journalctl --no-pager | grep --file=$file
find /etc /opt/labserver /srv /var/log /var/www -xdev -type f -perm -o=r -exec grep -l --file=$file {} +
rm $file
"""


@pytest.fixture
def name(host: Host) -> str:
    return str(host.ansible.get_variables()["inventory_hostname"])


@pytest.fixture
def master(host: Host, name: str) -> Host:
    """The first host; tests of the analysis run once."""
    if name != "lab-1":
        pytest.skip("on the first host only")
    return host


def test_master_and_workers_run_and_start_at_boot(host: Host, name: str) -> None:
    assert host.service(UNITS[1]).is_running
    assert host.service(UNITS[1]).is_enabled
    assert host.file(f"/etc/systemd/system/{UNITS[0]}.service").exists == (name == "lab-1")


def test_it_listens_on_its_own_address_and_the_web_on_loopback(host: Host, name: str) -> None:
    own = host.check_output("getent hosts spark-%s", name).split()[0]
    lines = [line.split() for line in host.check_output("ss -ltnH").splitlines()]
    listening = {line[3] for line in lines if not re.match(r"127\.0\.0\.11:|.*:80$", line[3])}
    expected = {f"{own}:7078", "127.0.0.1:8181"} | ({f"{own}:7077", "127.0.0.1:8180"} if name == "lab-1" else set())
    assert {address.replace("[::ffff:", "").replace("]", "") for address in listening} == expected


def test_only_its_user_reads_the_secret(host: Host) -> None:
    settings = host.file("/etc/labserver-spark/spark-defaults.conf")
    assert (settings.user, settings.group, settings.mode) == ("root", "labserver-spark", 0o640)
    secret = re.findall(r"^spark.authenticate.secret (\w{40})$", settings.content_string, re.MULTILINE)[0]
    assert settings.content_string.count(secret) == 1
    assert host.run(SHOWN).stdout == ""


def test_exact_is_the_result_of_one_machine(master: Host, component: Callable[[str], dict[str, Any]]) -> None:
    result = json.loads(master.file(component("vec2pca_cluster")["details"]["result"]).content_string)
    assert result["cluster"]["executors"] == 3
    extract = (
        "cd /srv && for f in texts/*; do case $f in *.gz) zcat $f;; *) cat $f;; esac; echo; done | "
        "python3 -c 'import json, sys; [print(json.loads(line)[\"text\"]) for line in sys.stdin if line.strip()]' "
        "> all.txt"
    )
    master.check_output(extract)
    command = f"{VEC2PCA} /srv/all.txt --json=/srv/all.json --min-count=50 --features=32"
    done = master.run(f"NLTK_DATA=/usr/local/share/nltk_data {command}")
    assert done.succeeded, done.stderr
    alone = json.loads(master.check_output("cat /srv/all.json && rm /srv/all.json /srv/all.txt"))
    for key in ("words", "counts", "vectors", "scores", "components"):
        assert result[key] == alone[key]


def test_the_page_is_served(fetch: Callable[..., Any], name: str) -> None:
    if name == "lab-1":
        assert '<a href="/cluster.html">Cluster</a>' in fetch("/report.html").text
        page = fetch("/cluster.html")
        assert page.status == 200
        assert "exact: by one program, on all words in order" in page.text
        assert "spark://spark-lab-1:7077, 3 executors" in page.text
