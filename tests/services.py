"""An early pytest plugin: the tests' own PostgreSQL and Valkey, and the environment that leads Django to them.

pytest-django reads the settings before any conftest.py is loaded, so this comes by `-p tests.services`. Both servers
live in a temporary folder on free ports, and nothing of them is left when the run ends, whatever its result. They die
with this process, too.

Under pytest-xdist (`make test`) the process that hands out the tests starts none; each of its workers has both for
itself, inside the folder of that process, which removes what a killed worker has left.

TEST_DATABASE_URL names a PostgreSQL to use instead (databases are created in it); TASKFEED_TEST_STORE=sqlite runs the
same tests on SQLite.
"""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

from project.servers import Postgres, ServerFailed, Valkey

WORKER: Final = os.environ.get("PYTEST_XDIST_WORKER", "")
"""The name of this worker of pytest-xdist; nothing in any other process."""
_PARENT: Final = "TASKFEED_TEST_FOLDER"
_PID: Final = "pid"
_REMOVAL_SECONDS: Final = 10.0
_NOWHERE: Final = {"DATABASE_URL": "sqlite://:memory:", "REDIS_URL": "redis://127.0.0.1:1/0"}
"""For the process that hands out the tests: it reads the settings, too."""


class Services:
    """The servers of one process that runs tests; none, but the folder around its workers', if it hands them out."""

    def __init__(self, *, hands_out: bool) -> None:
        within = os.environ.get(_PARENT) if WORKER else None
        self.directory = Path(tempfile.mkdtemp(prefix=f"{WORKER}-" if within else "taskfeed-tests-", dir=within))
        self.directory.chmod(0o711)  # PostgreSQL may have to run as another user
        self.valkey = Valkey(self.directory / "valkey", durable=False)
        self.store = os.environ.get("TASKFEED_TEST_STORE", "postgresql")
        self._hands_out = hands_out
        self._stops: list[Callable[[], None]] = []

    def start(self) -> None:
        """Start what is needed and set the environment. Raises `ServerFailed`."""
        if self._hands_out:
            places = {**_NOWHERE, _PARENT: str(self.directory)}
        else:
            (self.directory / _PID).write_text(str(os.getpid()))
            self._stops.append(self.valkey.stop)
            self.valkey.start()
            places = {"DATABASE_URL": self._database_url(), "REDIS_URL": self.valkey.url}
        os.environ.update(
            places,
            DATA_DIR=str(self.directory / "data"),
            SECRET_KEY="a key for tests alone, as long as a key must be",
            ALLOWED_HOSTS="localhost,127.0.0.1,testserver",
            DEBUG="0",
            # Tests log in as often as they like, all from one address; those of the limits set their own.
            LOGIN_ATTEMPTS_PER_ADDRESS="",
            LOGIN_ATTEMPTS_PER_NAME="",
            DJANGO_SETTINGS_MODULE="project.settings",
        )
        (self.directory / "data").mkdir()

    def interrupt(self, number: int, _: FrameType | None) -> None:
        """End the run in order, and the workers' runs with it. Asked again, it goes on ending.

        Left alone, Python would end at once on SIGTERM and leave the folder, and a worker would go on for seconds.
        """
        signal.signal(number, signal.SIG_IGN)
        for pid in self.directory.glob(f"*/{_PID}"):
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(pid.read_text()), number)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        pytest.exit("ended by SIGTERM", returncode=143)

    def stop(self) -> None:
        """End both servers and remove their folder. Safe to call again, and after a start that failed half-way."""
        while self._stops:
            self._stops.pop()()
        give_up_at = time.monotonic() + _REMOVAL_SECONDS
        while self.directory.exists() and time.monotonic() < give_up_at:
            # The servers of a worker that was killed may still be writing their last.
            shutil.rmtree(self.directory, ignore_errors=True)

    def _database_url(self) -> str:
        if self.store == "sqlite":
            return f"sqlite:///{self.directory / 'taskfeed.sqlite3'}"
        if self.store != "postgresql":
            raise ServerFailed(f"TASKFEED_TEST_STORE is {self.store!r}: expected 'postgresql' or 'sqlite'")
        if url := os.environ.get("TEST_DATABASE_URL"):
            return url
        postgres = Postgres(self.directory / "postgres")
        self._stops.append(postgres.stop)
        postgres.start()
        return postgres.url("taskfeed")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start both before pytest-django, whose own hook this one wraps, reads the settings."""
    asked = early_config.known_args_namespace
    services = Services(hands_out=not WORKER and bool(getattr(asked, "numprocesses", None)))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, services.interrupt)
    early_config.add_cleanup(services.stop)
    try:
        services.start()
    except ServerFailed as error:
        services.stop()
        raise pytest.UsageError(str(error)) from error
    yield
