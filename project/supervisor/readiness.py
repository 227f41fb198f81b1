"""Whether what answers is ready, and is ours."""

import http.client
import json
import os
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from project import settings
from project.supervisor.environment import RUN_ID

HEADER: Final = "X-Taskfeed-Run"


def browsable(host: str, port: int) -> str:
    """Return the base URL under which a browser on this machine finds a server that listens on `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def is_loopback(base_url: str) -> bool:
    """Whether only this machine finds the server under that address."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server_is_ready(base_url: str) -> bool:
    """Whether /readyz answers there, with all well, from a server of this very run."""
    connection = http.client.HTTPConnection(base_url.removeprefix("http://"), timeout=1)
    try:
        connection.request("GET", "/readyz", headers={"Host": _allowed_host()})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    if response.getheader(HEADER) != os.environ[RUN_ID]:
        return False
    return response.status == http.client.OK and json.loads(body)["status"] == "ready"


def _allowed_host() -> str:
    return next((host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"), "localhost")
