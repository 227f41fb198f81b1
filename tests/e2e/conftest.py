"""Real processes for each test module that asks for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import Api, Databases, Processes


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Where a test gets a fresh database of its own."""
    made = Databases(tmp_path_factory.mktemp("databases"))
    yield made
    made.drop_all()


@pytest.fixture(scope="module")
def processes(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A running server and worker on a database and a Valkey that this module's tests share."""
    running = Processes(tmp_path_factory.mktemp("processes"), databases.make())
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def api(processes: Processes) -> Api:
    """A client signed in as the user `ada`."""
    return processes.api.register("ada")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a folder for one `manage.py up`, which need not exist."""
    return tmp_path / "data"
