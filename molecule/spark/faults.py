"""Watch a cluster while it analyses, connect without its secret, stop workers and the master: the digest stays."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

VEC2PCA = "/opt/labserver/spark/bin/vec2pca cluster /srv/texts"
SETTINGS = "--min-count=50 --features=32 --field=text"
MASTER = "--master=spark://spark-lab-1:7077"
RUN = f"""
cd /srv/labserver/vec2pca_cluster || exit
env $(grep -E '^(JAVA_HOME|PYSPARK|SPARK_CONF)' /etc/labserver-spark/environment) \\
NLTK_DATA=/usr/local/share/nltk_data TMPDIR=$PWD XDG_CACHE_HOME=/srv/labserver/spark/cache \\
runuser -u labserver-spark -- {VEC2PCA} out.html --json=out.json {SETTINGS} --train=average --parts=2 --rounds=8 \\
--progress=json"""
# One has no secret, one has guessed; at the same time, for Spark asks three times, with 20 seconds between
STRANGERS = f"""
mkdir --mode=755 /tmp/stranger && cd /tmp/stranger || exit
sed 's/^\\(spark.authenticate.secret\\) .*/\\1 guessed/; /^spark.local.dir/d; /tmpdir/d' \\
    /etc/labserver-spark/spark-defaults.conf > spark-defaults.conf
export NLTK_DATA=/usr/local/share/nltk_data
ask() {{
    runuser -u nobody -- timeout 180 {VEC2PCA} /tmp/of_$1.html {SETTINGS} {MASTER} 2>$1; echo $?
}}
ask none &
SPARK_CONF_DIR=$PWD ask guess
wait
cat none guess
rm -r /tmp/stranger
"""
# An analysis that no executor can reach, and one whose program has no room for the ids
TROUBLES = f"""
mount -t tmpfs -o size=1m,mode=1777 tmpfs /mnt
export NLTK_DATA=/usr/local/share/nltk_data XDG_CACHE_HOME=/srv/labserver/spark/cache
export $(grep -E '^(JAVA_HOME|PYSPARK|SPARK_CONF)' /etc/labserver-spark/environment)
cd /srv/labserver/vec2pca_cluster || exit
ask() {{ runuser -u labserver-spark -- timeout 180 {VEC2PCA} trouble.html {SETTINGS} "$@" 2>&1; echo $?; }}
ask {MASTER} --conf spark.driver.host=nowhere.invalid --conf spark.driver.bindAddress=$(hostname) --start-timeout 20
TMPDIR=/mnt ask --master local[1]
umount /mnt; ls trouble.html
"""
TOLD = (
    "Can the workers reach this driver as nowhere.invalid?",
    "a disk is full: free space",
)
REFUSED = "is the secret (spark.authenticate.secret) that of the cluster?"
HOSTS = ("spark-lab-1", "spark-lab-2", "spark-lab-3")
# What listens, after a line with the address of the host, and then all command lines that have the secret
LOOK = """
getent hosts "$(hostname)"; ss -ltnH; echo
f=/etc/labserver-spark/spark-defaults.conf; sed -n 's/^spark.authenticate.secret //p' $f |
grep --text --files-with-matches --file=- /proc/[0-9]*/cmdline
"""


def look() -> None:
    """Check that a host that analyses listens to the others on Spark's ports only, and shows nobody the secret."""
    for host in HOSTS:
        done = subprocess.run(["docker", "exec", host, "sh", "-c", LOOK], check=False, capture_output=True, text=True)
        sockets, _, shown = done.stdout.partition("\n\n")
        address, *lines = sockets.splitlines()
        listening = {line.split()[3].replace("[::ffff:", "").replace("]", "") for line in lines}
        own = address.split()[0]
        others = {one for one in listening if not re.match(r"127\.|.*:80$", one)}
        allowed = {f"{own}:{port}" for port in range(7077, 7097)}
        print(f"{host}: {sorted(others)}")
        if shown.strip() or not others <= allowed or len(others) < 2:
            raise SystemExit(f"{host} while an analysis runs: {done.stdout}{done.stderr}")


def lose(host: str) -> None:
    """Kill a worker, with Java and Python of its executor."""
    kill = ["systemctl", "kill", "--signal=KILL", "labserver-spark-worker"]
    subprocess.run(["docker", "exec", host, *kill], check=True)


def analyse(master: str, at: Mapping[str, Callable[[], None]]) -> tuple[str, int]:
    """Run an analysis, and do something when a phase has begun; return the digest and how many executors were lost."""
    waiting = dict(at)
    command = ["docker", "exec", "spark-lab-1", "sh", "-c", f"{RUN} {master}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        for line in running.stderr or ():
            if not line.startswith("{"):
                print(line, end="", file=sys.stderr)
            elif action := waiting.pop(json.loads(line)["phase"], None):
                action()
        if running.wait() or waiting:
            raise SystemExit(f"the analysis ended with {running.returncode}, without the phases {[*waiting]}")
    read = ["docker", "exec", "spark-lab-1", "cat", "/srv/labserver/vec2pca_cluster/out.json"]
    cost = json.loads(subprocess.run(read, check=True, capture_output=True, text=True).stdout)["cluster"]
    return cost["vectors_sha256"], cost["lost_executors"]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 600
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not in 10 minutes")
        time.sleep(1)


def alive_workers() -> int:
    """Return how many workers the master knows and hears of."""
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8180/json/').read().decode())"
    command = ["docker", "exec", "spark-lab-1", "python3", "-c", ask]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout).get("aliveworkers", 0) if done.returncode == 0 else 0


def one_machine_and_strangers() -> str:
    """Analyse without the cluster, while strangers ask it; return the digest."""
    ask = ["docker", "exec", "spark-lab-1", "sh", "-c", STRANGERS]
    with subprocess.Popen(ask, stdout=subprocess.PIPE, text=True) as strangers:
        digest, _ = analyse("--master=local[2]", {})
        answers = strangers.communicate()[0]
    if not answers.startswith("1\n1\n") or answers.count(REFUSED) != 2:
        raise SystemExit(f"strangers were not refused: {answers}")
    return digest


def troubles() -> None:
    """Check that analyses that cannot work report why."""
    trouble = ["docker", "exec", "spark-lab-1", "sh", "-c", TROUBLES]
    told = subprocess.run(trouble, check=False, capture_output=True, text=True)
    if not all(text in told.stdout for text in TOLD) or told.stdout.count("\n1\n") != len(TOLD) or told.returncode == 0:
        raise SystemExit(f"what went wrong was not told, or a page was written: {told.stdout}{told.stderr}")


def restart() -> None:
    """Restart the master, then a host, and wait for all workers."""
    subprocess.run(["docker", "exec", "spark-lab-1", "systemctl", "restart", "labserver-spark-master"], check=True)
    wait_for(lambda: alive_workers() == 3, "three workers after the master's restart")
    subprocess.run(["docker", "restart", "--time=10", "spark-lab-3"], check=True, capture_output=True)
    wait_for(lambda: alive_workers() == 3, "three workers after a host's restart")


def main() -> None:
    """Run it, with --full all of it."""
    full = "LABSERVER_FULL" in os.environ
    expected, _ = analyse(MASTER, {"train": look})
    if full and (alone := one_machine_and_strangers()) != expected:
        raise SystemExit(f"cluster {expected}, one machine {alone}")
    # One after the other: while one is away the others go on
    at = {phase: partial(lose, host) for phase, host in zip(("read", "slice", "train"), reversed(HOSTS), strict=True)}
    digest, lost = analyse(MASTER, at)
    print(f"cluster {expected}, with {lost} executors lost {digest}")
    if digest != expected or lost < len(at):
        raise SystemExit("they are not the same, or nothing was lost")
    if full:
        troubles()
        restart()
    clean = "rm -f /srv/labserver/vec2pca_cluster/out.json /srv/labserver/vec2pca_cluster/out.html"
    subprocess.run(["docker", "exec", "spark-lab-1", "sh", "-c", clean], check=True)


if __name__ == "__main__":
    main()
