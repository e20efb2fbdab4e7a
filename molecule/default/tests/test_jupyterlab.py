"""JupyterLab as its users see it, through Apache. No test prints a password."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from tests.support.browser import Browser, chromium, needs_chromium

ROOT = Path(__file__).resolve().parents[3]
CLIENT = ROOT / "molecule/shared/jupyter/client.py"
PYTHON = "/opt/labserver/jupyter/bin/python"
Use = Callable[..., list[Any]]


@pytest.fixture
def secrets(host: Host) -> Path:
    return ROOT / ".secrets" / str(host.ansible.get_variables()["inventory_hostname"])


def run_with_input(host: Host, text: str, *command: str) -> str:
    """Run a command on the host that reads a text, so that no command line has it; return what it printed."""
    container = str(host.ansible.get_variables()["ansible_host"])
    done = subprocess.run(
        ["docker", "exec", "--interactive", container, *command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def use(host: Host, secrets: Path) -> Use:
    """Sign in as a user with the password of `password`, and make requests: see molecule/shared/jupyter/client.py."""

    def run(user: str, *requests: str, password: str = "") -> list[Any]:
        text = _read(secrets, password or user)
        return list(json.loads(run_with_input(host, text, PYTHON, "-c", CLIENT.read_text(), user, *requests)))

    return run


def _read(secrets: Path, name: str) -> str:
    file = secrets / name
    return file.read_text() if file.exists() else name


@pytest.fixture
def server(host: Host) -> Callable[[str], str]:
    """Return the number of the process of a user's server."""
    return lambda user: host.check_output("systemctl show --value --property MainPID labserver-jupyter@%s", user)


def test_cells_of_python_and_r_run_for_who_knows_the_password(use: Use) -> None:
    status, python, r = use("student", "python3:import os, pandas\nprint(6 * 7, os.getcwd())", "ir:6 * 7")
    assert status == 200
    assert "42 /home/student\n" in python["texts"]
    assert "[1] 42" in r["texts"]


@pytest.mark.parametrize("password", ["wrong", "teacher"])
def test_nobody_else_gets_in(use: Use, password: str) -> None:
    assert use("student", "api/contents", "api/kernels", password=password) == [401, 403, 403]


def test_another_users_server_is_closed(use: Use) -> None:
    assert use("student", "api/contents", "/jupyter/teacher/api/contents") == [200, 200, 403]


def test_strangers_on_the_internet_are_refused_without_tls(host: Host) -> None:
    """The loopback stands for the internet, by an address that is no private one."""
    ask = (
        "import http.client as h; c = h.HTTPConnection('%s', source_address=('%s', 0)); "
        "c.request('GET', '/jupyter/student/login'); a = c.getresponse(); print(a.status, a.read().decode()[:200])"
    )
    host.check_output("ip address add 198.51.100.7/32 dev lo")
    try:
        refused = host.check_output("python3 -c %s", ask % ("198.51.100.7", "198.51.100.7"))
        assert refused.startswith("403 JupyterLab is not open to your network: set httpd_tls")
        assert host.check_output("python3 -c %s", ask % ("127.0.0.1", "127.0.0.1")).startswith("200")
    finally:
        host.check_output("ip address del 198.51.100.7/32 dev lo")


def test_other_users_of_the_host_cannot_connect_to_it(host: Host, use: Use) -> None:
    assert use("student")[0] == 200
    code = "import socket; socket.socket(socket.AF_UNIX).connect('/run/labserver-jupyter/student%s')"
    for path in (".socket", "/server.socket"):
        refused = host.run("runuser -u teacher -- python3 -c %s", code % path)
        assert "PermissionError" in refused.stderr
    server = host.check_output("systemctl show --value --property MainPID labserver-jupyter@student")
    assert f"pid={server}," not in host.check_output("ss --listening --tcp --processes --numeric")


def test_no_list_of_processes_log_or_readable_file_has_a_password_or_its_hash(
    host: Host, secrets: Path, use: Use
) -> None:
    """What is searched for is read from files, so that the search itself puts it nowhere."""
    assert use("student", "ir:1")[0] == 200
    run_with_input(host, (secrets / "student").read_text(), "sh", "-c", "umask 077; cat >/root/wanted")
    for wanted in ("/root/wanted", "/etc/labserver-jupyter/passwords/student"):
        for where in (
            "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ",
            "journalctl --no-pager --output=verbose",
            "find /var/log /run/labserver-jupyter /home /etc/labserver-jupyter -perm /44 -type f -exec cat {} +",
        ):
            found = host.run(f"{where} | grep --quiet --text --fixed-strings --file={wanted}")
            assert found.rc == 1, f"{where} holds what {wanted} does"
    assert host.run("rm /root/wanted").succeeded
    assert host.file("/etc/labserver-jupyter/passwords/student").mode == 0o600
    assert host.file("/etc/labserver-jupyter/passwords").mode == 0o700
    assert "token" not in host.check_output("journalctl --no-pager --unit labserver-jupyter@student")


def test_a_kernel_that_outgrows_the_limit_ends_alone(host: Host, use: Use, server: Callable[[str], str]) -> None:
    assert use("student")[0] == 200
    before = server("student")
    group = host.check_output("systemctl show --value --property ControlGroup labserver-jupyter@student")
    version1, version2 = (
        f"/sys/fs/cgroup/memory{group}/memory.memsw.limit_in_bytes",
        f"/sys/fs/cgroup{group}/memory.max",
    )
    if not (host.file(version1).exists or host.file(version2).exists):
        pytest.skip("this container may not limit memory and swap")
    # Without swap, which would take long to fill
    limit = "systemctl set-property --runtime labserver-jupyter@student MemoryMax=400M MemorySwapMax=0"
    host.check_output(f"{limit} && if test -e {version1}; then echo 400M >{version1}; fi")
    try:
        assert use("student", "python3:x = b'x' * (500 << 20)")[1]["died"]
        assert server("student") == before
        assert "42\n" in use("student", "python3:print(42)")[1]["texts"]
    finally:
        host.check_output("systemctl revert labserver-jupyter@student && systemctl stop labserver-jupyter@student")


def test_the_limits_are_set(host: Host) -> None:
    shown = host.check_output("systemctl show labserver-jupyter@student --property=MemoryMax,TasksMax,OOMPolicy")
    assert "OOMPolicy=continue" in shown
    assert not re.search("(MemoryMax|TasksMax)=infinity", shown)


def test_a_restart_keeps_notebooks_and_the_next_request_starts_the_server(host: Host, use: Use) -> None:
    """The labs are there as notebooks."""
    assert use("student", "api/contents/labs/forest.ipynb") == [200, 200]
    host.check_output("systemctl stop labserver-jupyter@student")
    assert host.run("pgrep --uid student --full kernel.py").rc == 1
    assert use("student", "api/contents/labs/forest.ipynb") == [200, 200]


def test_users_cannot_write_what_the_servers_run(host: Host) -> None:
    # But for the lock of uv, in which nothing is
    find = "find /opt/labserver/jupyter /etc/labserver-jupyter -writable ! -path /opt/labserver/jupyter/.lock"
    assert host.run(f"runuser -u student -- {find}").stdout == ""


def test_the_page_leads_to_the_user_who_is_named(fetch: Callable[..., Any], host: Host) -> None:
    page = fetch("/jupyter/")
    assert 'name="user"' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert fetch("/jupyter/?user=nobody").text == page.text
    assert "/jupyter/teacher/login" in host.check_output(
        "python3 -c %s", "import urllib.request as u; print(u.urlopen('http://127.0.0.1/jupyter/?user=teacher').url)"
    )


def notebook(kernel: str, title: str, language: str, *code: str) -> dict[str, Any]:
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": str(number), "metadata": {}, "execution_count": None, "outputs": [], "source": one}
        for number, one in enumerate(code)
    ]
    kernelspec = {"name": kernel, "display_name": title, "language": language}
    content = {"cells": cells, "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 5}
    return {"type": "notebook", "format": "json", "content": content}


def wait(condition: Callable[[], object], told: Callable[[], object]) -> None:
    end = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.3)


def wait_for(browser: Browser, code: str) -> None:
    wait(
        lambda: browser.js(f"return {code}"),
        lambda: f"{code}: {browser.js('return document.body.innerText')[:2000]}",
    )


def wait_for_kernels(browser: Browser, url: str, count: int) -> None:
    """Wait until the page is connected to so many kernels that are idle: without one it passes over what is to run.

    The page itself shows as idle what has no kernel yet.
    """
    ask = f"fetch({json.dumps(url)}).then(answer => answer.json()).then(arguments[0])"

    def ready() -> list[Any]:
        return [one for one in browser.js_later(ask) if one["connections"] and one["execution_state"] == "idle"]

    wait(lambda: len(ready()) >= count, lambda: browser.js_later(ask))


@needs_chromium
def test_in_a_browser(host: Host, secrets: Path, tmp_path: Path) -> None:
    """Sign-in, a wrong password, and a cell of R and one of Python side by side, whose output is seen."""
    address = host.check_output("hostname --all-ip-addresses").split()[0]
    url = f"http://{address}/jupyter/student/"
    with chromium(tmp_path / "profile") as browser:
        browser.look("light", 1200, 700)
        browser.open(url)
        for password in ("wrong", (secrets / "student").read_text().strip()):
            browser.keys("#password_input", f"{password}\ue007")
            wait_for(browser, "location.pathname.endsWith('/lab') || document.body.innerText.includes('Invalid')")
        wait_for(browser, "location.pathname.endsWith('/lab')")
        tabs = {
            "r.ipynb": notebook("ir", "R", "R", "R.version.string\nsummary(cars$dist)", "plot(cars)"),
            "python.ipynb": notebook(
                "python3", "Python (lab)", "python", "import sys\nimport pandas\n\nprint(sys.executable)"
            ),
        }
        areas = [{"type": "tab-area", "currentIndex": 0, "widgets": [f"notebook:{name}"]} for name in tabs]
        dock = {"type": "split-area", "orientation": "horizontal", "sizes": [0.5, 0.5], "children": areas}
        layout = {"main": {"dock": dock}, "left": {"collapsed": True}, "right": {"collapsed": True}}
        data: dict[str, Any] = {f"notebook:{name}": {"data": {"path": name, "factory": "Notebook"}} for name in tabs}
        workspace = {"data": {"layout-restorer:data": layout, **data}, "metadata": {"id": "both"}}
        files = {f"api/contents/{name}": content for name, content in tabs.items()}
        put = """
            const token = document.cookie.match(/_xsrf=([^;]+)/)[1];
            Promise.all(Object.entries(FILES).map(([path, content]) => fetch(BASE + path, {
              method: 'PUT', headers: {'X-XSRFToken': token, 'Content-Type': 'application/json'},
              body: JSON.stringify(content)}))).then(answers => arguments[0](answers.map(each => each.ok)))
        """.replace("BASE", json.dumps("/jupyter/student/"))
        saved = {**files, "lab/api/workspaces/both": workspace}
        assert browser.js_later(put.replace("FILES", json.dumps(saved))) == [True] * 3
        browser.open(f"{url}lab/workspaces/both")
        wait_for(browser, "document.querySelectorAll('.jp-Notebook .cm-content').length >= 3")
        wait_for_kernels(browser, f"{url}api/kernels", 2)
        for word, count in (("pandas", 1), ("cars", 2)):
            browser.js(
                "for (const panel of document.querySelectorAll('.jp-NotebookPanel'))"
                "  if (panel.innerText.includes(arguments[0])) panel.querySelector('.cm-content').focus()",
                word,
            )
            for _ in range(count):
                browser.press("\ue008", "\ue007")  # shift and enter run the cell
        wait_for(browser, "document.querySelector('.jp-OutputArea-output img')")
        wait_for(browser, "document.body.innerText.includes('/opt/labserver/venv/bin/python')")
        assert "R version" in browser.js("return document.body.innerText")
        browser.keep_screenshot("jupyter", Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", tmp_path)))
