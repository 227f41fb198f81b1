"""A server and a worker for all client tests, whose sockets and streams beat every second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import node
from tests.e2e.support import Api, Databases, Processes

HERE = Path(__file__).parent
TYPESCRIPT = HERE.parents[2] / "client-examples" / "typescript"
BEAT_SECONDS = 1.0


@pytest.fixture(scope="package")
def processes(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A running server and worker."""
    running = Processes(tmp_path_factory.mktemp("clients"), databases.make(), SOCKET_PING_SECONDS=str(BEAT_SECONDS))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def api(processes: Processes) -> Api:
    """A client signed in as the user `ada`."""
    return processes.api.register("ada")


@pytest.fixture(scope="package")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts beside this file, with the clients that they use."""
    return node.install(HERE, tmp_path_factory.mktemp("npm") / "clients")


@pytest.fixture(scope="package")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """client-examples/typescript with its packages. Not to be changed: `node.copied` gives a copy that may be."""
    return node.install(TYPESCRIPT, tmp_path_factory.mktemp("npm") / "typescript")
