"""An early pytest plugin: the tests' own PostgreSQL and Valkey, and the environment that leads Django to them.

pytest-django reads the settings before any conftest.py is loaded, so this comes by `-p tests.services`. Both servers
live in a temporary folder on free ports, and nothing of them is left when the run ends, whatever its result. They die
with this process, too.

TEST_DATABASE_URL names a PostgreSQL to use instead (databases are created in it); TASKFEED_TEST_STORE=sqlite runs the
same tests on SQLite.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from project.servers import Postgres, ServerFailed, Valkey


class Services:
    """The servers of one test run."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="taskfeed-tests-"))
        self.directory.chmod(0o711)  # PostgreSQL may have to run as another user
        self.valkey = Valkey(self.directory / "valkey", durable=False)
        self.store = os.environ.get("TASKFEED_TEST_STORE", "postgresql")
        self._stops: list[Callable[[], None]] = []

    def start(self) -> None:
        """Start what is needed and set the environment. Raises `ServerFailed`."""
        self._stops.append(self.valkey.stop)
        self.valkey.start()
        os.environ.update(
            DATABASE_URL=self._database_url(),
            REDIS_URL=self.valkey.url,
            DATA_DIR=str(self.directory / "data"),
            SECRET_KEY="a key for tests alone, as long as a key must be",
            ALLOWED_HOSTS="localhost,127.0.0.1,testserver",
            DEBUG="0",
            INTROSPECTION="1",
            GRAPHIQL="1",
            DJANGO_SETTINGS_MODULE="project.settings",
        )
        (self.directory / "data").mkdir()

    def stop(self) -> None:
        """End both servers and remove their folder. Safe to call again, and after a start that failed half-way."""
        while self._stops:
            self._stops.pop()()
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
    services = Services()
    # Python would end at once on SIGTERM, and leave the folder.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", returncode=143))
    early_config.add_cleanup(services.stop)
    try:
        services.start()
    except ServerFailed as error:
        services.stop()
        raise pytest.UsageError(str(error)) from error
    yield
