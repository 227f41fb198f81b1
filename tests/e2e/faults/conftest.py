"""The scene and the table of faults."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tasks.hub import Hub
from tasks.models import User
from tests.e2e.faults.crew import QUEUES, Crew, StandingDatabase
from tests.e2e.faults.scene import Result, Scene, table
from tests.e2e.support import Databases
from tests.integration import rows

_RESULTS = pytest.StashKey[list[Result]]()

MakeScene = Callable[..., Scene]
Report = Callable[[Result], None]


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty table."""
    config.stash[_RESULTS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that stands here."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.faults)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of what was played."""
    if results := config.stash[_RESULTS]:
        terminalreporter.section("faults")
        for line in table(results):
            terminalreporter.write_line(line)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Adds a row to the table of faults."""
    return request.config.stash[_RESULTS].append


@pytest.fixture
def make_scene(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeScene]:
    """Makes scenes that are stopped when the test ends. Nothing runs in them yet."""
    made: list[Scene] = []

    def make(**environment: str) -> Scene:
        made.append(Scene(tmp_path_factory.mktemp("scene"), databases.make(), **environment))
        return made[-1]

    yield make
    for scene in made:
        scene.stop()


@pytest.fixture
def owner(transactional_db: None) -> User:  # noqa: ARG001 - the order matters
    return rows.new_owner()


@pytest.fixture
async def hub(settings: Settings, owner: User) -> AsyncIterator[Hub]:  # noqa: ARG001 - the order matters
    """A hub in this process, not started yet."""
    settings.TAIL_SECONDS = 0.2
    hub = Hub()
    yield hub
    await hub.stop()


@pytest.fixture(scope="session")
def crew(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Workers that come and go, on one scene for all faults of workers."""
    database = StandingDatabase(databases.make().url)
    scene = Scene(tmp_path_factory.mktemp("crew"), database, QUEUES=",".join(("default", *QUEUES)))
    try:
        yield Crew(scene)
    finally:
        scene.stop()
        database.close()
