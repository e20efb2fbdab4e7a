"""Nothing of it is left."""

from __future__ import annotations

from testinfra.host import Host

PATHS = (
    "/opt/labserver",
    "/srv/labserver",
    "/etc/labserver-spark",
    "/etc/systemd/system/labserver-spark-master.service",
    "/etc/systemd/system/labserver-spark-worker.service",
    "/var/lib/labserver/spark.json",
    "/var/www/html/cluster.html",
)


def test_nothing_is_left(host: Host) -> None:
    assert [path for path in PATHS if host.file(path).exists] == []
    assert not host.user("labserver-spark").exists
    assert not host.group("labserver-spark").exists
    assert not host.package("openjdk-17-jre-headless").is_installed
    assert host.run("pgrep --list-full java").stdout == ""
    assert host.check_output("find /tmp /var/tmp /srv -nouser -o -path '/tmp/*spark*'") == ""
    assert host.run("ls /etc/ansible/facts.d").stdout.split() == []
    assert host.file("/srv/texts/2.json").exists  # of somebody else
