"""`python -m project.server`: the web server, uvicorn with the options that Taskfeed needs, in one place.

Listens on HOST and PORT with WEB_PROCESSES processes; or, as the supervisor's child, as one process on the socket whose
file descriptor is in TASKFEED_LISTEN_FD.
"""

import os
import socket
from typing import Any

import uvicorn

from project import settings
from project.starting import skip_geography

LISTEN_FD = "TASKFEED_LISTEN_FD"
LINK_FD = "TASKFEED_LINK_FD"
"""Where the supervisor wants the demo user's link written, for LINK_BASE_URL: the pipe is theirs alone."""
LINK_BASE_URL = "TASKFEED_LINK_BASE_URL"
_APPLICATION = "project.asgi:application"


def main() -> None:
    """Serve until told to stop; open requests then have three seconds."""
    options: dict[str, Any] = {
        "proxy_headers": False,  # TRUSTED_PROXIES says whom to believe; uvicorn would believe every local process
        "ws": "websockets-sansio",
        "ws_max_size": settings.MAX_BODY_BYTES,
        "ws_ping_interval": None,  # graphql-transport-ws has pings of its own
        "ws_per_message_deflate": False,  # it nearly doubles the memory of an idle socket
        "timeout_graceful_shutdown": 3,
        "access_log": False,
        "log_config": None,
        "log_level": "warning",
        "server_header": False,
    }
    skip_geography()
    if LINK_FD in os.environ:
        hand_over_link(int(os.environ[LINK_FD]), os.environ[LINK_BASE_URL])
    if LISTEN_FD in os.environ:
        listening = socket.socket(fileno=int(os.environ[LISTEN_FD]))
        uvicorn.Server(uvicorn.Config(_APPLICATION, **options)).run(sockets=[listening])
    else:
        uvicorn.run(_APPLICATION, host=settings.HOST, port=settings.PORT, workers=settings.WEB_PROCESSES, **options)


def hand_over_link(descriptor: int, base_url: str) -> None:
    """Write the link and close the pipe."""
    import project.asgi  # noqa: F401, PLC0415 - sets Django up, on which the next line depends
    from tasks import accounts  # noqa: PLC0415

    with open(descriptor, "w") as pipe:
        pipe.write(accounts.demo_link(base_url))


if __name__ == "__main__":
    main()
