"""`python -m project.server`: the web server, uvicorn with the options that Taskfeed needs, in one place.

Listens on HOST and PORT with WEB_PROCESSES processes; or, as the supervisor's child, as one process on the socket whose
file descriptor is in TASKFEED_LISTEN_FD.
"""

import os
import socket
import sys
from contextlib import suppress
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from project import settings
from project.starting import skip_geography

LISTEN_FD = "TASKFEED_LISTEN_FD"
LINK_FD = "TASKFEED_LINK_FD"
"""Where the supervisor wants the demo user's link written, for LINK_BASE_URL: the pipe is theirs alone."""
LINK_BASE_URL = "TASKFEED_LINK_BASE_URL"
DEAD_PEER_MILLISECONDS = 35_000
"""With the heartbeat's 20 seconds less than a minute."""
_APPLICATION = "project.asgi:application"


def main() -> None:
    """Serve until told to stop; open requests then have three seconds."""
    options: dict[str, Any] = {
        "proxy_headers": False,  # TRUSTED_PROXIES says whom to believe; uvicorn would believe every local process
        "ws": "websockets-sansio",
        "ws_max_size": 2 * settings.MAX_BODY_BYTES,  # what is just over it is closed by us, with 4400
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
        config = uvicorn.Config(_APPLICATION, **options)
        listening = socket.socket(fileno=int(os.environ[LISTEN_FD]))
    else:
        where: dict[str, Any] = {"host": settings.HOST, "port": settings.PORT, "workers": settings.WEB_PROCESSES}
        config = uvicorn.Config(_APPLICATION, **where, **options)
        listening = config.bind_socket()
    give_up_dead_peers(listening)
    if config.workers > 1:
        Multiprocess(config, sockets=[listening]).run()
        return
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def give_up_dead_peers(listening: socket.socket) -> None:
    """Have the kernel end each connection, of all that come in here, whose peer takes nothing for so long.

    A stream of events has no answer by which a peer that vanished could be missed. Linux alone has this.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MILLISECONDS)


def hand_over_link(descriptor: int, base_url: str) -> None:
    """Write the link and close the pipe."""
    import project.asgi  # noqa: F401, PLC0415 - sets Django up, on which the next line depends
    from tasks import accounts  # noqa: PLC0415

    with open(descriptor, "w") as pipe:
        pipe.write(accounts.demo_link(base_url))


if __name__ == "__main__":
    main()
