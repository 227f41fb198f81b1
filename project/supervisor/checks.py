"""What the supervisor makes sure of before it starts anything: the port, DATA_DIR and a given Redis."""

import contextlib
import fcntl
import os
import socket
import time
from pathlib import Path
from typing import Final

import redis

from project.servers import Pause
from tasks.errors import Misconfigured

_LOCK_SECONDS: Final = 3.0
_BACKLOG: Final = 2048
_HIGHEST_PORT: Final = 65_535


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen. The server inherits the socket, so what connects to it reaches ours, even between two lives.

    Raises `Misconfigured` if the port is taken or the host is not one of this machine's.
    """
    if not 0 <= port <= _HIGHEST_PORT:
        raise Misconfigured(f"PORT is {port}: expected 0 to {_HIGHEST_PORT}, 0 being any that is free")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Misconfigured(f"HOST {host!r} can't be listened on: {error.strerror}") from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise Misconfigured(
            f"PORT {port} on {host} can't be listened on: {error.strerror}; set another PORT"
        ) from error
    return listening


def lock(directory: Path, pause: Pause) -> int:
    """Take DATA_DIR for us alone and return the lock's file descriptor; it holds until all who have it are gone.

    Waits a moment for a store that is still writing out its last. Raises `Misconfigured` if another one runs there.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise Misconfigured(f"another `manage.py up` runs on this DATA_DIR: {str(directory)!r}")
        pause(0.05)


def answers(redis_url: str) -> None:
    """Raise `Misconfigured` if no Redis answers at REDIS_URL."""
    try:
        with redis.Redis.from_url(redis_url, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise Misconfigured(f"REDIS_URL can't be reached: {reason}") from error
