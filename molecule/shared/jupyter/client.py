"""A user of JupyterLab, for the tests: signs in through Apache, runs code in a kernel by WebSocket, prints JSON.

Run by the Python of Jupyter's environment: client.py USER [REQUEST...], with the password on the standard input. A
REQUEST is a path below the user's server, which is asked for, or KERNEL:CODE, which is run.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

import websocket

HOST = "127.0.0.1"
jar = http.cookiejar.CookieJar()
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), urllib.request.ProxyHandler({}))


def ask(url: str, data: bytes | None = None, method: str | None = None) -> tuple[int, str]:
    """Return status and text of an answer, with the cookies from before."""
    xsrf = {cookie.name: cookie.value for cookie in jar if cookie.path in url}.get("_xsrf") or ""
    request = urllib.request.Request(url, data, {"X-XSRFToken": xsrf}, method=method)
    try:
        with opener.open(request, timeout=120) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def run(base: str, kernel: str, code: str) -> dict[str, Any]:
    """Run code in a new kernel; return its texts by kind, and whether the kernel died."""
    identity = json.loads(ask(f"{base}api/kernels", json.dumps({"name": kernel}).encode())[1])["id"]
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
    address = f"{base}api/kernels/{identity}/channels".replace("http:", "ws:")
    socket = websocket.create_connection(address, cookie=cookies, origin=f"http://{HOST}", timeout=120)
    message = uuid.uuid4().hex
    header = {"msg_id": message, "msg_type": "execute_request", "session": message, "username": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket.send(json.dumps(request))
    texts, died = [], False
    while True:
        answer = json.loads(socket.recv())
        state = answer["content"].get("execution_state")
        died = state in ("restarting", "dead")
        if died or (state == "idle" and answer["parent_header"].get("msg_id") == message):
            break
        data = answer["content"].get("data", {})
        texts += [answer["content"].get("text"), answer["content"].get("evalue"), data.get("text/plain"), *data]
    socket.close()
    ask(f"{base}api/kernels/{identity}", method="DELETE")
    return {"texts": [text for text in texts if isinstance(text, str)], "died": died}


def main() -> None:
    """Sign in, and print the status of that and what each request gave."""
    user, *requests = sys.argv[1:]
    base = f"http://{HOST}/jupyter/{user}/"
    page = ask(f"{base}login")[1]
    found = re.search(r'name="_xsrf" value="([^"]+)"', page)
    form = {"_xsrf": found[1] if found else "", "password": sys.stdin.read().strip()}
    status, _ = ask(f"{base}login?next=/jupyter/{user}/api/status", urllib.parse.urlencode(form).encode())
    answers: list[Any] = [status]
    for request in requests:
        kernel, colon, code = request.partition(":")
        answers.append(run(base, kernel, code) if colon else ask(urllib.parse.urljoin(base, request))[0])
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
