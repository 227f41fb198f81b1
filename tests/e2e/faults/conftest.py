"""The scene and the table of faults."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.crew import QUEUES, Crew, StandingDatabase
from tests.e2e.faults.scene import Result, Scene, table
from tests.e2e.support import Databases

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
