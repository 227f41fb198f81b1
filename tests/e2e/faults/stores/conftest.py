"""One deployment, with stores of its own that may be killed, for all faults of the stores."""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from project.servers import Postgres
from tests.e2e.faults.scene import Scene
from tests.e2e.support import Api, Databases

SLOTS = 4
"""Of each of the two workers."""
_users = count(1)


@pytest.fixture(scope="package")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that tests may restart."""
    directory = Path(tempfile.mkdtemp(prefix="taskfeed-faults-"))
    directory.chmod(0o711)  # PostgreSQL may have to run as another user
    made = Postgres(directory, durable=True)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="package")
def scene(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One server, and two workers that would rescue each other's attempts. No worker is ever started again."""
    directory = tmp_path_factory.mktemp("stores")
    made = Scene(directory, Databases(directory, postgres.url()).make())
    try:
        made.start_valkey()
        server, workers = made.spawn_server(), [made.spawn_worker(SLOTS), made.spawn_worker(SLOTS)]
        made.await_server(server)
        for worker in workers:
            made.await_worker(worker)
        yield made
    finally:
        made.stop()


@pytest.fixture
def api(scene: Scene) -> Api:
    """A user of the test's own."""
    return scene.api.register(f"user-{next(_users)}")
