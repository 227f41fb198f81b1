"""Who and what most of these tests need: users, tasks, a hub, a worker that the test plays."""

from collections.abc import AsyncIterator, Generator, Iterator
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from tasks.hub import Hub, current_hub
from tasks.models import Event, Task, User
from tasks.status import TRANSITIONS
from tests.integration.rows import new_owner, stored
from tests.integration.worker_scene import Scene
from tests.unit.api.socket.peer import COMMANDS, Server, serve


@pytest.fixture
def anna() -> User:
    return User.objects.create(username="anna")


@pytest.fixture
def ben() -> User:
    return User.objects.create(username="ben")


@pytest.fixture
def staff() -> User:
    return User.objects.create(username="staff", is_staff=True)


@pytest.fixture
def owner(transactional_db: None) -> User:  # noqa: ARG001 - the order matters
    return new_owner()


@pytest.fixture
def task(owner: User) -> Task:
    return stored(owner)


@pytest.fixture
def other_task(owner: User) -> Task:
    return stored(owner)


@pytest.fixture
async def _hub() -> AsyncIterator[None]:
    """End this loop's own hub, if the test has woken it."""
    yield
    await current_hub().stop()


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[Hub]:
    """A hub of the test's own, not started yet, which tails the log five times a second."""
    settings.TAIL_SECONDS = 0.2
    hub = Hub()
    yield hub
    await hub.stop()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    scene = Scene(monkeypatch)
    yield scene
    scene.place.caller.close()


@pytest.fixture(scope="module", params=list(COMMANDS))
def server(request: pytest.FixtureRequest) -> Generator[Server]:
    with serve(request.param) as running:
        yield running


@pytest.fixture
def room() -> str:
    """Name a room that no other test knows."""
    return uuid4().hex


@pytest.fixture
def legal_transitions() -> Iterator[None]:
    """Whatever a test did: each transition that the log tells is one of the table."""
    yield
    told = Event.objects.filter(kind="STATUS", body__from__isnull=False).values_list("body__from", "status")
    assert {(old, new) for old, new in told if old} <= set(TRANSITIONS)
