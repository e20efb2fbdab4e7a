"""After the removal there is no trace, and the environment of somebody else is whole."""

from __future__ import annotations

from testinfra.host import Host


def test_no_trace_is_left(host: Host) -> None:
    assert not host.file("/opt/labserver").exists
    assert host.file("/srv").listdir() == ["foreign"]
    assert host.file("/srv/foreign/venv/thesis.txt").content_string == "x\n"
    assert host.file("/srv/foreign/venv/bin/python").exists
