"""All that runs for one `manage.py up`: who is started in which order, and stopped in the opposite one."""

import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from project import settings
from project.server import LINK_BASE_URL, LINK_FD, LISTEN_FD
from project.servers import Child, Pause, Valkey
from project.supervisor import checks, commands, readiness
from project.supervisor.database import Database
from project.supervisor.keeping import Service

_READY_SECONDS: Final = 60.0
_MIGRATE_SECONDS: Final = 600.0
_STOP_SECONDS: Final = 5.0
_WORKER: Final = "the worker"
# After its grace the worker still writes down what became of its attempts.
_WORKER_STOP_SECONDS: Final = settings.SHUTDOWN_GRACE_SECONDS + 6.0


class Installation:
    """The store, the worker and the servers of one run; `stop` is due whenever `start` has been called."""

    def __init__(self, directory: Path, pause: Pause, say: Callable[[str], None]) -> None:
        self.base_url = ""
        self._directory = directory
        self._pause = pause
        self._say = say
        self._database = Database(settings.DATABASES["default"])
        self._environment = dict(os.environ)
        self._worker_name = f"worker-{secrets.token_hex(4)}"
        self._services: list[Service] = []
        self._errand: Child | None = None
        self._listening: socket.socket | None = None
        self._lock: int | None = None
        self._link: TextIO | None = None

    def start(self) -> str | None:
        """Check what can be checked, start all, and return when it is ready: the demo user's link, or None.

        Raises `Misconfigured`, `ServerFailed`, and whatever `pause` raises.
        """
        self._lock = checks.lock(self._directory, self._pause)
        self._listening = checks.listen(settings.HOST, settings.PORT)
        self.base_url = readiness.browsable(settings.HOST, self._listening.getsockname()[1])
        self._database.check()
        self._start_store()
        self._migrate()
        worker = self._keep(_WORKER, self._start_worker)
        server = self._keep("the server", self._start_server)
        for number in range(2, settings.WEB_PROCESSES + 1):
            self._keep(f"server {number}", self._start_server)
        worker.await_fact(lambda: self._database.has_worker(self._worker_name), _READY_SECONDS, self._pause)
        server.await_fact(lambda: readiness.server_is_ready(self.base_url), _READY_SECONDS, self._pause)
        return self._link.read() if self._link else None

    def look(self) -> None:
        """Start again what has died, and say so."""
        for service in self._services:
            if line := service.look():
                self._say(line)

    def stop(self) -> None:
        """End the servers, then the worker, then the store; then let go of the port and of DATA_DIR."""
        if self._errand is not None:
            self._errand.stop()
        for service in reversed(self._services):
            service.stop(_WORKER_STOP_SECONDS if service.name == _WORKER else _STOP_SECONDS)
        for held in (self._link, self._listening):
            if held is not None:
                held.close()
        if self._lock is not None:
            os.close(self._lock)

    def _keep(self, name: str, start: Callable[[], Child]) -> Child:
        service = Service(name, start)
        self._services.append(service)
        return service.start()

    def _start_store(self) -> None:
        if given := os.environ.get("REDIS_URL"):
            checks.answers(given)
            return
        valkey = Valkey(self._directory / "valkey", durable=True)

        def start() -> Child:
            # The second time on the port that its clients know. It holds the lock, too: until it has written out its
            # last, no other may work on its file.
            assert self._lock is not None  # noqa: S101 - taken first
            return valkey.start(port=valkey.port, inherited=[self._lock], pause=self._pause)

        self._keep("the store", start)
        self._environment["REDIS_URL"] = valkey.url

    def _migrate(self) -> None:
        if self._database.is_migrated(settings.INSTALLED_APPS):
            return
        self._say("migrating the database")
        self._run("migrate", commands.manage("migrate", "--no-input", "--verbosity", "0"))

    def _start_worker(self) -> Child:
        return self._start(_WORKER, commands.worker(self._worker_name))

    def _start_server(self) -> Child:
        assert self._listening is not None  # noqa: S101 - bound first
        inherited = [self._listening.fileno()]
        more = {LISTEN_FD: str(inherited[0])}
        if self._link is not None or not settings.DEBUG or not readiness.is_loopback(self.base_url):
            return self._start("the server", commands.SERVER, more, inherited)
        # The first server sets Django up anyway, so it makes the link; a process of its own would need seconds.
        reader, writer = os.pipe()
        self._link = os.fdopen(reader)
        with os.fdopen(writer, "w"):
            more |= {LINK_FD: str(writer), LINK_BASE_URL: self.base_url}
            return self._start("the server", commands.SERVER, more, [*inherited, writer])

    def _start(
        self, name: str, command: Sequence[str], more: Mapping[str, str] | None = None, inherited: Sequence[int] = ()
    ) -> Child:
        child = Child(name, command)
        child.start(environment={**self._environment, **(more or {})}, directory=settings.BASE_DIR, inherited=inherited)
        return child

    def _run(self, name: str, command: Sequence[str]) -> None:
        """Run one of Django's commands to its end. Raises `ServerFailed` if it fails."""
        self._errand = errand = Child(f"manage.py {name}", command)
        errand.start(environment=self._environment, directory=settings.BASE_DIR)
        errand.await_end(_MIGRATE_SECONDS, self._pause)
